"""A scene as a COLMAP reconstruction in text (colmap.github.io/format.html).

COLMAP's pixel centres are at integer + 0.5 and its axes are OpenCV's, as ours: nothing is converted but the
poses, which are world to camera there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.files.atomic import write_bytes
from onedepth.interop.view import View, check_scene, make_folder, scene_stride, write_image
from onedepth.rotations import quaternions

MAX_POINTS = 100_000


def write_colmap(
    views: Sequence[View], folder: str | os.PathLike[str], *, max_points: int = MAX_POINTS
) -> None:
    """Write `images/` and `sparse/0/` with cameras, images and points3D in text.

    Each point comes from one pixel of one view, which is its track. One unit is one metre (metric maps).

    Args:
        views: The scene; a single photo is one too.
        folder: Made if need be.
        max_points: Points of all views together, at most; every n-th row and column is taken.

    Raises:
        DepthMapError: No view, two of one name, or kinds that differ.
        OneDepthError: Something cannot be written.
    """
    check_scene(views)
    images, sparse = make_folder(Path(folder) / "images"), make_folder(Path(folder) / "sparse" / "0")
    stride = scene_stride(views, max(1, max_points))
    cameras: dict[str, int] = {}
    image_lines: list[str] = []
    point_lines: list[str] = []
    for number, view in enumerate(views, start=1):
        write_image(view.image, images / f"{view.name}.png")
        camera = cameras.setdefault(_camera_words(view.camera), len(cameras) + 1)
        points, colors, pixels = view.points(stride)
        first = len(point_lines) + 1
        image_lines.append(f"{number} {_pose_words(view.to_world)} {camera} {view.name}.png")
        image_lines.append(
            " ".join(f"{x + 0.5:.9g} {y + 0.5:.9g} {first + i}" for i, (x, y) in enumerate(pixels.tolist()))
        )
        for i, (point, color) in enumerate(zip(points.tolist(), colors.tolist(), strict=True)):
            place = " ".join(f"{value:.9g}" for value in point)
            point_lines.append(f"{first + i} {place} {' '.join(map(str, color))} 0 {number} {i}")
    _write(sparse / "cameras.txt", [f"{number} {words}" for words, number in cameras.items()])
    _write(sparse / "images.txt", image_lines)
    _write(sparse / "points3D.txt", point_lines)


def _camera_words(camera: Camera) -> str:
    """Model, size and parameters of a camera's line."""
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy]
    lens = camera.distortion
    model = {type(None): "PINHOLE", RadialTangential: "FULL_OPENCV", Fisheye: "OPENCV_FISHEYE"}[type(lens)]
    if lens is not None:
        numbers += astuple(lens)
    return f"{model} {camera.width} {camera.height} {' '.join(f'{number:.17g}' for number in numbers)}"


def _pose_words(to_world: npt.NDArray[np.float64]) -> str:
    """Quaternion (w first) and translation of the world in the camera's axes."""
    rotation = to_world[:3, :3].T
    numbers = [*quaternion(rotation), *(-rotation @ to_world[:3, 3])]
    return " ".join(f"{number:.17g}" for number in numbers)


def quaternion(rotation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Unit quaternion (w, x, y, z), w >= 0, of a rotation matrix, in COLMAP's order."""
    x, y, z, w = quaternions(rotation[None])[0]
    return np.array([w, x, y, z])


def _write(path: Path, lines: Sequence[str]) -> None:
    write_bytes(path, ("# written by OneDepth\n" + "\n".join(lines) + "\n").encode())
