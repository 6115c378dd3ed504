"""Score one prediction against its truth, exactly as a protocol says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.depthmap import Kind
from onedepth.errors import CameraError, DataError, OneDepthError
from onedepth.evaluate.align import Fit, align
from onedepth.evaluate.crops import window_of
from onedepth.evaluate.metrics import METRICS, Case, compute
from onedepth.evaluate.protocol import Protocol, accepted

Raster = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Fits = Mapping[str, Fit]


class Counts(TypedDict):
    """Predicted values that are no depth."""

    not_finite: int
    not_positive: int


_NONE: Counts = {"not_finite": 0, "not_positive": 0}


@dataclass(frozen=True, slots=True)
class Score:
    """The numbers of one image under one alignment; none, and the reason, where there is no number.

    Attributes:
        values: Metric name -> number; empty without one.
        pixels: Pixels that counted.
        not_finite: Among the pixels with truth, those whose prediction is NaN, infinite or missing.
        not_positive: ... those whose predicted depth is at or below 0.
        fit: The alignment; None where there is none.
        reason: Why there is no number; None if there is one.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    pixels: int = 0
    not_finite: int = 0
    not_positive: int = 0
    fit: Fit | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Pair:
    """A prediction and its truth, in the window that counts, at the truth's size.

    Attributes:
        prediction: float32 (H, W), as the model put it out: depth, or disparity for affine disparity.
        kind: Kind of the prediction.
        truth: float32 (H, W) metres (or units), NaN = not measured.
        mask: bool (H, W), truth that counts.
        camera: Of this window; None where it is unknown.
    """

    prediction: Raster
    kind: Kind
    truth: Raster
    mask: Mask
    camera: Camera | None

    @property
    def not_finite(self) -> Mask:
        """Where truth counts and the prediction is no number."""
        return self.mask & ~np.isfinite(self.prediction)

    @property
    def not_positive(self) -> Mask:
        """Where truth counts and a predicted depth is at or below 0; disparity may be."""
        if self.kind == "affine_disparity":
            return np.zeros_like(self.mask)
        return self.mask & np.isfinite(self.prediction) & (self.prediction <= 0)


def pair(prediction: Raster, kind: Kind, truth: Raster, camera: Camera | None, protocol: Protocol) -> Pair:
    """Bring a prediction to the truth's size, cut both to the window, and mark the truth that counts.

    Args:
        prediction: float32 (h, w) of the whole frame.
        kind: What its values are.
        truth: float32 (H, W) of the whole frame, NaN = not measured.
        camera: Of the truth's raster, or of another size of the same view.
        protocol: Crop, range and resize rule.

    Raises:
        DataError: The sizes differ, and the protocol refuses that.
        ConfigError: The crop is not one of frames of this size.
    """
    height, width = truth.shape
    top, bottom, left, right = window_of(protocol.crop, height, width)
    prediction = resized(prediction, (height, width), protocol.resize)[top:bottom, left:right]
    truth = truth[top:bottom, left:right]
    floor, cap = protocol.range.floor, protocol.range.cap
    with np.errstate(invalid="ignore"):
        if protocol.range.ends == "closed":
            mask = (truth >= floor) & (truth <= cap) & (truth > 0)
        else:
            mask = (truth > floor) & (truth < cap)
    if camera is not None:
        camera = camera.resize(width, height).crop(left, top, right - left, bottom - top)
    return Pair(prediction, kind, truth, mask, camera)


def resized(values: Raster, shape: tuple[int, int], rule: str) -> Raster:
    """A map at another size, pixel centres at integer + 0.5; NaN spreads to what it touches.

    Raises:
        DataError: The sizes differ and the rule is `refuse`, or the map is no raster.
    """
    if values.ndim != 2 or not values.size:
        raise DataError(f"prediction has shape {values.shape}, expected (H, W)")
    if values.shape == shape:
        return values
    if rule == "refuse":
        raise DataError(
            f"prediction is {values.shape[1]}x{values.shape[0]}, the truth {shape[1]}x{shape[0]}, and the "
            "protocol does not resize; predict at the truth's size, or choose a protocol with `resize`"
        )
    import cv2

    methods = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST_EXACT}
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=methods[rule]), np.float32)


