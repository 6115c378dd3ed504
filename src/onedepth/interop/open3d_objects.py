"""Depth maps as objects of Open3D (`onedepth[geometry]`)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.interop.view import Image
from onedepth.normals import surface_normals
from onedepth.rasters import as_image

_NO_LIMIT = 1e9  # metres at which Open3D would cut depth off


def to_open3d(
    depthmap: DepthMap, image: Image | None = None, *, stride: int = 1, normals: bool = False
) -> Any:
    """The valid pixels as an `open3d.geometry.PointCloud`.

    Args:
        depthmap: A metric or scaled map with a camera.
        image: uint8 (H, W, 3) for colours.
        stride: Every how many rows and columns.
        normals: Add surface normals; points without one are left out.

    Returns:
        The point cloud: OpenCV axes, unit of the map.

    Raises:
        DepthMapError: No camera, affine disparity, or an image of another size.
        ModuleNotFoundError: Open3D is not installed.
    """
    open3d = importlib.import_module("open3d")
    valid, directions = depthmap.valid, None
    if normals:
        directions, valid = surface_normals(depthmap)
    rays = depthmap.rays(stride)
    at = valid[::stride, ::stride] & np.isfinite(rays[..., 2])
    points = rays[at] * depthmap.values[::stride, ::stride][at][:, None]
    cloud = open3d.geometry.PointCloud()
    cloud.points = _vectors(open3d, points)
    if image is not None:
        cloud.colors = _vectors(open3d, as_image(image, depthmap.shape)[::stride, ::stride][at] / 255.0)
    if directions is not None:
        cloud.normals = _vectors(open3d, directions[::stride, ::stride][at])
    return cloud


def to_open3d_rgbd(depthmap: DepthMap, image: Image) -> tuple[Any, Any]:
    """An `open3d.geometry.RGBDImage` and its `PinholeCameraIntrinsic`, as TSDF fusion and odometry take them.

    Open3D puts the first pixel's centre at 0, so its principal point is half a pixel less than ours.

    Raises:
        DepthMapError: No camera, lens distortion, affine disparity, or an image of another size.
        ModuleNotFoundError: Open3D is not installed.
    """
    open3d = importlib.import_module("open3d")
    camera = depthmap.camera
    if camera is None or not camera.is_pinhole or depthmap.kind == "affine_disparity":
        raise DepthMapError(f"Open3D needs depth of a pinhole camera, found {depthmap!r}; undistort it first")
    picture = np.ascontiguousarray(as_image(image, depthmap.shape))
    pair = open3d.geometry.RGBDImage.create_from_color_and_depth(
        open3d.geometry.Image(picture),
        open3d.geometry.Image(np.array(depthmap.values)),
        depth_scale=1.0,
        depth_trunc=_NO_LIMIT,
        convert_rgb_to_intensity=False,
    )
    intrinsic = open3d.camera.PinholeCameraIntrinsic(
        camera.width, camera.height, camera.fx, camera.fy, camera.cx - 0.5, camera.cy - 0.5
    )
    return pair, intrinsic


def _vectors(open3d: Any, rows: Any) -> Any:
    return open3d.utility.Vector3dVector(np.ascontiguousarray(rows, np.float64))
