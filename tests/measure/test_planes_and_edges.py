"""Planes, floors and depth edges of exact scenes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import camera, nearest, plane_depth, room, with_box

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.measure import depth_edges, find_floor, fit_plane

angles = st.floats(-0.6, 0.6)


@given(angles, angles, st.floats(0.5, 5), st.integers(1, 12))
def test_a_plane_has_no_edges_however_it_lies(pan, tilt, distance, reach):
    cam = camera()
    normal = np.array([np.sin(pan), np.sin(tilt), -1.0])
    depth = plane_depth(cam, normal / np.linalg.norm(normal), distance)
    assert not depth_edges(DepthMap(depth.astype(np.float32), "metric", cam), edge=0.001, reach=reach).any()


@given(st.integers(1, 8), st.integers(20, 140), st.floats(1.25, 4))
def test_a_step_marks_the_pixels_within_reach_of_it_and_no_others(reach, at, jump):
    values = np.full((40, 160), 2.0, np.float32)
    values[:, at:] *= jump
    expected = np.zeros((40, 160), bool)
    expected[:, at - reach : at + reach] = True
    for turned in (False, True):
        scene = DepthMap(values.T if turned else values, "metric")
        found = depth_edges(scene, reach=reach)
        np.testing.assert_array_equal(found.T if turned else found, expected)


def test_thin_things_and_soft_edges_are_found():
    thin = np.full((40, 160), 4.0, np.float32)
    thin[:, 80] = 2.0
    assert depth_edges(DepthMap(thin, "metric"), reach=8)[:, 79:82].all()
    soft = 1 / np.interp(np.arange(640), [300, 306], [0.25, 0.5]).astype(np.float32)
    assert depth_edges(DepthMap(np.tile(soft, (100, 1)), "metric"))[:, 300:306].all()


def test_the_scale_of_a_map_does_not_move_its_edges_and_its_reach_follows_its_size():
    scene = with_box(room())
    scaled = DepthMap(scene.values * 64, "scaled", scene.camera)
    np.testing.assert_array_equal(depth_edges(scene), depth_edges(scaled))
    large = DepthMap(np.kron(scene.values, np.ones((4, 4), np.float32)), "metric")
    assert depth_edges(large).mean() == pytest.approx(depth_edges(scene).mean(), rel=0.3)
    with pytest.raises(DepthMapError, match="affine"):
        depth_edges(scene.to_affine_disparity())
    with pytest.raises(DepthMapError, match="edge"):
        depth_edges(scene, edge=0)
    with pytest.raises(DepthMapError, match="reach"):
        depth_edges(scene, reach=0)


@settings(max_examples=25)
@given(st.floats(0.3, 3), st.floats(-0.2, 0.5), st.floats(-0.3, 0.3))  # looking up leaves a strip of floor
def test_the_floor_is_found_whatever_the_height_and_tilt_of_the_camera(height, pitch, roll):
    normal = np.array([np.sin(roll), -np.cos(roll) * np.cos(pitch), -np.cos(roll) * np.sin(pitch)])
    cam = camera(width=80, height=60, focal=30.0)
    depth = nearest(plane_depth(cam, normal, height), plane_depth(cam, (0, 0, -1), 4 * height))
    floor = find_floor(DepthMap(depth, "metric", cam))
    np.testing.assert_allclose(floor.normal, normal, atol=0.01)
    assert floor.offset == pytest.approx(height, rel=0.01)


def test_a_large_table_does_not_pass_for_the_floor():
    cam = camera(focal=60.0)
    floor, table = plane_depth(cam, (0, -1, 0), 1.5), plane_depth(cam, (0, -1, 0), 0.7)
    on_table = np.zeros(floor.shape, bool)
    on_table[74:, 50:] = True
    scene = DepthMap(
        nearest(floor, np.where(on_table, table, 0), plane_depth(cam, (0, 0, -1), 5)), "metric", cam
    )
    assert (scene.values == table.astype(np.float32)).sum() > (scene.values == floor.astype(np.float32)).sum()
    found = find_floor(scene)
    assert found.offset == pytest.approx(1.5, rel=0.02)
    assert found.height(scene.points())[scene.values.ravel() == table.astype(np.float32).ravel()] == (
        pytest.approx(0.8, abs=0.05)
    )


def test_walls_alone_are_no_floor():
    cam = camera()
    with pytest.raises(DepthMapError, match="no plane faces up"):
        find_floor(DepthMap(np.full((120, 160), 3.0, np.float32), "metric", cam))


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_plane_is_found_among_forty_percent_of_outliers(seed):
    draw = np.random.default_rng(seed)
    normal = draw.normal(size=3)
    normal /= np.linalg.norm(normal)
    flat = draw.uniform(-1, 1, (600, 3))
    flat -= np.outer(flat @ normal, normal)
    points = np.concatenate(
        [flat + 3 * normal + draw.normal(0, 0.005, (600, 3)), draw.uniform(-4, 4, (400, 3))]
    )
    plane = fit_plane(points, seed=seed)
    assert abs(np.dot(plane.normal, normal)) > 0.999
    assert plane.offset == pytest.approx(3, abs=0.03)
    assert np.dot(plane.normal, normal) < 0  # towards the camera
    assert 0.55 < plane.share < 0.75


def test_planes_of_too_few_points():
    assert fit_plane(np.zeros((2, 3))) is None
    assert fit_plane(np.outer(np.arange(1.0, 50), [1.0, 2.0, 3.0])) is None
    with pytest.raises(DepthMapError, match="tolerance"):
        fit_plane(np.zeros((5, 3)), tolerance=0)
    with pytest.raises(DepthMapError, match="shape"):
        fit_plane(np.zeros((5, 2)))


def test_a_wall_that_leans_is_no_floor():
    """Tilted by 70 degrees: looked for within 60, but a fit of noisy points may turn away."""
    cam, draw = camera(focal=100.0), np.random.default_rng(2)
    normal = np.array([0.0, -np.cos(np.radians(64)), -np.sin(np.radians(64))])
    depth = plane_depth(cam, normal, 2.0)
    scene = DepthMap((depth * draw.normal(1, 0.03, depth.shape)).astype(np.float32), "metric", cam)
    with pytest.raises(DepthMapError, match="no plane faces up"):
        find_floor(scene, edges=np.zeros(depth.shape, bool))
