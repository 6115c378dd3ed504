"""Scenes with exact depth: planes and boxes, seen by a pinhole camera."""

import numpy as np

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap


def camera(width=160, height=120, focal=120.0, **rest):
    return Camera.from_focal(focal, width, height, **rest)


def plane_depth(cam, normal, offset):
    """z where each ray meets normal . P + offset = 0; 0 where it does not."""
    speed = cam.rays().astype(np.float64) @ np.asarray(normal, np.float64)
    with np.errstate(divide="ignore"):
        depth = -offset / speed
    return np.where((depth > 0) & (depth < 1e3), depth, 0)


def nearest(*depths):
    """What is in front, where 0 is nothing."""
    stack = np.stack([np.where(depth > 0, depth, np.inf) for depth in depths])
    front = stack.min(axis=0)
    return np.where(np.isfinite(front), front, 0).astype(np.float32)


def room(height=1.5, back=6.0, cam=None):
    """A floor `height` below a level camera and a wall at `back` metres."""
    cam = cam or camera(focal=60.0)
    return DepthMap(
        nearest(plane_depth(cam, (0, -1, 0), height), plane_depth(cam, (0, 0, -1), back)), "metric", cam
    )


def with_box(scene, left=-0.5, right=0.5, top=0.6, depth=3.0, height=1.5):
    """The front of a box on the floor: its top edge is `top` metres above the floor."""
    rays = scene.camera.rays().astype(np.float64) * depth
    inside = (rays[..., 0] > left) & (rays[..., 0] < right) & (height - rays[..., 1] < top)
    inside &= rays[..., 1] < height
    values = np.where(inside & (depth < scene.values), depth, scene.values)
    return DepthMap(values.astype(np.float32), "metric", scene.camera)
