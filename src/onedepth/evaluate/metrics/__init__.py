"""Depth metrics, one family per file. docs/metrics.md has formula, unit, direction and source of each.

`METRICS` are those of one image, taken by `compute`. Metrics of sequences, of pairs of points and of zooms
are functions of their own.
"""

from onedepth.evaluate.metrics.boundary import boundary_recall_matte
from onedepth.evaluate.metrics.case import Case, Plane
from onedepth.evaluate.metrics.flicker import Frame, flow_flicker, temporal_alignment_error
from onedepth.evaluate.metrics.ordinal import draw_pairs, relation_of, whdr, wkdr, wkdr_threshold
from onedepth.evaluate.metrics.pointcloud import cloud_metrics
from onedepth.evaluate.metrics.sequence import scale_consistency, scale_of
from onedepth.evaluate.metrics.standard import depth_metrics
from onedepth.evaluate.metrics.table import METRICS, Metric, compute
from onedepth.evaluate.metrics.zoom import zoom_invariance

__all__ = [
    "METRICS",
    "Case",
    "Frame",
    "Metric",
    "Plane",
    "boundary_recall_matte",
    "cloud_metrics",
    "compute",
    "depth_metrics",
    "draw_pairs",
    "flow_flicker",
    "relation_of",
    "scale_consistency",
    "scale_of",
    "temporal_alignment_error",
    "whdr",
    "wkdr",
    "wkdr_threshold",
    "zoom_invariance",
]
