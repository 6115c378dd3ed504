"""One photo of a scene: its depth map, its pixels, its name and where the camera stood."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.checks import shown
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError, OneDepthError
from onedepth.files.atomic import write_bytes
from onedepth.rasters import Floats, as_image

Image = npt.NDArray[np.uint8]
Pose = npt.NDArray[np.float64]

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, eq=False)
class View:
    """A view of a scene.

    Attributes:
        depthmap: A metric map (or scaled, all views of a scene by one factor) with a camera.
        image: uint8 (H, W, 3), of the same size.
        name: What its files are called, without an ending.
        pose: Camera to world, float64 (4, 4), OpenCV axes, in the unit of the depth; None for the identity.

    Raises:
        DepthMapError: The map cannot become points, sizes differ, or the name or pose is none.
    """

    depthmap: DepthMap
    image: Image
    name: str = "000000"
    pose: Pose | None = None

    def __post_init__(self) -> None:
        if self.depthmap.kind == "affine_disparity" or self.depthmap.camera is None:
            raise DepthMapError(
                f"view {shown(self.name)}: a scene needs depth with a camera, found {self.depthmap!r}"
            )
        as_image(self.image, self.depthmap.shape)
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise DepthMapError(f"view name: found {shown(self.name)}, expected letters, digits, . _ and -")
        pose = np.eye(4) if self.pose is None else np.asarray(self.pose, np.float64)
        if pose.shape != (4, 4) or not _is_rigid(pose):
            raise DepthMapError(
                f"view {self.name}: its pose must be a 4x4 matrix [R t; 0 0 0 1] with a rotation R, found "
                f"{shown(pose.tolist())}"
            )
        object.__setattr__(self, "pose", pose)

    @property
    def camera(self) -> Camera:
        """The camera of the view."""
        assert self.depthmap.camera is not None
        return self.depthmap.camera

    @property
    def to_world(self) -> Pose:
        """The pose, which is always there once the view is made."""
        assert self.pose is not None
        return self.pose

    def points(self, stride: int) -> tuple[Floats, Image, npt.NDArray[np.int64]]:
        """Every stride-th pixel's point in the world.

        Returns:
            float32 (N, 3) points, uint8 (N, 3) colours, and int64 (N, 2) pixels (column, row).
        """
        rays = self.depthmap.rays(stride)
        valid = self.depthmap.valid[::stride, ::stride] & np.isfinite(rays[..., 2])
        rows, columns = np.nonzero(valid)
        points = rays[valid] * self.depthmap.values[::stride, ::stride][valid][:, None]
        world = points @ self.to_world[:3, :3].T + self.to_world[:3, 3]
        pixels = np.stack([columns, rows], axis=1) * stride
        return world.astype(np.float32), self.image[::stride, ::stride][valid], pixels


def check_scene(views: Sequence[View]) -> None:
    """Refuse views that do not make one scene.

    Raises:
        DepthMapError: There is none, two have one name, or their kinds differ.
    """
    if not views:
        raise DepthMapError("scene: found no view, expected at least one")
    names = [view.name for view in views]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DepthMapError(f"scene: two views are called {twice!r}; give each its own name")
    kinds = sorted({view.depthmap.kind for view in views})
    if len(kinds) > 1:
        raise DepthMapError(f"scene: its views are {' and '.join(kinds)}, expected one kind")


def scene_stride(views: Sequence[View], budget: int) -> int:
    """The smallest stride at which all views together have at most `budget` pixels."""
    stride = 1
    while sum(-(-h // stride) * -(-w // stride) for h, w in (v.depthmap.shape for v in views)) > budget:
        stride += 1
    return stride


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents if need be.

    Raises:
        OneDepthError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OneDepthError(f"{folder}: cannot be made a folder ({error.strerror or error})") from error
    return folder


def write_image(image: Image, path: Path) -> None:
    """Write pixels as a PNG, which keeps every one of them."""
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG", compress_level=1)
    write_bytes(path, buffer.getbuffer())


def _is_rigid(pose: Pose) -> bool:
    rotation = pose[:3, :3]
    return bool(
        np.isfinite(pose).all()
        and np.allclose(pose[3], [0, 0, 0, 1])
        and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4)
        and np.linalg.det(rotation) > 0
    )
