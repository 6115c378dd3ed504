"""Depth metrics, one family per file. docs/metrics.md has formula, unit, direction and source of each."""

from onedepth.evaluate.metrics.case import Case, Plane
from onedepth.evaluate.metrics.standard import depth_metrics
from onedepth.evaluate.metrics.table import METRICS, Metric, compute

__all__ = ["METRICS", "Case", "Metric", "Plane", "compute", "depth_metrics"]
