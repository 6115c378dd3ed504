"""A labelled point in space stays that point, seen through the camera that moved along."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_builder import check_same_points, ramp, same, sample_of

from onedepth import Camera
from onedepth.data.sample import Sample
from onedepth.data.transforms import crop, flip, resize, zoom

sides = st.integers(4, 40)
zooms = st.floats(1.0, 2.0)
windows = st.tuples(*[st.floats(0, 1)] * 4)
changes = st.one_of(
    st.tuples(st.just("crop"), windows),
    st.tuples(st.just("resize"), st.tuples(sides, sides)),
    st.tuples(st.just("flip"), st.just(())),
    st.tuples(st.just("zoom"), st.tuples(zooms, zooms)),
)


def apply(sample: Sample, change: tuple[str, tuple[float, ...]]) -> Sample:
    name, values = change
    if name == "crop":
        width, height = sample.camera.size
        left, top = int(values[0] * (width - 1)), int(values[1] * (height - 1))
        return crop(
            sample,
            left,
            top,
            1 + int(values[2] * (width - left - 1)),
            1 + int(values[3] * (height - top - 1)),
        )
    if name == "resize":
        return resize(sample, int(values[0]), int(values[1]))
    return flip(sample) if name == "flip" else zoom(sample, *values)


def slack_after(
    sample: Sample, change: tuple[str, tuple[float, ...]], old: Sequence[float]
) -> tuple[float, float]:
    """How far, in pixels, a depth may lie from where its point is seen: picking or scattering adds a half."""
    if change[0] in ("crop", "flip"):
        return old[0], old[1]
    moved = apply(sample, change).camera
    scales = (moved.fx / sample.camera.fx, moved.fy / sample.camera.fy)
    return scales[0] * old[0] + 0.5 * max(scales[0], 1), scales[1] * old[1] + 0.5 * max(scales[1], 1)


@settings(max_examples=80, deadline=None)
@given(sides, sides, st.sampled_from([0.1, 0.3, 0.8, 1.0]), st.lists(changes, min_size=1, max_size=3))
def test_labelled_points_stay_where_they_are_in_space(
    width: int, height: int, share: float, chain: list[tuple[str, tuple[float, ...]]]
) -> None:
    before = after = sample_of(width, height, share)
    mirrored, slack = False, (0.0, 0.0)
    for change in chain:
        slack = slack_after(after, change, slack)
        mirrored ^= change[0] == "flip"
        after = apply(after, change)
        assert after.label.shape == after.image.shape[:2] == (after.camera.height, after.camera.width)
    check_same_points(before, after, mirrored, slack)


@pytest.mark.parametrize("share", [1.0, 0.2])
@pytest.mark.parametrize("size", [(31, 23), (70, 51), (13, 40)])
def test_labels_have_no_bias_of_half_a_pixel(size: tuple[int, int], share: float) -> None:
    before = sample_of(48, 36, share)
    for after in (resize(before, *size), zoom(before, 1.37, 1.83)):
        rows, columns = np.nonzero(np.isfinite(after.label))
        where = {float(z): p for p, z in np.ndenumerate(before.label) if np.isfinite(z)}
        source = np.array([where[float(z)] for z in after.label[rows, columns]])[:, ::-1]
        points = before.camera.unproject(source + 0.5, after.label[rows, columns])
        offset = after.camera.project(points) - np.stack([columns, rows], axis=-1) - 0.5
        assert np.abs(offset.mean(axis=0)).max() < 0.15


def test_a_plane_stays_that_plane() -> None:
    """Back-project a floor before and after: cropping and mirroring are exact, the rest to half a pixel."""
    camera = Camera(width=60, height=40, fx=50.0, fy=52.0, cx=31.0, cy=4.0)
    rays = camera.rays().astype(np.float64)
    normal, distance = np.array([0.1, 0.9, 0.2]), 1.5
    depth = (distance / (rays @ normal)).astype(np.float32)
    before = Sample("id", ramp(60, 40), depth, camera)

    def gap(sample: Sample, facing: npt.NDArray[np.float64]) -> float:
        points = sample.camera.rays().astype(np.float64) * sample.label[..., None]
        return float(np.abs(points @ facing - distance).max())

    assert gap(before, normal) < 1e-5
    assert gap(crop(before, 7, 5, 41, 30), normal) < 1e-5
    assert gap(flip(before), normal * [-1, 1, 1]) < 1e-5
    half_pixel = 0.5 * float(
        (depth[..., None] * np.abs(normal) / [camera.fx, camera.fy, np.inf]).sum(-1).max()
    )
    for after in (resize(before, 45, 31), resize(before, 97, 80), zoom(before, 1.7, 1.2)):
        assert 1e-4 < gap(after, normal) < 1.01 * half_pixel


def test_mirroring_twice_changes_nothing() -> None:
    sample = sample_of(13, 9, 0.5, video=True)
    assert same(flip(flip(sample)), sample)
    assert not same(flip(sample), sample)


def test_mirroring_and_resizing_commute() -> None:
    sample = sample_of(41, 30)  # 41 -> 27 and 30 -> 22: no pixel centre falls on the border of two
    for size in ((27, 22), (27, 44)):
        one, other = flip(resize(sample, *size)), resize(flip(sample), *size)
        assert np.array_equal(one.label, other.label)
        assert np.abs(one.image.astype(int) - other.image).max() <= 1