def score(pair: Pair, protocol: Protocol, fits: Fits | None = None) -> dict[str, Score]:
    """Numbers of one image, by alignment.

    Args:
        pair: Prediction and truth.
        protocol: Alignments, treatment of unusable values, clamping, metrics.
        fits: Alignments that were fitted to more than this image, by name.
    """
    if not pair.mask.any():
        return _no_number(protocol, pair.kind, f"no truth {_range_text(protocol)}")
    bad = {"not_finite": pair.not_finite, "not_positive": pair.not_positive}
    counts: Counts = {
        "not_finite": int(bad["not_finite"].sum()),
        "not_positive": int(bad["not_positive"].sum()),
    }
    for name, count in (("not_finite", counts["not_finite"]), ("not_positive", counts["not_positive"])):
        if count and getattr(protocol.unusable, name) == "refuse":
            what = f"prediction is {name.replace('_', ' ')} at {count} pixels"
            return _no_number(protocol, pair.kind, what, counts)
    usable = pair.mask & ~bad["not_finite"] & ~bad["not_positive"]
    if not usable.any():
        return _no_number(protocol, pair.kind, "not one predicted value is usable", counts)
    counted = pair.mask.copy()
    for name, wrong in bad.items():
        if getattr(protocol.unusable, name) == "drop":
            counted &= ~wrong
    case = Case(pair.prediction, pair.truth, counted, camera=pair.camera)
    scores = {}
    for name in accepted(protocol, pair.kind):
        fit = (fits or {}).get(name) or _fit(name, pair, usable, protocol)
        if not fit.ok:
            scores[name] = Score(reason=f"alignment {name}: {fit.reason}", **counts)
            continue
        values, reason = _numbers(_aligned_case(case, pair, fit, protocol), protocol)
        scores[name] = Score(values, int(counted.sum()), **counts, fit=fit, reason=reason)
    return scores


def _aligned_case(case: Case, pair: Pair, fit: Fit, protocol: Protocol) -> Case:
    """The case in metres; where every value is usable, without a map of its own for each alignment."""
    if protocol.clamp and not (pair.not_finite.any() or pair.not_positive.any()):
        return case.aligned(fit, protocol.range.floor, protocol.range.cap)
    return replace(case, prediction=aligned(pair, fit, protocol))


def _numbers(case: Case, protocol: Protocol) -> tuple[Mapping[str, float], str | None]:
    """The numbers of a case, without metrics that have no value for it (no true edge, say); or why none."""
    try:
        values = compute(protocol.metrics, case)
    except OneDepthError as error:
        return {}, str(error)
    found = {name: value for name, value in values.items() if np.isfinite(value)}
    return (found, None) if found else ({}, "no metric has a value")


def aligned(pair: Pair, fit: Fit, protocol: Protocol) -> Raster:
    """The prediction as depth in the truth's unit, with unusable values filled in and clamped as stated."""
    floor, cap = np.float32(protocol.range.floor), np.float32(protocol.range.cap)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        depth = np.asarray(fit.apply(pair.prediction), np.float32)
    depth = np.where(np.isfinite(pair.prediction), depth, cap)
    depth[pair.not_positive] = floor
    return np.clip(depth, floor, cap) if protocol.clamp else depth


def _fit(name: str, pair: Pair, usable: Mask, protocol: Protocol) -> Fit:
    """The alignment of one image; only values that are a depth take part."""
    return align(name, pair.prediction[usable], pair.truth[usable], kind=pair.kind, cap=protocol.range.cap)


def _no_number(protocol: Protocol, kind: Kind, reason: str, counts: Counts | None = None) -> dict[str, Score]:
    return {name: Score(reason=reason, **(counts or _NONE)) for name in accepted(protocol, kind)}


def _range_text(protocol: Protocol) -> str:
    window = " in the crop" if protocol.crop else ""
    return f"between {protocol.range.floor:g} and {protocol.range.cap:g} m{window}"


def needs_camera(protocol: Protocol) -> bool:
    """Whether an image without a camera can have no number."""
    return protocol.camera == "required" or any("camera" in METRICS[name].needs for name in protocol.metrics)


def check_camera(camera: Camera | None, where: str, protocol: Protocol) -> None:
    """Refuse an image without the camera that the protocol needs.

    Raises:
        CameraError: It has none.
    """
    if camera is None and needs_camera(protocol):
        raise CameraError(
            f"{where}: has no camera, and protocol {protocol.name} needs one; add `camera` to the manifest, "
            "or choose a protocol that does not"
        )
