"""Point clouds (PLY) and meshes (GLB) from a depth map in memory, never from a picture of it."""

from __future__ import annotations

import gc
import importlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.checks import real, whole
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.atomic import write_bytes
from onedepth.files.depth_metadata import KEY, DepthMetadata
from onedepth.files.pictures import render_picture
from onedepth.rasters import as_image

PLY_MAX_VERTICES = 1_000_000
GLB_MAX_VERTICES = 500_000
"""Default budgets: of a larger image every n-th row and column is used, with the smallest n that fits."""

EDGE = 0.10
"""A triangle whose farthest corner is more than this fraction deeper than its nearest spans a depth edge."""

GRAZING = 3.0
"""Degrees: a triangle seen at a flatter angle is the soft edge of a predicted map, not a surface.

A floor is seen at 3 degrees from 29 m away by a camera at a height of 1.5 m.
"""

TEXTURE_MAX_SIDE = 4096
"""The largest texture that every WebGL viewer shows."""

Image = npt.NDArray[np.uint8]


def write_ply(
    depthmap: DepthMap, path: Path, *, image: Image | None = None, max_vertices: int = PLY_MAX_VERTICES
) -> None:
    """Write the valid pixels as a binary point cloud with vertex colours.

    Coordinates are those of `DepthMap.points`: the map's unit, OpenCV axes (x right, y down, z forward).

    Args:
        depthmap: a metric or scaled map with a camera.
        path: the file.
        image: uint8 (H, W, 3) photo for the colours; left out, depth is coloured as in pictures.
        max_vertices: budget; see `PLY_MAX_VERTICES`.

    Raises:
        DepthFileError: no valid pixel, or max_vertices < 1.
        DepthMapError: no camera, affine disparity, or an image of another size.
        OneDepthError: the file cannot be written.
    """
    trimesh = _trimesh()
    points, colors = cloud(depthmap, image, max_vertices)
    if len(points) == 0:
        raise DepthFileError(f"{path}: the map has no valid pixel, so there is no point to write")
    with _no_leftovers():
        write_bytes(path, trimesh.PointCloud(points, colors=colors).export(file_type="ply"))


def cloud(
    depthmap: DepthMap, image: Image | None, max_vertices: int
) -> tuple[npt.NDArray[np.float32], Image]:
    """Points float32 (N, 3) and their colours uint8 (N, 3), at most `max_vertices`.

    Raises:
        DepthFileError: max_vertices < 1.
        DepthMapError: no camera, affine disparity, or an image of another size.
    """
    return depthmap.points(stride=_stride(depthmap, max_vertices), image=_colors(depthmap, image))


def write_glb(
    depthmap: DepthMap,
    path: Path,
    *,
    image: Image | None = None,
    max_vertices: int = GLB_MAX_VERTICES,
    edge: float = EDGE,
    grazing: float = GRAZING,
) -> None:
    """Write the surface as a triangle mesh with the photo as its texture, cut open at depth edges.

    Coordinates are in the map's unit (glTF means metres) with OpenGL axes as glTF asks: x right, y up, the
    camera at the origin looks along -z.

    Args:
        depthmap: a metric or scaled map with a camera.
        path: the file.
        image: uint8 (H, W, 3) photo for the texture; left out, depth is coloured as in pictures.
        max_vertices: budget; see `GLB_MAX_VERTICES`.
        edge: relative jump of depth within one triangle at which the surface is cut; see `EDGE`.
        grazing: angle in degrees between surface and ray below which it is cut as well; see `GRAZING`. 0 for
            cuts at jumps only.

    Raises:
        DepthFileError: no triangle left, max_vertices < 1, edge not above 0, or grazing not within 0 to 45.
        DepthMapError: no camera, affine disparity, or an image of another size.
        OneDepthError: the file cannot be written.
    """
    trimesh = _trimesh()
    if not real(edge, "edge", DepthFileError) > 0:
        raise DepthFileError(f"edge: found {edge}, expected a relative depth jump above 0")
    if not 0 <= real(grazing, "grazing", DepthFileError) <= 45:
        raise DepthFileError(f"grazing: found {grazing}, expected an angle of 0 to 45 degrees")
    stride = _stride(depthmap, max_vertices)
    rays = depthmap.rays(stride)
    texture = _texture(_colors(depthmap, image))
    depth = depthmap.values[::stride, ::stride]
    solid = depthmap.valid[::stride, ::stride] & np.isfinite(rays[..., 2])
    faces = _faces(depth, solid, min(edge, _steepest(depthmap, stride, grazing)))
    if len(faces) == 0:
        raise DepthFileError(
            f"{path}: no three neighbouring pixels form a surface (too few are valid); try ply"
        )
    used = np.zeros(depth.size, bool)
    used[faces] = True
    vertices = (rays * depth[..., None]).reshape(-1, 3)[used]
    vertices *= np.array([1, -1, -1], np.float32)
    numbers = np.cumsum(used, dtype=np.int32) - 1
    with _no_leftovers():
        mesh = trimesh.Trimesh(vertices, numbers[faces], process=False, validate=False)
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=texture, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
        )
        mesh.visual = trimesh.visual.TextureVisuals(
            uv=_texture_coordinates(depthmap, stride)[used], material=material
        )
        mesh.metadata[KEY] = json.loads(DepthMetadata.of(depthmap).to_json())
        write_bytes(path, mesh.export(file_type="glb"))
        del mesh, material


