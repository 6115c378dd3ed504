"""A scene as nerfstudio reads it: transforms.json, images, depth and a point cloud to start from.

Source: docs.nerf.studio/quickstart/data_conventions. Poses are camera to world with OpenGL camera axes (y up,
looking along -z); `cx`, `cy` count from the image's edge, as here.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.camera import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import CameraError
from onedepth.files.atomic import atomic_path, write_bytes
from onedepth.interop.view import View, check_scene, make_folder, scene_stride, write_image

MAX_POINTS = 200_000

_MILLIMETRE = 0.001  # the unit that nerfstudio takes depth to be in
_LARGEST = 65.535  # metres that a 16-bit PNG of millimetres holds
_TO_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def write_nerfstudio(
    views: Sequence[View], folder: str | os.PathLike[str], *, max_points: int = MAX_POINTS
) -> None:
    """Write `transforms.json`, `images/`, `depth/` in millimetres and `sparse_pc.ply`.

    Depth is a 16-bit PNG, or npy where it reaches beyond 65 m.

    Args:
        views: The scene.
        folder: Made if need be.
        max_points: Points of the start cloud.

    Raises:
        DepthMapError: No view, two of one name, or kinds that differ.
        CameraError: Pinhole or ordinary lenses and fisheyes in one scene, or a lens with more coefficients
            than nerfstudio knows.
        OneDepthError: Something cannot be written.
    """
    check_scene(views)
    model = _camera_model([view.camera for view in views])
    intrinsics = [_intrinsics(view.camera) for view in views]
    root = Path(folder)
    images, depths = make_folder(root / "images"), make_folder(root / "depth")
    frames = []
    for view, camera in zip(views, intrinsics, strict=True):
        write_image(view.image, images / f"{view.name}.png")
        depth = _write_depth(view, depths)
        frames.append(
            {
                "file_path": f"images/{view.name}.png",
                "depth_file_path": f"depth/{depth}",
                "transform_matrix": (view.to_world @ _TO_OPENGL).tolist(),
                **camera,
            }
        )
    _write_cloud(views, root / "sparse_pc.ply", max_points)
    content = {
        "camera_model": model,
        "depth_unit_scale_factor": _MILLIMETRE,
        "ply_file_path": "sparse_pc.ply",
        "frames": frames,
    }
    write_bytes(root / "transforms.json", (json.dumps(content, indent=1) + "\n").encode())


def _camera_model(cameras: Sequence[Camera]) -> str:
    fisheyes = {isinstance(camera.distortion, Fisheye) for camera in cameras}
    if len(fisheyes) > 1:
        raise CameraError("nerfstudio: found fisheyes and other lenses in one scene, expected one model")
    return "OPENCV_FISHEYE" if True in fisheyes else "OPENCV"


def _intrinsics(camera: Camera) -> dict[str, Any]:
    values: dict[str, Any] = {
        **{"w": camera.width, "h": camera.height},
        **{"fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx, "cy": camera.cy},
    }
    lens = camera.distortion
    if isinstance(lens, RadialTangential) and (lens.k5 or lens.k6):
        raise CameraError("nerfstudio: has no k5 and k6; predict without --map-back for an undistorted view")
    names = ("k1", "k2", "k3", "k4") + (() if isinstance(lens, Fisheye) else ("p1", "p2"))
    return values | {name: getattr(lens, name, 0.0) for name in names}


def _write_depth(view: View, folder: Path) -> str:
    """Write the depth in millimetres; return the file's name."""
    values = view.depthmap.values
    if float(values.max()) <= _LARGEST:
        from PIL import Image as PilImage

        steps = np.rint(values / np.float32(_MILLIMETRE)).astype(np.uint16)
        with atomic_path(folder / f"{view.name}.png") as temporary:
            PilImage.fromarray(steps).save(temporary, "PNG", compress_level=1)
        return f"{view.name}.png"
    with atomic_path(folder / f"{view.name}.npy") as temporary:
        np.save(temporary, values / np.float32(_MILLIMETRE))
    return f"{view.name}.npy"


def _write_cloud(views: Sequence[View], path: Path, max_points: int) -> None:
    trimesh: Any = importlib.import_module("trimesh")  # its annotations are partial
    stride = scene_stride(views, max(1, max_points))
    points, colors, _ = (
        np.concatenate(part) for part in zip(*(v.points(stride) for v in views), strict=True)
    )
    write_bytes(path, trimesh.PointCloud(points, colors=colors).export(file_type="ply"))
