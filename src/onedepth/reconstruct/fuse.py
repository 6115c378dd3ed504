"""TSDF fusion (Curless and Levoy, 1996) in hashed blocks of voxels, with a bound on their memory.

Memory grows with the surface seen, not with the room it fills; blocks hold 16^3 voxels. Open3D does the work.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.checks import positive
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, DataError, OneDepthError
from onedepth.files.atomic import atomic_path
from onedepth.track.depths import smooth_disparity
from onedepth.track.poses import Floats, inverse

_SIDE = 16  # voxels along a block's edge
_BYTES = _SIDE**3 * (4 + 4 + 3 * 4)  # of a block: distance, weight and colour, float32 each
_TRUNCATION = 4.0  # voxels
SUFFIXES = (".ply", ".glb", ".obj", ".stl")


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseOptions:
    """How to fuse.

    Attributes:
        voxel: Edge of a voxel in metres.
        max_depth: Metres beyond which depth is not used.
        max_memory: Megabytes (10^6 bytes) that the blocks may take.
        min_weight: How many frames must have seen a voxel for it to become surface.
        cut_edges: Whether pixels at depth edges are left out: they float between near and far.
    """

    voxel: float = 0.02
    max_depth: float = 5.0
    max_memory: float = 2000.0
    min_weight: float = 2.0
    cut_edges: bool = True

    def __post_init__(self) -> None:
        for name in ("voxel", "max_depth", "max_memory", "min_weight"):
            positive(getattr(self, name), f"--{name.replace('_', '-')}", ConfigError)


class Fusion:
    """A volume that frames are fused into, one after the other.

    Raises:
        OneDepthError: Open3D is not installed.
    """

    def __init__(self, options: FuseOptions | None = None) -> None:
        self.options, self.frames = options or FuseOptions(), 0
        self._seen, self._near = 0, 0
        self._o3d = _open3d()
        core = self._o3d.core
        self._grid = self._o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"),
            (core.float32, core.float32, core.float32),
            ((1), (1), (3)),
            self.options.voxel,
            _SIDE,
            1000,
            core.Device("CPU:0"),
        )

    @property
    def megabytes(self) -> float:
        """Memory of the blocks in use, 10^6 bytes."""
        return float(self._grid.hashmap().size() * _BYTES / 1e6)

    @property
    def within(self) -> float:
        """Share of the pixels with depth that were not beyond `max_depth`; 1 before there are any."""
        return self._near / self._seen if self._seen else 1.0

    def add(self, depthmap: DepthMap, pixels: npt.NDArray[np.uint8], pose: Floats) -> None:
        """Fuse a frame.

        Args:
            depthmap: Metric or scaled, with a pinhole camera.
            pixels: uint8 (H, W, 3) RGB of the same view.
            pose: Camera to world, in the map's unit.

        Raises:
            DataError: The map has no pinhole camera.
            OneDepthError: The surface takes more than `max_memory`.
        """
        camera = depthmap.camera
        if camera is None or not camera.is_pinhole:
            raise DataError("fusion needs depth maps with a pinhole camera; undistort the photos first")
        near = depthmap.valid & (depthmap.values <= self.options.max_depth)
        self._seen, self._near = self._seen + int(depthmap.valid.sum()), self._near + int(near.sum())
        known = near & np.isfinite(smooth_disparity(depthmap)) if self.options.cut_edges else near
        self.frames += 1
        if not known.any():
            return
        tensor, image = self._o3d.core.Tensor, self._o3d.t.geometry.Image
        depth = image(tensor(np.ascontiguousarray(np.where(known, depthmap.values, np.float32(0)))))
        color = image(tensor(np.ascontiguousarray(pixels.astype(np.float32) / 255.0)))
        # Open3D rounds positions in the picture down: as here, the first pixel spans 0 to 1.
        lens, extrinsic = tensor(camera.matrix), tensor(np.ascontiguousarray(inverse(pose)))
        cut = (1.0, self.options.max_depth)  # depth scale, far end
        blocks = self._grid.compute_unique_block_coordinates(depth, lens, extrinsic, *cut, _TRUNCATION)
        coming = (self._grid.hashmap().size() + blocks.shape[0]) * _BYTES / 1e6
        if coming > self.options.max_memory and self._too_much(blocks):
            raise OneDepthError(
                f"the surface needs more than {self.options.max_memory:g} MB after {self.frames} frames; use "
                "a larger --voxel, a smaller --max-depth, or allow more with --max-memory"
            )
        self._grid.integrate(blocks, depth, color, lens, lens, extrinsic, *cut, _TRUNCATION)

    def _too_much(self, blocks: Any) -> bool:
        """Whether the blocks that are not there yet pass the bound."""
        _, there = self._grid.hashmap().find(blocks)
        new = int((~there.numpy()).sum())
        return bool((self._grid.hashmap().size() + new) * _BYTES / 1e6 > self.options.max_memory)

    def mesh(self) -> Any:
        """The surface as an Open3D triangle mesh (legacy), in the world of the path.

        Raises:
            DataError: There is no surface.
        """
        if self.frames == 0 or self._grid.hashmap().size() == 0:
            raise DataError("nothing was fused: no frame has depth within --max-depth")
        mesh = self._grid.extract_triangle_mesh(self.options.min_weight).to_legacy()
        if len(mesh.triangles) == 0:
            raise DataError(
                f"no surface was seen by {self.options.min_weight:g} of the {self.frames} frames that were "
                "fused; use more frames (a smaller --every) or a larger --voxel"
            )
        colours = np.clip(np.asarray(mesh.vertex_colors), 0, 1)  # between voxels they pass 1 by a rounding
        mesh.vertex_colors = self._o3d.utility.Vector3dVector(colours)
        mesh.compute_vertex_normals()
        return mesh

    def points(self) -> Floats:
        """Points (N, 3) of the surface, where it crosses the edges of voxels; empty if there is none."""
        if self._grid.hashmap().size() == 0:
            return np.zeros((0, 3))
        cloud = self._grid.extract_point_cloud(self.options.min_weight)
        return np.asarray(cloud.point.positions.numpy(), np.float64)


def write_mesh(mesh: Any, path: Path) -> None:
    """Write a mesh; its suffix chooses the format.

    Raises:
        ConfigError: An unknown suffix.
        OneDepthError: The file cannot be written.
    """
    check_mesh_path(path)
    with atomic_path(path) as temporary:
        if not _open3d().io.write_triangle_mesh(str(temporary), mesh, write_ascii=False):
            raise OneDepthError(f"{path}: Open3D could not write it")


def check_mesh_path(path: Path) -> None:
    """Refuse the name of a mesh before any work is done.

    Raises:
        ConfigError: Its suffix is of no mesh.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"-o {path}: expected a mesh named {', '.join('*' + suffix for suffix in SUFFIXES)}"
        )


def _open3d() -> Any:
    try:
        return importlib.import_module("open3d")
    except ImportError as error:
        raise OneDepthError("fusion needs Open3D: pip install 'onedepth[geometry]'") from error
