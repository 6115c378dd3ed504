"""The metrics by name, and `compute`, which takes some of them of one image."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from onedepth.errors import DataError
from onedepth.evaluate.metrics.boundary import boundary_f1
from onedepth.evaluate.metrics.case import Case, Family
from onedepth.evaluate.metrics.edges import depth_boundary_error, directed_depth_error, mdec_edges
from onedepth.evaluate.metrics.normals import ANGLES, normal_errors
from onedepth.evaluate.metrics.ordinal import ordinal
from onedepth.evaluate.metrics.planarity import planarity
from onedepth.evaluate.metrics.pointcloud import RADII, point_cloud
from onedepth.evaluate.metrics.standard import standard

Need = Literal["camera", "edges", "planes"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one image.

    Attributes:
        function: Gives this metric and its relatives of a case, by name; one that has no value is left out.
        title: Name for people.
        unit: Unit of the value; empty for ratios and shares.
        higher_is_better: Direction.
        needs: What the case must bring along beside prediction, truth and mask.
    """

    function: Family
    title: str
    unit: str = ""
    higher_is_better: bool = False
    needs: frozenset[Need] = frozenset()


_CAMERA: frozenset[Need] = frozenset({"camera"})
_EDGES: frozenset[Need] = frozenset({"edges"})
_PLANES: frozenset[Need] = frozenset({"camera", "planes"})
_CLOUD = {"precision": "precision", "recall": "recall", "f_score": "F-score", "iou": "IoU"}

METRICS: dict[str, Metric] = {
    "abs_rel": Metric(standard, "AbsRel"),
    "sq_rel": Metric(standard, "SqRel", "m"),
    "sq_rel_squared": Metric(standard, "SqRel (squared)"),
    "mae": Metric(standard, "MAE", "m"),
    "rmse": Metric(standard, "RMSE", "m"),
    "rmse_log": Metric(standard, "RMSE log"),
    "log10": Metric(standard, "log10"),
    "silog": Metric(standard, "SILog", "100 ln m"),
    "rmse_log_scale_invariant": Metric(standard, "RMSE log (scale inv.)"),
    "imae": Metric(standard, "iMAE", "1/km"),
    "irmse": Metric(standard, "iRMSE", "1/km"),
    "kitti_abs_rel": Metric(standard, "absErrorRel", "%"),
    "kitti_sq_rel": Metric(standard, "sqErrorRel", "%"),
    "delta_1.05": Metric(standard, "δ < 1.05", higher_is_better=True),
    "delta_1.10": Metric(standard, "δ < 1.10", higher_is_better=True),
    "delta1": Metric(standard, "δ < 1.25", higher_is_better=True),
    "delta2": Metric(standard, "δ < 1.25²", higher_is_better=True),
    "delta3": Metric(standard, "δ < 1.25³", higher_is_better=True),
    "bad_1.25": Metric(standard, "δ > 1.25", "%"),
    "ordinal": Metric(ordinal, "ordinal error", "%"),
    "dde_0": Metric(directed_depth_error, "DDE 0", "%", higher_is_better=True),
    "dde_minus": Metric(directed_depth_error, "DDE −", "%"),
    "dde_plus": Metric(directed_depth_error, "DDE +", "%"),
    "dbe_acc": Metric(depth_boundary_error, "DBE acc", "px", needs=_EDGES),
    "dbe_comp": Metric(depth_boundary_error, "DBE comp", "px", needs=_EDGES),
    "mdec_edge_acc": Metric(mdec_edges, "EdgeAcc", "px", needs=_EDGES),
    "mdec_edge_comp": Metric(mdec_edges, "EdgeComp", "px", needs=_EDGES),
    "boundary_f1": Metric(boundary_f1, "boundary F1", higher_is_better=True),
    "boundary_precision": Metric(boundary_f1, "boundary precision", higher_is_better=True),
    "boundary_recall": Metric(boundary_f1, "boundary recall", higher_is_better=True),
    "pe_plan": Metric(planarity, "PE plan", "cm", needs=_PLANES),
    "pe_ori": Metric(planarity, "PE ori", "°", needs=_PLANES),
    "chamfer": Metric(point_cloud, "Chamfer", "m", needs=_CAMERA),
    **{
        f"{name}_{radius}": Metric(
            point_cloud, f"{title} {radius[:2]} cm", "%", higher_is_better=True, needs=_CAMERA
        )
        for radius in RADII
        for name, title in _CLOUD.items()
    },
    "normal_mean": Metric(normal_errors, "normals, mean", "°", needs=_CAMERA),
    "normal_median": Metric(normal_errors, "normals, median", "°", needs=_CAMERA),
    "normal_rmse": Metric(normal_errors, "normals, RMS", "°", needs=_CAMERA),
    **{
        name: Metric(normal_errors, f"normals < {bound:g}°", "%", higher_is_better=True, needs=_CAMERA)
        for name, bound in ANGLES.items()
    },
}


def compute(names: Collection[str], case: Case) -> dict[str, float]:
    """Metrics of one image.

    Args:
        names: Keys of `METRICS`.
        case: The image.

    Returns:
        Name to value, in the order asked for. Empty when no pixel counts, and without the metrics that have
        no value for this image (no true edge, no plane): no number is not a perfect number.

    Raises:
        DataError: Unknown metric, something missing that one needs, or depths that are not depths.
    """
    for name in names:
        if name not in METRICS:
            raise DataError(f"metric: found {name!r}, expected one of {', '.join(METRICS)}")
        for need in METRICS[name].needs:
            if getattr(case, need) is None:
                raise DataError(f"metric {name}: needs {need}, which this image does not have")
    if case.empty:
        return {}
    found = {name: case.of(METRICS[name].function).get(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}
