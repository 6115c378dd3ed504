"""Angles between surface normals of the predicted and the true depth map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.evaluate.metrics.case import Case
from onedepth.evaluate.select import median
from onedepth.rasters import Floats, Mask

ANGLES = {"normal_5": 5.0, "normal_7.5": 7.5, "normal_11.25": 11.25, "normal_22.5": 22.5, "normal_30": 30.0}


def normal_errors(case: Case) -> dict[str, float]:
    """Angular errors of normals, summed up as in surface normal estimation (Fouhey et al., ICCV 2013).

    Both maps give normals in the same way, `surface_normals`; a pixel counts where both have one.

    Returns:
        `normal_mean`, `normal_median`, `normal_rmse` in degrees, and the percentage below 5, 7.5, 11.25, 22.5
        and 30 degrees; empty where no pixel has a normal.
    """
    assert case.camera is not None
    predicted, has = surface_normals(case.depth, case.mask, case.camera)
    true, also = surface_normals(case.truth, case.mask, case.camera)
    has &= also
    if not has.any():
        return {}
    a, b = predicted[has], true[has]
    # The arc tangent is exact for small angles, where the arc cosine is not.
    angle = np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.einsum("nk,nk->n", a, b)))
    return {
        "normal_mean": float(angle.mean()),
        "normal_median": median(angle),
        "normal_rmse": math.sqrt(float(np.square(angle).mean())),
        **{name: 100.0 * float(np.mean(angle < bound)) for name, bound in ANGLES.items()},
    }


def surface_normals(depth: Floats, mask: Mask, camera: Camera) -> tuple[npt.NDArray[Any], Mask]:
    """Unit normals towards the camera: the cross product of central differences of the point map.

    Args:
        depth: (H, W) z-depth in metres.
        mask: bool (H, W), where it is valid.
        camera: Camera of this raster.

    Returns:
        (H, W, 3) float64, and bool (H, W): the pixel and its four neighbours are valid.
    """
    has = np.zeros(mask.shape, np.bool_)
    has[1:-1, 1:-1] = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    points = camera.rays().astype(np.float64) * np.where(mask, depth, 0.0)[..., None]
    normals = np.zeros(points.shape)
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    normals[1:-1, 1:-1] = np.cross(down, across)
    length = np.linalg.norm(normals, axis=-1)
    has &= length > 0  # no ray, or a point map that is folded onto a line
    normals[has] /= length[has][:, None]
    return normals, has
