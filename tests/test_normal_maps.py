"""Normals of depth maps are exact on planes and do not mix the sides of an edge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.distortion import RadialTangential
from onedepth.errors import DepthMapError
from onedepth.normals import normal_picture, surface_normals

angles = st.floats(-0.6, 0.6)


def plane(camera, normal, offset):
    return (-offset / (camera.rays().astype(np.float64) @ normal)).astype(np.float32)


@settings(max_examples=40)
@given(angles, angles, st.floats(0.5, 9), st.booleans())
def test_normals_of_a_plane_are_its_normal_whatever_the_lens(pan, tilt, distance, bent):
    lens = RadialTangential(0.05, 0.01, 0.001, 0.0) if bent else None
    camera = Camera.from_focal(40.0, 32, 24, distortion=lens)
    normal = np.array([np.sin(pan), np.sin(tilt), -1.0])
    normal /= np.linalg.norm(normal)
    normals, valid = surface_normals(DepthMap(plane(camera, normal, distance), "metric", camera))
    assert valid.all()
    np.testing.assert_allclose(normals, np.broadcast_to(normal, normals.shape), atol=2e-3)


def test_sides_of_an_edge_keep_their_own_normals():
    camera = Camera.from_focal(40.0, 32, 24)
    left, right = plane(camera, np.array([0, -0.6, -0.8]), 2.0), plane(camera, np.array([0.6, 0, -0.8]), 6.0)
    values = np.where(np.arange(32) < 16, left, right)
    normals, valid = surface_normals(DepthMap(values, "metric", camera))
    assert valid.all()
    np.testing.assert_allclose(normals[:, :16], np.broadcast_to([0, -0.6, -0.8], (24, 16, 3)), atol=1e-3)
    np.testing.assert_allclose(normals[:, 16:], np.broadcast_to([0.6, 0, -0.8], (24, 16, 3)), atol=1e-3)


def test_rows_that_are_computed_apart_fit_together():
    camera = Camera.from_focal(300.0, 20, 300)
    values = np.random.default_rng(0).uniform(1, 2, (300, 20)).astype(np.float32)
    normals, valid = surface_normals(DepthMap(values, "metric", camera))
    turned = camera.crop(0, 100, 20, 60)
    inner, has = surface_normals(DepthMap(values[100:160], "metric", turned))
    assert valid.all()
    assert has.all()
    np.testing.assert_allclose(inner[1:-1], normals[101:159], atol=1e-5)


def test_pixels_without_neighbours_have_no_normal():
    values = np.zeros((5, 5), np.float32)
    values[2, 2] = 1
    values[0, :2] = 1
    depthmap = DepthMap(values, "metric", Camera.from_focal(5.0, 5, 5))
    normals, valid = surface_normals(depthmap)
    assert not valid.any()
    assert not normals.any()
    with pytest.raises(DepthMapError, match="camera"):
        surface_normals(DepthMap(values, "metric"))
    with pytest.raises(DepthMapError, match="affine"):
        surface_normals(depthmap.to_affine_disparity())


def test_the_picture_has_the_colours_of_opengl():
    normals = np.array([[[0, 0, -1], [1, 0, 0], [0, -1, 0], [0, 0, 0]]], np.float32)
    picture = normal_picture(normals, np.array([[True, True, True, False]]))
    assert picture[0].tolist() == [[128, 128, 255], [255, 128, 128], [128, 255, 128], [0, 0, 0]]
