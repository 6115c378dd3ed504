"""Poses from points with depth, and depth between pixels: invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.track.depths import depth_at, smooth_disparity
from onedepth.track.pnp import Points, locate, refine, triangulated
from onedepth.track.poses import inverse, moved, rigid, turn
from onedepth.track.tracker import rays_of

CAMERA = Camera.from_focal(300.0, 320, 240)
small = st.floats(-0.1, 0.1)
motions = st.builds(lambda a, b, c, x, y, z: rigid(turn([a, b, c]), [x, y, z]), *[small] * 6)


def scene(motion: np.ndarray, number: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of the first camera and where the second sees them."""
    generator = np.random.default_rng(seed)
    pixels = generator.uniform((60, 60), (260, 180), (number, 2))
    xyz = rays_of(pixels, CAMERA) * generator.uniform(2, 6, (number, 1))
    return xyz, CAMERA.project(moved(motion, xyz))


@settings(max_examples=25)
@given(motions, st.floats(0.01, 100.0))
def test_exact_points_give_the_exact_motion_in_any_unit(motion: np.ndarray, unit: float) -> None:
    xyz, seen = scene(motion)
    seen[:10] += 40.0  # a sixth is wrong
    found = locate(Points(unit * xyz, np.full(len(xyz), 0.05)), seen, CAMERA, 0.5)
    assert found is not None
    expected = motion.copy()
    expected[:3, 3] *= unit
    np.testing.assert_allclose(found.motion[:3, :3], expected[:3, :3], atol=1e-3)
    np.testing.assert_allclose(found.motion[:3, 3], expected[:3, 3], atol=3e-3 * unit)
    assert found.agree[10:].mean() > 0.95


def test_noisy_depth_hurts_less_when_the_residuals_know_of_it() -> None:
    motion = rigid(turn([0.01, 0.02, 0.0]), [0.05, 0.0, -0.6])  # forward
    off = {0.1: 0.0, 0.001: 0.0}
    for seed in range(8):
        xyz, seen = scene(motion, 200, seed)
        wrong = xyz * np.exp(np.random.default_rng(100 + seed).normal(0, 0.1, (200, 1)))
        for noise in off:
            found = refine(motion, Points(wrong, np.full(200, noise)), seen, CAMERA, 0.3)
            turned = inverse(motion)[:3, :3] @ found[:3, :3]
            off[noise] += float(np.linalg.norm(turned - np.eye(3)))
    assert off[0.1] < 0.5 * off[0.001]


def test_nothing_is_found_where_nothing_fits() -> None:
    xyz, _ = scene(np.eye(4))
    nonsense = np.random.default_rng(1).uniform((0, 0), (320, 240), (60, 2))
    assert locate(Points(xyz, np.full(60, 0.05)), nonsense, CAMERA, 0.5) is None
    assert locate(Points(xyz[:5], np.full(5, 0.05)), nonsense[:5], CAMERA, 0.5) is None


@settings(max_examples=25)
@given(motions)
def test_two_rays_meet_at_their_point(motion: np.ndarray) -> None:
    motion[0, 3] += 0.5
    xyz, seen = scene(motion)
    depth, angle = triangulated(xyz / xyz[:, 2:], rays_of(seen, CAMERA), motion)
    np.testing.assert_allclose(depth, xyz[:, 2], rtol=1e-6)
    assert (angle > 0).all()


@pytest.mark.parametrize("slope", [0.0, 0.8, -1.5])
def test_a_slanted_plane_has_no_edge_and_exact_depth_between_pixels(slope: float) -> None:
    disparity = (1 + slope * (CAMERA.rays()[..., 0].astype(np.float64)) * 0.5) / 4
    smooth = smooth_disparity(DepthMap(1 / disparity, "metric", CAMERA))
    assert np.isfinite(smooth[6:-6, 6:-6]).all()
    pixels = np.random.default_rng(2).uniform((20, 20), (300, 220), (50, 2))
    expected = 4 / (1 + slope * rays_of(pixels, CAMERA)[:, 0] * 0.5)
    np.testing.assert_allclose(depth_at(smooth, pixels, CAMERA.size), expected, rtol=1e-3)
    half = depth_at(smooth, pixels / 2, (160, 120))
    np.testing.assert_allclose(half, expected, rtol=1e-3)


def test_pixels_at_a_depth_edge_have_no_depth() -> None:
    depth = np.full((240, 320), 2.0)
    depth[:, 160:] = 4.0
    smooth = smooth_disparity(DepthMap(depth, "metric", CAMERA))
    at = depth_at(
        smooth,
        np.array([[100.0, 50.0], [160.0, 50.0], [158.5, 90.0], [161.5, 90.0], [220.0, 50.0]]),
        CAMERA.size,
    )
    np.testing.assert_allclose(at, [2.0, np.nan, np.nan, np.nan, 4.0], rtol=1e-6)


def test_sparse_depth_reaches_two_pixels() -> None:
    depth = np.zeros((240, 320))
    depth[::20, ::20] = 3.0
    depth[100, 103] = 9.0  # beside 3 m: who is right?
    smooth = smooth_disparity(DepthMap(depth, "metric", CAMERA, depth > 0))
    at = depth_at(smooth, np.array([[21.2, 41.7], [30.5, 50.5], [102.5, 100.5]]), CAMERA.size)
    np.testing.assert_allclose(at, [3.0, np.nan, np.nan], rtol=1e-5)
