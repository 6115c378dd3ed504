"""How flat and how well turned the flat parts of a scene are (iBims-1, Koch et al., ECCVW 2018)."""

from __future__ import annotations

import math

import numpy as np

from onedepth.evaluate.metrics.case import Case, Plane
from onedepth.evaluate.select import median

SMALLEST = 0.05  # of the image


def planarity(case: Case) -> dict[str, float]:
    """PE_plan and PE_ori, the mean over the image's planes.

    A plane counts when it covers 5 % of the image. Its predicted depth is scaled by the ratio of medians, its
    points are fitted by the plane of least squared distance (PCA). PE_plan is the standard deviation of the
    points' distances to it, PE_ori the angle between its normal and the true one.

    Returns:
        `pe_plan` in cm, `pe_ori` in degrees; empty where no plane counts.
    """
    assert case.camera is not None
    assert case.planes is not None
    points = case.camera.rays().astype(np.float64) * case.depth[..., None]
    errors = [found for plane in case.planes if (found := _errors(case, plane, points)) is not None]
    if not errors:
        return {}
    flat, turned = np.mean(errors, axis=0)
    return {"pe_plan": float(flat), "pe_ori": float(turned)}


def _errors(case: Case, plane: Plane, points: np.ndarray) -> tuple[float, float] | None:
    if plane.mask.sum() < SMALLEST * plane.mask.size:
        return None
    inside = plane.mask & case.mask
    if inside.sum() < 3:
        return None
    scale = median(case.truth[inside]) / median(case.depth[inside])
    cloud = points[inside] * scale
    cloud -= cloud.mean(axis=0)
    variances, axes = np.linalg.eigh(cloud.T @ cloud / len(cloud))
    normal = np.asarray(plane.normal, np.float64)
    cosine = abs(float(axes[:, 0] @ normal)) / float(np.linalg.norm(normal))
    sine = float(np.linalg.norm(np.cross(axes[:, 0], normal))) / float(np.linalg.norm(normal))
    return 100.0 * math.sqrt(max(float(variances[0]), 0.0)), math.degrees(math.atan2(sine, cosine))
