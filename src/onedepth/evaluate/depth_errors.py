"""The table of a model's depth errors by range, measured on data it has not seen, and put into its file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import DataError, ModelFileError
from onedepth.files.atomic import write_bytes
from onedepth.manifest.labels import load_depth
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record
from onedepth.measure.edges import depth_edges
from onedepth.predict.depth_errors import ErrorRange
from onedepth.predict.metadata import METADATA_KEY, ModelInfo
from onedepth.predict.predictor import Predictor

LIMITS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0, 80.0)
"""Limits of the ranges in metres; those with too few images are joined to the one before."""

_ONE_SIGMA = 68.27  # percentile of the absolute error: the standard deviation where errors are normal
_SAMPLES = 2000  # pixels of an image
_LEAST = 10  # images of a range


def measure_errors(predictor: Predictor, records: Iterable[Record]) -> tuple[ErrorRange, ...]:
    """Predict records with metric truth, and split the errors into the photo's and the pixel's own.

    With e = log(predicted / true) at pixels away from depth edges, the photo's error is the median of e and
    the pixel's the rest. Both are given as the 68th percentile of their absolute values, by predicted depth.

    Raises:
        DataError: A record has no metric label or no camera, or there are too few records.
    """
    parts = [_errors_of(predictor, number, record) for number, record in enumerate(records)]
    if len(parts) < _LEAST:
        raise DataError(f"depth errors: found {len(parts)} images, expected at least {_LEAST}")
    return tabulate(np.concatenate(parts))


def tabulate(errors: npt.NDArray[np.float64]) -> tuple[ErrorRange, ...]:
    """Rows of the table from errors of pixels.

    Args:
        errors: (N, 4): number of the image, predicted depth in metres, common and local log error.

    Raises:
        DataError: No range has enough images.
    """
    rows: list[ErrorRange] = []
    start = LIMITS[0]
    for far in LIMITS[1:]:
        inside = errors[(errors[:, 1] >= start) & (errors[:, 1] < far)]
        if len(np.unique(inside[:, 0])) < _LEAST:
            continue  # the next range begins where this one would have
        common, local = np.percentile(np.abs(inside[:, 2:]), _ONE_SIGMA, axis=0)
        rows.append(ErrorRange(start, far, round(float(common), 3), round(float(local), 3)))
        start = far
    if not rows:
        raise DataError(f"depth errors: no range of depth is seen in {_LEAST} images")
    return tuple(rows)


def write_errors(path: str | os.PathLike[str], table: Sequence[ErrorRange]) -> ModelInfo:
    """Put a table into the metadata of a model file, whole or not at all; the graph stays as it is.

    Returns:
        The new metadata.

    Raises:
        ModelFileError: The file is no model of ours.
        OneDepthError: It cannot be written.
    """
    import onnx

    path = Path(path)
    try:
        model = onnx.load(path)
    except Exception as error:  # whatever protobuf says about a damaged file
        raise ModelFileError(f"{path}: not a whole ONNX model ({error})") from error
    entry = next((entry for entry in model.metadata_props if entry.key == METADATA_KEY), None)
    if entry is None:
        raise ModelFileError(f"{path}: an ONNX file, but not a OneDepth model (no {METADATA_KEY!r} metadata)")
    info = replace(ModelInfo.from_json(entry.value, str(path)), depth_errors=tuple(table))
    entry.value = info.to_json()
    write_bytes(path, model.SerializeToString())
    return info


def _errors_of(predictor: Predictor, number: int, record: Record) -> npt.NDArray[np.float64]:
    """(N, 4) rows as `tabulate` takes them, of pixels spread evenly over one image."""
    if record.label is None or record.label.kind != "metric" or record.camera is None:
        raise DataError(f"{record.id}: depth errors need a metric label and a camera")
    predicted = predictor.predict(load_image(record.image), record.camera, map_back=True)
    truth = np.asarray(load_depth(record), np.float32)
    if truth.shape != predicted.shape:
        raise DataError(f"{record.id}: its label has {truth.shape}, the image {predicted.shape}")
    known = np.isfinite(truth) & (truth > 0)
    sure = known & predicted.valid & ~depth_edges(predicted)
    sure &= ~depth_edges(DepthMap(np.where(known, truth, 0), "metric"))
    at = np.flatnonzero(sure)
    at = at[:: max(1, len(at) // _SAMPLES)]
    depth = predicted.values.ravel()[at].astype(np.float64)
    error = np.log(depth / truth.ravel()[at])
    if len(at) == 0:
        return np.zeros((0, 4))
    common = float(np.median(error))
    return np.stack(
        [np.full(len(at), float(number)), depth, np.full(len(at), common), error - common], axis=1
    )
