"""The failure gallery's truth is exact, its traps are in sight, and its numbers are those of the maps."""

from dataclasses import replace

import failure_gallery as gallery
import numpy as np
import pytest
from failures import raycast, scenes

from onedepth.camera import Camera
from onedepth.distortion import Fisheye

CAMERA = Camera.from_fov(62, 24, 18)
GREY = scenes.plain((0.5, 0.5, 0.5), 0.0)


@pytest.mark.parametrize("camera", [CAMERA, replace(CAMERA, fx=14, fy=14, distortion=Fisheye(0.02, 0, 0, 0))])
def test_depth_of_a_wall_a_floor_and_a_ball_is_exact(camera):
    wall = scenes.box((0, 0, 3.5), (50, 50, 1), GREY)
    depth, index = raycast.depth(raycast.Scene([wall]), camera, raycast.pose(0), (0, 0, 0))
    np.testing.assert_allclose(depth, 3.0, rtol=1e-5)
    assert (index == 0).all()

    ball = raycast.Shape((0.0, 0.0, 2.0), raycast.Material(GREY), radius=0.5)
    depth, index = raycast.depth(raycast.Scene([ball, wall]), camera, raycast.pose(0), (0, 0, 0))
    points = camera.rays() * depth[..., None]
    on_ball = index == 0
    assert 0 < on_ball.mean() < 1
    radius = np.linalg.norm(points[on_ball] - (0, 0, 2), axis=1)
    np.testing.assert_allclose(radius, 0.5, rtol=1e-4)
    np.testing.assert_allclose(depth[~on_ball], 3.0, rtol=1e-5)


def test_depth_is_along_the_axis_of_a_turned_camera_that_stands_elsewhere():
    floor = scenes.box((0, 2.0, 0), (500, 1.0, 500), GREY)
    rotation, place = raycast.pose(30, 50), np.array((0.3, 0.2, -1.0), np.float32)
    depth, _ = raycast.depth(raycast.Scene([floor]), CAMERA, rotation, place)
    points = (CAMERA.rays() * depth[..., None])[depth < 100] @ rotation.T + place
    np.testing.assert_allclose(points[:, 1], 1.5, atol=1e-3)
    middle = CAMERA.rays()[9, 12] @ rotation.T
    assert middle[1] == pytest.approx(np.sin(np.radians(30)), abs=0.1)  # positive pitch looks down


def test_a_turned_box_has_its_corners_where_they_belong():
    box = scenes.box((0, 0, 3), (1, 1, 1), GREY, yaw=45)
    low, high = box.bounds()
    np.testing.assert_allclose(high - low, (2**0.5, 1, 2**0.5), rtol=1e-5)
    ray = np.array([[0, 0, 1]], np.float32)
    assert box.distance(0 * ray, ray)[0] == pytest.approx(3 - 2**0.5 / 2, rel=1e-4)


@pytest.mark.parametrize("make", [scenes.mirror, scenes.glass, scenes.close_up])
def test_each_trap_is_in_sight(make):
    view = make()
    _, index = raycast.depth(view.scene, CAMERA, raycast.pose(view.pitch, view.yaw), view.place)
    assert 0.1 < np.isin(index, view.subject).mean() < 0.9


def test_mirrors_and_glass_show_what_is_not_at_their_depth():
    def red(*sides: float) -> raycast.Shape:
        return scenes.box((0, 0, sides[0]), (50, 50, 0.1), scenes.plain((0.9, 0.0, 0.0), 0.0), glow=1.0)

    pane = scenes.box((0, 0, 2), (50, 50, 0.01), GREY, clear=0.9)
    mirror = scenes.box((0, 0, 2), (50, 50, 0.01), GREY, mirror=0.9)
    for shape, behind in ((pane, 5.0), (mirror, -5.0)):
        scene = raycast.Scene([shape, red(behind)], ambient=(0, 0, 0))
        light = raycast.render(scene, CAMERA, raycast.pose(0), (0, 0, 0))
        depth, _ = raycast.depth(scene, CAMERA, raycast.pose(0), (0, 0, 0))
        np.testing.assert_allclose(depth, 1.995, rtol=1e-4)
        assert light[..., 0].mean() > 0.6
        assert light[..., 1].max() < 0.05


def test_shadows_fall_where_the_lamp_is_hidden():
    floor = scenes.box((0, 2.0, 5), (100, 0.1, 100), GREY)
    plate = scenes.box((0, 0.5, 5), (2, 0.02, 2), GREY)
    lamp = raycast.Lamp((0, -1, 5), ((0.05, 0, 0), (0, 0, 0.05)), (5, 5, 5))
    scene = raycast.Scene([floor, plate], (lamp,), ambient=(0, 0, 0))
    points, up = np.array([[0, 1.94, 5], [6, 1.94, 5]], np.float32), np.array([[0, -1, 0]] * 2, np.float32)
    shadow, lit = raycast._light(scene, points, up)
    assert shadow.max() == 0
    assert lit.min() > 0


def test_scores_are_those_of_the_masked_pixels():
    truth = np.array([[1.0, 2.0, 4.0]], np.float32)
    predicted = np.array([[1.1, 2.2, 9.0]], np.float32)
    scores = gallery._scores(predicted, truth, np.array([[True, True, False]]))
    assert scores["abs_rel"] == pytest.approx(0.1, abs=1e-4)
    assert scores["abs_rel_median_aligned"] == pytest.approx(0, abs=1e-4)
    assert (scores["delta1"], scores["pixels"]) == (1.0, pytest.approx(2 / 3, abs=1e-4))
