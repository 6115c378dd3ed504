"""Surface normals of a depth map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.rasters import Floats, Mask

_ROWS = 128  # computed together: bounds the float64 temporaries

Points = npt.NDArray[np.float64]


def surface_normals(depthmap: DepthMap) -> tuple[Floats, Mask]:
    """Unit normals towards the camera, without mixing the two sides of a depth edge.

    The cross product of differences to a neighbour along the row and one along the column; of the two
    neighbours on an axis, the one of more similar depth. Exact on planes, whatever the lens.

    Args:
        depthmap: A metric or scaled map with a camera.

    Returns:
        float32 (H, W, 3) unit vectors in camera axes (x right, y down, z forward), 0 where there is none; and
        bool (H, W), where there is one: the pixel and a neighbour on each axis are valid.

    Raises:
        DepthMapError: No camera, or affine disparity.
    """
    rays = depthmap.rays()
    height, width = depthmap.shape
    normals, valid = np.zeros((height, width, 3), np.float32), np.zeros((height, width), bool)
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        band = slice(max(0, top - 1), min(bottom + 1, height))
        inner = slice(top - band.start, bottom - band.start)
        found, has = _normals(rays[band].astype(np.float64), depthmap.values[band], depthmap.valid[band])
        normals[top:bottom], valid[top:bottom] = found[inner], has[inner]
    return normals, valid


def _normals(rays: Points, depth: Floats, mask: Mask) -> tuple[Points, Mask]:
    """Normals of some rows of a map."""
    points = rays * depth[..., None]
    solid = mask & np.isfinite(rays[..., 2])
    across, has_across = _difference(points, solid)
    down, has_down = _difference(points.swapaxes(0, 1), solid.T)
    normals = np.cross(down.swapaxes(0, 1), across)
    length = np.linalg.norm(normals, axis=-1)
    valid: Mask = has_across & has_down.T & (length > 0)
    # Differences may run either way, so the sign is settled by the ray.
    away = np.einsum("ijk,ijk->ij", normals, rays) > 0
    length[away] *= -1
    normals = np.where(valid[..., None], normals / np.where(valid, length, 1.0)[..., None], 0.0)
    return normals, valid


def _difference(points: Points, solid: Mask) -> tuple[Points, Mask]:
    """Difference of each point (H, W, 3) to its left or right neighbour, and where there is one."""
    step = points[:, 1:] - points[:, :-1]
    jump = np.where(solid[:, 1:] & solid[:, :-1], np.abs(step[..., 2]), np.inf)
    height, width = solid.shape
    steps = np.zeros((2, height, width, 3))
    jumps = np.full((2, height, width), np.inf)
    steps[0, :, :-1], steps[1, :, 1:] = step, step
    jumps[0, :, :-1], jumps[1, :, 1:] = jump, jump
    right = jumps[0] <= jumps[1]
    return np.where(right[..., None], steps[0], steps[1]), np.isfinite(np.minimum(*jumps))


def normal_picture(normals: Floats, valid: Mask) -> npt.NDArray[np.uint8]:
    """Normals as a picture in the colours of OpenGL normal maps: red right, green up, blue at the viewer.

    Args:
        normals: (H, W, 3), as from `surface_normals`.
        valid: bool (H, W); other pixels become black.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    colors = (normals * np.array([1, -1, -1], np.float32) + 1) * np.float32(127.5)
    return np.where(valid[..., None], np.rint(colors), 0).astype(np.uint8)
