"""Stabilisation: jitter goes, motion stays, and nothing crosses a cut."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from clip_builder import texture

from onedepth import DepthMap, Photo
from onedepth.depthmap import Kind
from onedepth.errors import ConfigError
from onedepth.predict.predictor import Prediction
from onedepth.video.flow import carry, flow_both_ways, grey_picture
from onedepth.video.stabilize import Mode, Shown, check_mode, stabilize

HEIGHT, WIDTH = 96, 128
SCENE = texture(HEIGHT, WIDTH + 80)
Floats = npt.NDArray[np.float32]


def _shown(pixels: npt.NDArray[np.uint8], values: npt.ArrayLike, kind: Kind = "metric") -> Shown:
    depth = DepthMap(np.asarray(values, np.float32), kind, source="test")
    return Shown(Fraction(0), Prediction(depth, pixels, Photo(pixels)))


def _still(count: int, depth: npt.ArrayLike = 2.0) -> list[Shown]:
    pixels = SCENE[:, :WIDTH]
    return [_shown(pixels, np.broadcast_to(np.asarray(depth), (HEIGHT, WIDTH))) for _ in range(count)]


def _panned(values: npt.ArrayLike, count: int, step: int = 3) -> list[Shown]:
    """A camera that moves along a picture; `values` (H, WIDTH + 80) or one per frame."""
    return [
        _shown(np.ascontiguousarray(SCENE[:, at : at + WIDTH]), np.asarray(values)[:, at : at + WIDTH])
        for at in range(0, step * count, step)
    ]


def _depths(frames: list[Shown], mode: Mode = "full") -> list[Floats]:
    return [one.prediction.depth.values for one in stabilize(frames, mode)]


@pytest.mark.parametrize("mode", ["full", "scale", "off"])
def test_what_is_steady_stays_as_it_is(mode: Mode) -> None:
    rng = np.random.default_rng(1)
    scene = 1 + 4 * rng.random((HEIGHT, WIDTH), np.float32)
    for depth in _depths(_still(7, scene), mode):
        np.testing.assert_allclose(depth, scene, rtol=1e-5)


def test_off_passes_on_the_very_same_frames() -> None:
    frames = _still(3)
    assert list(stabilize(frames, "off")) == frames


@pytest.mark.parametrize("mode", ["full", "scale"])
def test_steady_approach_is_not_held_back(mode: Mode) -> None:
    """Something that comes nearer by 4 % a frame is never believed to stand still."""
    truth = [10 * 0.96**number for number in range(11)]
    frames = [_still(1, z)[0] for z in truth]
    for depth, z in zip(_depths(frames, mode), truth, strict=True):
        np.testing.assert_allclose(depth, z, rtol=1e-5)


@pytest.mark.parametrize("mode", ["full", "scale"])
def test_jitter_of_scale_goes_and_its_mean_stays(mode: Mode) -> None:
    rng = np.random.default_rng(2)
    jitter = np.exp(0.1 * rng.standard_normal(40))
    frames = [_still(1, 3 * factor)[0] for factor in jitter]
    after = np.log([depth.mean() / 3 for depth in _depths(frames, mode)])
    assert np.std(after[2:-2]) < 0.6 * np.std(np.log(jitter))
    assert np.mean(after) == pytest.approx(np.mean(np.log(jitter)), abs=0.02)


def test_jitter_of_pixels_goes_along_the_motion() -> None:
    rng = np.random.default_rng(3)
    scene = np.repeat(np.linspace(2, 4, WIDTH + 80, dtype=np.float32)[None], HEIGHT, axis=0)
    clean = _panned(scene, 9)
    noisy = [
        _shown(
            one.prediction.pixels,
            one.prediction.depth.values * np.exp(0.05 * rng.standard_normal((HEIGHT, WIDTH))),
        )
        for one in clean
    ]

    def error(depths: list[Floats]) -> float:
        wrong = [
            np.abs(np.log(depth / one.prediction.depth.values))[:, 12:-12]
            for depth, one in zip(depths, clean, strict=True)
        ]
        return float(np.mean(wrong[2:-2]))

    before = error([one.prediction.depth.values for one in noisy])
    assert error(_depths(noisy, "scale")) == pytest.approx(before, rel=0.05)
    assert error(_depths(noisy)) < 0.65 * before


def test_depth_does_not_bleed_over_edges() -> None:
    scene = np.where(np.arange(WIDTH + 80)[None] < 70, 1.0, 8.0) * np.ones((HEIGHT, 1))
    frames = _panned(scene, 7, step=4)
    for depth, one in zip(_depths(frames), frames, strict=True):
        edge = np.abs(np.log(depth / one.prediction.depth.values))
        assert edge.max() < 0.05


def test_nothing_crosses_a_cut() -> None:
    other = texture(HEIGHT, WIDTH, seed=9)
    frames = [*_still(4, 2.0), *(_shown(other, np.full((HEIGHT, WIDTH), 50.0)) for _ in range(4))]
    depths = _depths(frames)
    assert [round(float(depth.mean()), 3) for depth in depths] == [2.0] * 4 + [50.0] * 4


def test_affine_disparity_is_steadied_as_it_is() -> None:
    ramp = np.repeat(np.linspace(-3, 3, WIDTH, dtype=np.float32)[None], HEIGHT, axis=0)
    shifts = [0.0, 0.3, 0.0, 0.3, 0.0, 0.3, 0.0]
    frames = [_shown(SCENE[:, :WIDTH], ramp + shift, "affine_disparity") for shift in shifts]
    steady = [float((depth - ramp).mean()) for depth in _depths(frames)]
    assert np.ptp(steady[2:-2]) < 0.5 * np.ptp(shifts)


def test_pixels_without_depth_keep_having_none() -> None:
    hole = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    hole[10:20, 10:30] = 0
    for shown in stabilize(_still(5, hole)):
        assert (shown.prediction.depth.valid == (hole > 0)).all()


def test_only_a_few_frames_are_waited_for() -> None:
    """Frame n is answered when n + radius has been read: nothing else is held back."""
    read = 0

    def frames() -> Iterator[Shown]:
        nonlocal read
        for shown in _still(12):
            read += 1
            yield shown

    for number, _ in enumerate(stabilize(frames(), radius=2)):
        assert read <= number + 3


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6])
def test_every_frame_comes_out_once_in_order(count: int) -> None:
    frames = [_still(1, 1.0 + number)[0] for number in range(count)]
    marked = [Shown(Fraction(number), one.prediction) for number, one in enumerate(frames)]
    assert [one.time for one in stabilize(marked)] == list(range(count))


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of full, scale, off"):
        check_mode("strong")


def test_flow_finds_a_shift_and_carries_values_back() -> None:
    pixels = texture(96, 140)
    one, other = (grey_picture(np.ascontiguousarray(pixels[:, at : at + 128])) for at in (0, 5))
    flows = flow_both_ways(one, other)
    assert flows is not None
    assert np.median(flows[0].motion[..., 0]) == pytest.approx(-5, abs=0.2)
    columns = np.repeat(np.arange(5, 133, dtype=np.float32)[None], 96, axis=0)
    carried = carry(columns, flows[0])
    inner = carried[8:-8, 12:-12]
    seen = np.isfinite(inner)
    assert seen.mean() > 0.9
    truth = np.broadcast_to(np.arange(128, dtype=np.float32), (96, 128))[8:-8, 12:-12]
    assert np.abs(inner[seen] - truth[seen]).mean() < 0.3
    assert np.isnan(carried[:, :3]).all()  # left the picture


def test_flow_answers_none_after_a_cut() -> None:
    assert flow_both_ways(*(grey_picture(texture(96, 128, seed)) for seed in (0, 1))) is None
