"""Edge metrics against a map of true depth edges: iBims-1 and MDEC. Distances are in pixels."""

from __future__ import annotations

import math

import numpy as np

from onedepth.errors import DataError
from onedepth.evaluate.metrics.canny import canny, distance_to
from onedepth.evaluate.metrics.case import Case
from onedepth.rasters import Floats

REACH = 10.0  # pixels: edges farther apart do not belong together
IBIMS = {"sigma": math.sqrt(2.0), "low": 0.15, "high": 0.3}
MDEC = {"sigma": 1.0, "low": 0.1, "high": 0.2}
DIRECTED_AT = 3.0  # metres


def depth_boundary_error(case: Case) -> dict[str, float]:
    """DBE_acc and DBE_comp of iBims-1 (Koch et al., ECCVW 2018, and the authors' code).

    The prediction is stretched to [0, 1] and its edges E found by Canny (sigma sqrt 2, 0.15, 0.3). With D the
    distance to the nearest edge, E* the true edges: DBE_acc is the mean of D* over those of E with D* < 10;
    DBE_comp = (sum over E of min(D*, 10) + sum over E* of min(D, 10)) / (|E| + |E*|). Both are 10 where no
    predicted edge is nearer than 10 to a true one.

    Returns:
        Pixels; empty without a true edge.
    """
    assert case.edges is not None
    if not case.edges.any():
        return {}
    depth = dense(case).astype(np.float64)
    low, high = float(depth.min()), float(depth.max())
    stretched = (depth - low) / (high - low) if high > low else np.zeros_like(depth)
    found = canny(stretched, **IBIMS)
    to_true, to_found = distance_to(case.edges), distance_to(found)
    near = found & (to_true < REACH)
    if not near.any():
        return {"dbe_acc": REACH, "dbe_comp": REACH}
    there = np.minimum(to_true[found], REACH).sum(dtype=np.float64)
    back = np.minimum(to_found[case.edges], REACH).sum(dtype=np.float64)
    return {
        "dbe_acc": float(to_true[near].mean(dtype=np.float64)),
        "dbe_comp": float(there + back) / (int(found.sum()) + int(case.edges.sum())),
    }


def mdec_edges(case: Case) -> dict[str, float]:
    """Edge accuracy and completeness of the MDEC challenge (Spencer et al., 2022 and WACVW 2023).

    Edges E of the log depth by Canny (sigma 1, 0.1, 0.2), true edges E* only where the truth is valid:
    accuracy is the mean of D* over those of E with D* < 10, completeness the mean of D over E*; both are 10
    where no predicted edge is nearer than 10 to a true one.

    Returns:
        Pixels; empty without a valid true edge.
    """
    assert case.edges is not None
    true = case.edges & case.mask
    if not true.any():
        return {}
    found = canny(np.log(dense(case).astype(np.float64)), **MDEC)
    to_true = distance_to(true)
    near = found & (to_true < REACH)
    if not near.any():
        return {"mdec_edge_acc": REACH, "mdec_edge_comp": REACH}
    return {
        "mdec_edge_acc": float(to_true[near].mean(dtype=np.float64)),
        "mdec_edge_comp": float(distance_to(found)[true].mean(dtype=np.float64)),
    }


def directed_depth_error(case: Case) -> dict[str, float]:
    """Share of pixels on the right side of a plane 3 m away (iBims-1, DDE), and on either wrong one.

    Returns:
        Percent: dde_0 agree; dde_minus predicted nearer than the plane but behind it; dde_plus the reverse.
    """
    predicted, true = case.pixels <= DIRECTED_AT, case.true_pixels <= DIRECTED_AT
    return {
        "dde_0": 100.0 * float(np.mean(predicted == true)),
        "dde_minus": 100.0 * float(np.mean(predicted & ~true)),
        "dde_plus": 100.0 * float(np.mean(~predicted & true)),
    }


def dense(case: Case) -> Floats:
    """The predicted depth of every pixel.

    Raises:
        DataError: When it has holes, in which edges would be found.
    """
    depth = case.depth
    if not (float(depth.min()) > 0 and float(depth.max()) < math.inf):
        raise DataError(
            "prediction: edge metrics need a finite depth above 0 at every pixel; clamp or fill it"
        )
    return depth
