"""Undoing lens distortion: a labelled point is seen by the pinhole where its ray goes."""

from dataclasses import replace

import numpy as np
import pytest
from sample_builder import ramp, sample_of

from onedepth import Camera
from onedepth.data.sample import Sample
from onedepth.data.straighten import straighten
from onedepth.distortion import Distortion, Fisheye, RadialTangential

CAMERA = Camera(width=60, height=44, fx=50, fy=48, cx=31, cy=21)
LENSES = [
    RadialTangential(-0.2, 0.05, 0.002, -0.001),
    RadialTangential(0.15, 0, 0, 0),
    Fisheye(0.05, 0, 0, 0),
]


def distorted(lens: Distortion, share: float) -> Sample:
    return replace(sample_of(60, 44, share), camera=replace(CAMERA, distortion=lens), image=ramp(60, 44))


@pytest.mark.parametrize("lens", LENSES, ids=str)
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_points_keep_their_depth_and_lie_on_their_ray(lens: Distortion, share: float) -> None:
    before = distorted(lens, share)
    after = straighten(before)
    assert after.camera == CAMERA
    assert after.label.shape == before.label.shape
    where = {float(z): (u + 0.5, v + 0.5) for (v, u), z in np.ndenumerate(before.label) if np.isfinite(z)}
    rows, columns = np.nonzero(np.isfinite(after.label))
    assert len(rows) > 0.6 * len(where)
    source = np.array([where[float(z)] for z in after.label[rows, columns]])  # a made-up depth is a KeyError
    seen = after.camera.project(before.camera.unproject(source, np.ones(len(source))))
    offset = np.abs(seen - np.stack([columns, rows], axis=-1) - 0.5)
    assert offset.max() < (0.51 if share < 0.5 else 1.0)


@pytest.mark.parametrize("lens", LENSES, ids=str)
def test_the_image_shows_what_the_ray_sees(lens: Distortion) -> None:
    before = distorted(lens, 1.0)
    after = straighten(before)
    seen = before.camera.project(after.camera.rays())
    inside = (seen > 1).all(-1) & (seen < np.array([59, 43])).all(-1)
    expected = seen * [3, 2]  # the ramp tells where it was seen
    assert np.abs(after.image[..., :2] - expected)[inside].max() < 1.5
    outside = (seen < -1).any(-1) | (seen > np.array([61, 45])).any(-1) | np.isnan(seen).any(-1)
    assert not after.image[outside].any()
    assert np.isnan(after.label[outside]).all()


def test_the_nearest_of_two_points_in_a_pixel_stays() -> None:
    camera = Camera(
        width=40, height=40, fx=20, fy=20, cx=20, cy=20, distortion=RadialTangential(0.5, 0, 0, 0)
    )
    label = np.full((40, 40), np.nan, np.float32)
    label[0, 0:6] = 5.0, 4.0, 3.0, 2.0, 6.0, 7.0  # near the corner the pinhole view is smaller
    for disparity in (False, True):
        after = straighten(Sample("a", ramp(40, 40), label, camera, disparity=disparity)).label
        kept = after[np.isfinite(after)]
        assert 0 < len(kept) < 6
        assert (7.0 if disparity else 2.0) in kept


def test_video_frames_follow() -> None:
    sample = replace(sample_of(60, 44, video=True), camera=replace(CAMERA, distortion=LENSES[0]))
    after = straighten(sample)
    assert np.array_equal(after.image, after.frames[0])
    assert len(after.frames) == len(after.pose_frames) == 3
    assert not np.array_equal(after.frames[1], sample.frames[1])
