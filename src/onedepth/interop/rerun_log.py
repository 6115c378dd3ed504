"""Depth maps in the rerun viewer (`onedepth[geometry]`)."""

from __future__ import annotations

import importlib
from typing import Any

from onedepth.errors import DepthMapError
from onedepth.interop.view import View


def to_rerun(view: View, *, entity: str = "world/camera", recording: Any = None) -> None:
    """Log a view: the camera at its pose, and under it the photo and its depth, which rerun shows in 3-D.

    Start or connect rerun first (`rerun.init("name", spawn=True)`), or give a `rerun.RecordingStream`.

    Args:
        view: The view; rerun has no lens models, so of a pinhole camera.
        entity: Path under which it is logged.
        recording: A `rerun.RecordingStream`; the active one if left out.

    Raises:
        DepthMapError: The camera has lens distortion.
        ModuleNotFoundError: rerun is not installed.
    """
    rerun = importlib.import_module("rerun")
    camera, pose = view.camera, view.to_world
    if not camera.is_pinhole:
        raise DepthMapError("rerun needs a pinhole camera; predict without map_back for an undistorted view")
    where = rerun.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3])
    lens = rerun.Pinhole(
        image_from_camera=camera.matrix,
        resolution=[camera.width, camera.height],
        camera_xyz=rerun.ViewCoordinates.RDF,
    )
    rerun.log(entity, where, lens, recording=recording)
    rerun.log(f"{entity}/image", rerun.Image(view.image), recording=recording)
    rerun.log(f"{entity}/depth", rerun.DepthImage(view.depthmap.values, meter=1.0), recording=recording)
