"""Distances between the predicted and the true point cloud. Needs SciPy: `pip install onedepth[eval]`."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.errors import OneDepthError
from onedepth.evaluate.metrics.case import Case

Points = npt.NDArray[np.floating[Any]]

RADII = {"10cm": 0.1, "20cm": 0.2}


def point_cloud(case: Case) -> dict[str, float]:
    """`cloud_metrics` of the valid pixels, back-projected by the same camera (Oernek et al., 2022; MDEC).

    Returns:
        See `cloud_metrics`; empty where no valid pixel has a ray.
    """
    assert case.camera is not None
    rays = case.camera.rays().reshape(-1, 3)[case.index].astype(np.float64)
    seen = ~np.isnan(rays[:, 2])
    rays = rays[seen]
    return cloud_metrics(rays * case.pixels[seen, None], rays * case.true_pixels[seen, None])


def cloud_metrics(predicted: Points, true: Points) -> dict[str, float]:
    """Chamfer distance, precision, recall, F-score and IoU of two clouds.

    With d(p) the distance of a predicted point to the nearest true one, d(t) the reverse: chamfer is
    mean d(p) + mean d(t), the sum and not half of it, of distances and not of their squares; P and R are the
    shares with d < r; F = 2PR / (P + R), IoU = PR / (P + R - PR), both 0 where P and R are.

    Args:
        predicted: (N, 3) metres.
        true: (M, 3) metres.

    Returns:
        `chamfer` in metres, and in percent `precision_`, `recall_`, `f_score_` and `iou_` at `10cm` and
        `20cm`; empty when a cloud is.

    Raises:
        OneDepthError: When SciPy is not installed.
    """
    if not len(predicted) or not len(true):
        return {}
    to_true, to_predicted = _nearest(true, predicted), _nearest(predicted, true)
    found = {"chamfer": float(to_true.mean() + to_predicted.mean())}
    for name, radius in RADII.items():
        precision, recall = float(np.mean(to_true < radius)), float(np.mean(to_predicted < radius))
        total, both = precision + recall, precision * recall
        found[f"precision_{name}"] = 100.0 * precision
        found[f"recall_{name}"] = 100.0 * recall
        found[f"f_score_{name}"] = 100.0 * 2 * both / total if total else 0.0
        found[f"iou_{name}"] = 100.0 * both / (total - both) if total else 0.0
    return found


def _nearest(cloud: Points, points: Points) -> npt.NDArray[np.float64]:
    try:
        spatial = importlib.import_module("scipy.spatial")
    except ImportError as error:
        raise OneDepthError("point-cloud metrics need SciPy: pip install 'onedepth[eval]'") from error
    # A balanced tree is slow to build on walls, where many coordinates are equal.
    distance: npt.NDArray[np.float64] = spatial.cKDTree(cloud, balanced_tree=False).query(points)[0]
    return distance