@contextmanager
def _no_leftovers() -> Iterator[None]:
    """Free what trimesh leaves behind: its objects refer to each other in circles and hold large arrays.

    Python collects circles by their number, not by their size, so hundreds of megabytes could pile up.
    """
    try:
        yield
    finally:
        gc.collect()


def _trimesh() -> Any:
    """The package, untyped: its annotations are partial. Imported late: it takes a third of a second."""
    return importlib.import_module("trimesh")


def _stride(depthmap: DepthMap, budget: int) -> int:
    """The smallest stride that leaves at most `budget` pixels."""
    budget = whole(budget, "max_vertices", error=DepthFileError)
    height, width = depthmap.shape
    stride = max(1, math.isqrt(height * width // budget))
    while math.ceil(height / stride) * math.ceil(width / stride) > budget:
        stride += 1
    return stride


def _colors(depthmap: DepthMap, image: Image | None) -> Image:
    if image is None:
        return render_picture(depthmap, bar=False)
    return as_image(image, depthmap.shape)


def _texture(pixels: Image) -> Any:
    from PIL import Image as PilImage

    texture = PilImage.fromarray(pixels)
    texture.thumbnail((TEXTURE_MAX_SIDE, TEXTURE_MAX_SIDE))
    texture.format = "JPEG"  # what trimesh embeds it as; a PNG would be five times as large
    return texture


def _texture_coordinates(depthmap: DepthMap, stride: int) -> npt.NDArray[np.float32]:
    """(N, 2) in [0, 1] of every stride-th pixel centre, v upwards as trimesh counts (glTF: downwards)."""
    height, width = depthmap.shape
    u = (np.arange(0, width, stride, dtype=np.float32) + 0.5) / width
    v = 1 - (np.arange(0, height, stride, dtype=np.float32) + 0.5) / height
    return np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2).astype(np.float32, copy=False)


def _steepest(depthmap: DepthMap, stride: int, grazing: float) -> float:
    """Relative change of depth from one vertex to the next on a surface seen at this angle.

    Two rays, d apart at z = 1, meet such a surface at depths that differ by about d / tan(angle).
    """
    assert depthmap.camera is not None  # rays were asked for before
    return stride / depthmap.camera.focal / math.tan(math.radians(grazing)) if grazing > 0 else math.inf


def _faces(
    depth: npt.NDArray[np.float32], solid: npt.NDArray[np.bool_], edge: float
) -> npt.NDArray[np.int32]:
    """(F, 3) pixel numbers: two triangles per square of pixels, front side towards the camera."""
    number = np.arange(depth.size, dtype=np.int32).reshape(depth.shape)
    faces = []
    for corners in (("tl", "bl", "tr"), ("tr", "bl", "br")):
        whole = np.logical_and.reduce([_corner(solid, name) for name in corners])
        near = np.minimum.reduce([_corner(depth, name) for name in corners])
        far = np.maximum.reduce([_corner(depth, name) for name in corners])
        keep = whole & (far <= near * np.float32(1 + edge))
        faces.append(np.stack([_corner(number, name)[keep] for name in corners], axis=-1))
    return np.concatenate(faces)


def _corner(grid: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """The grid of one corner (t/b, l/r) of all 2x2 squares."""
    rows = slice(None, -1) if name[0] == "t" else slice(1, None)
    columns = slice(None, -1) if name[1] == "l" else slice(1, None)
    return grid[rows, columns]
