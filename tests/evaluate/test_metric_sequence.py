"""Scale consistency, temporal flicker and zoom invariance: perfect worlds score perfectly, others by hand."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_scenes import CAMERA, Raster, boxes, case_of

from onedepth.errors import DataError
from onedepth.evaluate.align import align
from onedepth.evaluate.metrics import (
    Frame,
    flow_flicker,
    scale_consistency,
    scale_of,
    temporal_alignment_error,
    zoom_invariance,
)
from onedepth.evaluate.metrics.flicker import carried
from onedepth.evaluate.metrics.sample import bilinear

Pose = npt.NDArray[np.float64]


def shifted(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Pose:
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def wall(z: float) -> Raster:
    return np.full((36, 48), z, np.float32)


def test_scales_by_hand() -> None:
    found = scale_consistency([2.0, 4.0, None, 2.0, 1.0])
    assert found["scale_median"] == 2.0
    assert found["scale_spread"] == pytest.approx(np.std([1, 2, 1, 0.5]))
    assert found["scale_drift"] == pytest.approx(math.log(2))  # 2 to 4 and 2 to 1; across the gap is no step


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=20), st.floats(0.1, 10))
def test_a_constant_factor_is_consistent(scales: list[float], factor: float) -> None:
    one, other = scale_consistency(scales), scale_consistency([factor * scale for scale in scales])
    assert other == pytest.approx({**one, "scale_median": factor * one["scale_median"]}, abs=1e-9)
    steady = scale_consistency([factor] * len(scales))
    assert steady["scale_spread"] == 0
    assert steady.get("scale_drift", 0) == 0


def test_scales_come_from_fits_and_cases() -> None:
    truth = boxes(0)
    case = case_of(truth / 3, truth)
    fit = align("median", case.predicted_pixels, case.true_pixels)
    lost = align("median", case.predicted_pixels[:0], case.true_pixels[:0])
    assert scale_consistency([fit, lost, fit])["scale_median"] == pytest.approx(3)
    assert scale_of(case) == pytest.approx(3)
    assert scale_of(case.aligned(fit)) == pytest.approx(1)
    assert scale_of(case_of(truth, truth, mask=np.zeros(truth.shape, np.bool_))) is None
    assert scale_consistency([lost, None]) == {}
    assert "scale_drift" not in scale_consistency([1.0])
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(DataError, match="finite factor above 0"):
            scale_consistency([1.0, bad])


def test_a_right_sequence_does_not_flicker() -> None:
    frames = [Frame(wall(5 - 0.5 * k), CAMERA, shifted(x=0.1 * k, z=0.5 * k)) for k in range(4)]
    assert temporal_alignment_error(iter(frames)) == {"tae": pytest.approx(0, abs=1e-5), "tae_pairs": 6.0}


def test_flicker_by_hand() -> None:
    """A wall at 4 m that jumps to 5 m: off by a fifth forth, by a quarter back."""
    frames = [Frame(wall(4), CAMERA, np.eye(4)), Frame(wall(5), CAMERA, np.eye(4))]
    assert temporal_alignment_error(frames)["tae"] == pytest.approx(100 * (1 / 5 + 1 / 4) / 2)


def reproject_slowly(source: Frame, target: Frame) -> dict[tuple[int, int], float]:
    seen: dict[tuple[int, int], float] = {}
    for i, j in zip(*np.nonzero(source.valid()), strict=True):
        z = float(source.depth[i, j])
        x, y = (j + 0.5 - CAMERA.cx) / CAMERA.fx * z, (i + 0.5 - CAMERA.cy) / CAMERA.fy * z
        world = source.pose @ np.array([x, y, z, 1])
        there = np.linalg.inv(target.pose) @ world
        if there[2] <= 0:
            continue
        u = CAMERA.fx * there[0] / there[2] + CAMERA.cx
        v = CAMERA.fy * there[1] / there[2] + CAMERA.cy
        if 0 <= u < 48 and 0 <= v < 36:
            key = int(v), int(u)
            seen[key] = min(seen.get(key, math.inf), float(there[2]))
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_flicker_is_that_of_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(3):
        angle = 0.05 * k
        pose = shifted(*rng.uniform(-0.2, 0.2, 3))
        pose[:3, :3] = [
            [math.cos(angle), 0, math.sin(angle)],
            [0, 1, 0],
            [-math.sin(angle), 0, math.cos(angle)],
        ]
        mask = rng.random((36, 48)) > 0.1
        frames.append(Frame(boxes(seed, noise=0.05), CAMERA, pose, mask))
    errors = []
    for a, b in ((0, 1), (1, 0), (1, 2), (2, 1)):
        source, target = frames[a], frames[b]
        seen = reproject_slowly(source, target)
        valid = target.valid()
        both = [abs(float(target.depth[p]) - z) / float(target.depth[p]) for p, z in seen.items() if valid[p]]
        errors.append(sum(both) / len(both))
    found = temporal_alignment_error(frames)
    assert found == {"tae": pytest.approx(100 * sum(errors) / 4, rel=1e-3), "tae_pairs": 4.0}


def test_the_nearest_point_hides_the_others_and_what_is_behind_is_not_seen() -> None:
    depth = wall(6)
    depth[10, 20] = 2
    seen = carried(Frame(depth, CAMERA, np.eye(4)), Frame(wall(1), CAMERA, shifted(z=-30)))
    assert seen[seen > 0].min() == pytest.approx(32)
    assert not carried(Frame(wall(2), CAMERA, np.eye(4)), Frame(wall(1), CAMERA, shifted(z=3))).any()


def test_frames_that_see_nothing_in_common_give_no_number() -> None:
    apart = [Frame(wall(2), CAMERA, np.eye(4)), Frame(wall(2), CAMERA, shifted(x=500))]
    assert temporal_alignment_error(apart) == {}
    assert temporal_alignment_error(apart[:1]) == {}
    assert temporal_alignment_error([]) == {}
    hidden = Frame(wall(2), CAMERA, np.eye(4), np.zeros((36, 48), np.bool_))
    assert temporal_alignment_error([hidden, hidden]) == {}


def test_frames_must_make_sense() -> None:
    good = Frame(wall(2), CAMERA, np.eye(4))
    with pytest.raises(DataError, match="pose"):
        temporal_alignment_error([good, Frame(wall(2), CAMERA, np.full((4, 4), np.nan))])
    with pytest.raises(DataError, match="camera"):
        temporal_alignment_error([good, Frame(wall(2)[:3], CAMERA, np.eye(4))])


def test_flow_by_hand() -> None:
    """A ramp that moves right by 2.5 pixels and comes 10 % nearer; outside and hidden pixels do not count."""
    columns = np.arange(48, dtype=np.float32)
    before = np.tile(10 + columns, (36, 1)).astype(np.float32)
    after = (0.9 * (before - 2.5)).astype(np.float32)
    flow = np.zeros((36, 48, 2), np.float32)
    flow[..., 0] = 2.5
    mask = np.ones((36, 48), np.bool_)
    mask[3], before[3] = False, 99
    assert flow_flicker(before, after, flow, mask) == {"flow_flicker": pytest.approx(10, rel=1e-5)}
    flow[5, 5] = np.nan
    assert flow_flicker(before, after, flow, mask) == {"flow_flicker": pytest.approx(10, rel=1e-5)}
    assert flow_flicker(before, after, flow + 100, mask) == {}
    assert flow_flicker(before, before, 0 * np.nan_to_num(flow), mask)["flow_flicker"] == 0
    with pytest.raises(DataError, match="expected one size"):
        flow_flicker(before, after, flow[..., 0], mask)


def test_bilinear_is_exact_for_ramps_at_any_position() -> None:
    rows, columns = np.mgrid[:6, :8] + 0.5
    u, v = np.random.default_rng(0).uniform(0.5, 5.5, (2, 40))
    np.testing.assert_allclose(bilinear(2 * columns - 3 * rows, u, v), 2 * u - 3 * v, atol=1e-12)
    np.testing.assert_allclose(bilinear(columns, np.array([-4.0, 99.0]), np.array([1.0, 1.0])), [0.5, 7.5])


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0])
def test_a_model_that_knows_its_camera_is_zoom_invariant(factor: float) -> None:
    rows, columns = np.mgrid[:36, :48] + 0.5
    full = (3 + 0.02 * columns + 0.05 * rows).astype(np.float32)
    zoomed = 3 + 0.02 * ((columns - 24) / factor + 24) + 0.05 * ((rows - 18) / factor + 18)
    found = zoom_invariance(full, zoomed.astype(np.float32), factor)
    assert found == pytest.approx({"zoom_ratio": 1, "zoom_rms_log": 0}, abs=1e-6)


def test_a_model_that_takes_size_for_nearness_is_not() -> None:
    full = boxes(0)
    nearer = zoom_invariance(wall(6), wall(3), 2.0)
    assert nearer == pytest.approx({"zoom_ratio": 0.5, "zoom_rms_log": 0}, abs=1e-6)
    of_the_set = zoom_invariance(wall(6), wall(3), 2.0, ratio=1.0)
    assert of_the_set["zoom_rms_log"] == pytest.approx(math.log(2))
    assert zoom_invariance(full, full, 1.0)["zoom_rms_log"] == pytest.approx(0, abs=1e-6)
    assert zoom_invariance(full, np.full_like(full, np.nan), 2.0) == {}
    with pytest.raises(DataError, match="factor"):
        zoom_invariance(full, full, 0.5)
    with pytest.raises(DataError, match="zoomed"):
        zoom_invariance(full, full[:4], 2.0)
