"""What a label measures, in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.check.kinds import Finding
from onedepth.manifest.decoders import View, decoder
from onedepth.manifest.labels import enlarge, load_depth, load_label
from onedepth.manifest.record import Label, Record

Values = npt.NDArray[np.float32]

LEAST = 16
"""Measured pixels below which a label is as good as empty."""

_POINTS = ("velodyne", "colmap")  # drawn in the size of the camera, whatever that is
_FLOATS = ("npy", "npz", "exr", "pfm", "tiff", "dpt", "hdf5", "float32")
_SAMPLES = 50_000
_BOTTOM = 0.85  # height of the image from which on rows show what the camera stands above
_DISTINCT = 20


@dataclass(frozen=True)
class LabelFacts:
    """Numbers of one label; NaN where unknown. Depths are z-depths in metres or units, as they would be read.

    Attributes:
        valid: Share of measured pixels.
        median: Median depth; NaN for affine labels.
        far: 95th percentile of depth.
        ground: Height of the camera above what the lowest rows show.
        whole: Whether all depths are whole numbers, of many.
    """

    valid: float = 0.0
    median: float = float("nan")
    far: float = float("nan")
    ground: float = float("nan")
    whole: bool = False


def load_values(record: Record) -> Values:
    """The label's numbers, distances along the rays turned into depths; NaN = not measured.

    Raises:
        DataError: As `load_depth`.
    """
    assert record.label is not None
    if record.label.quantity == "distance" and record.label.kind != "affine":
        return load_depth(record)
    return load_label(record.label, record.camera)


def size_findings(values: Values, record: Record, size: tuple[int, int]) -> None:
    """Compare sizes of label and image, (width, height).

    Raises:
        DataError: They do not fit.
    """
    label = record.label
    assert label is not None
    camera_is_wrong = record.camera is not None and record.camera.size != size
    if values.shape != size[::-1] and not (label.encoding in _POINTS and camera_is_wrong):
        enlarge(values, size, label)


def value_findings(values: Values) -> Iterator[Finding]:
    """A label that measures nothing, or the same everywhere."""
    known = values[np.isfinite(values)]
    if len(known) < LEAST:
        yield Finding("empty", f"{len(known)} of {values.size:,} pixels are measured")
    elif known.min() == known.max():
        yield Finding("constant", f"all {len(known):,} measured pixels hold {known[0]:.6g}")


def stored_findings(label: Label, camera: Camera | None) -> Iterator[Finding]:
    """Numbers in floating point files that are no measurement.

    Raises:
        DataError: The file cannot be read.
    """
    if label.encoding not in _FLOATS:
        return
    stored = decoder(label.encoding)(label, View(camera))
    if stored.dtype.kind != "f":
        return
    negative = int((stored < 0).sum())
    if negative:
        yield Finding(
            "negative", f"{negative:,} of {stored.size:,} numbers are below 0, least {np.nanmin(stored):.6g}"
        )
    nan, infinite = int(np.isnan(stored).sum()), int(np.isinf(stored).sum())
    if nan or infinite:
        yield Finding("not_finite", f"{nan:,} NaN and {infinite:,} infinite of {stored.size:,} numbers")


def label_facts(values: Values, label: Label, camera: Camera | None) -> LabelFacts:
    """Numbers of a label's values, as `load_values` gives them."""
    measured = np.isfinite(values)
    known = values[measured]
    facts = LabelFacts(valid=float(measured.mean()))
    if label.kind == "affine" or not len(known):
        return facts
    sample = known[:: max(1, len(known) // _SAMPLES)]
    if label.quantity == "disparity":
        sample = np.reciprocal(sample)
    whole = bool((sample == np.rint(sample)).all()) and len(np.unique(sample)) >= _DISTINCT
    median, far = (float(number) for number in np.quantile(sample, (0.5, 0.95)))
    facts = replace(facts, median=median, far=far, whole=whole)
    if camera is None:
        return facts
    return replace(facts, ground=_ground(values, camera, inverse=label.quantity == "disparity"))


def _ground(values: Values, camera: Camera, *, inverse: bool) -> float:
    height, width = values.shape
    first = int(height * _BOTTOM)
    camera = camera.resize(width, height)
    below = values[first:, :: max(1, width // 64)]
    depth = np.reciprocal(below) if inverse else below
    drop = (np.arange(first, height)[:, None] + 0.5 - camera.cy) / camera.fy * depth
    drop = drop[np.isfinite(drop)]
    return float(np.median(drop)) if len(drop) >= LEAST else float("nan")
