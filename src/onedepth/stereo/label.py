"""One pair of views becomes one disparity label, or a reason why it does not."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from onedepth.checks import finite, positive
from onedepth.errors import ConfigError
from onedepth.stereo import eyes
from onedepth.stereo.checks import Limits, Measured, consistent, fault, measure
from onedepth.stereo.matching import MATCHERS, Floats, Mask, flow_both_ways
from onedepth.stereo.rectify import find_alignment
from onedepth.stereo.sky import Sky, checked
from onedepth.stereo.views import Box, Image, common_content, fault_of_views, grey

SMALLEST_METRIC_PX = 1.0
"""Smallest disparity that is turned into metres: below, half a pixel of error is half the depth."""
_BEHIND_SHARE = 0.9  # of the pixels behind infinity: parallel cameras were exchanged


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns disparity of a rectified pair into inverse metres: (d + offset) / (focal * baseline).

    Attributes:
        focal: Pixels.
        baseline: Metres between the cameras.
        offset: Pixels, cx of the right camera - cx of the left one (`doffs` of Middlebury).
    """

    focal: float
    baseline: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        positive(self.focal, "focal length", ConfigError)
        positive(self.baseline, "baseline", ConfigError)
        finite(self.offset, "offset", ConfigError)

    def inverse_metres(self, disparity: Floats) -> Floats:
        """Disparity in pixels as 1/z, float32 (H, W); NaN below the smallest disparity that tells depth."""
        from_infinity = disparity + np.float32(self.offset)
        inverse = from_infinity / np.float32(self.focal * self.baseline)
        return np.where(from_infinity >= SMALLEST_METRIC_PX, inverse, np.float32(np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class StereoOptions:
    """How pairs are matched and judged.

    Attributes:
        method: Name of a matcher, `sgbm` or `flow`.
        limits: Thresholds of the checks.
        rectify: Whether a pair that fails for its rows is aligned and tried again.
        calibration: Of a rectified pair; the label then is in metres.
        sky: Who knows where sky is.
        check_eyes: Whether pairs with exchanged eyes are looked for.
    """

    method: str = "sgbm"
    limits: Limits = field(default_factory=Limits)
    rectify: bool = False
    calibration: Calibration | None = None
    sky: Sky | None = None
    check_eyes: bool = True

    def __post_init__(self) -> None:
        if self.method not in MATCHERS:
            raise ConfigError(f"method {self.method!r} is unknown; expected one of {', '.join(MATCHERS)}")
        if self.rectify and self.calibration is not None:
            raise ConfigError(
                "rectify and a camera exclude each other: after --rectify, baseline and offset are unknown"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A pair that passed.

    Attributes:
        disparity: float32 (H, W), NaN = not measured. In pixels; in 1/m with a calibration.
        right: The right view, if it had to be aligned; None if it is as it was given.
        measured: What the checks found.
    """

    disparity: Floats
    right: Image | None
    measured: Measured


@dataclass(frozen=True, slots=True)
class Rejected:
    """A pair that gives no label.

    Attributes:
        reason: One line; its first word or two name the kind of fault.
        measured: What the checks found, if it came to matching.
    """

    reason: str
    measured: Measured | None = None


class _Matched(NamedTuple):
    disparity: Floats  # NaN outside `valid`
    measured: Measured
    reason: str | None


def label_pair(
    left: Image, right: Image, options: StereoOptions | None = None, name: str = ""
) -> Labelled | Rejected:
    """Match a pair both ways and judge it, as MiDaS does with frames of 3D films.

    Args:
        left: uint8 (H, W, 3) RGB.
        right: uint8 (H, W, 3) RGB.
        options: How; the defaults when None.
        name: Of the pair, for the sky hook.

    Raises:
        DataError: The sky hook gave a mask of another size.
    """
    options = options or StereoOptions()
    if reason := fault_of_views(left, right):
        return Rejected(reason)
    box = common_content(grey(left), grey(right))
    sky = options.sky(name, left) if options.sky is not None else None
    sky = np.zeros(left.shape[:2], np.bool_) if sky is None else checked(sky, left, name or "sky")
    found = _match(box.of(left), box.of(right), _cut(box, sky), options)
    moved: Image | None = None
    if options.rectify and found.reason is not None:
        alignment = find_alignment(grey(left), grey(right))
        if alignment is not None:
            moved = alignment.apply(right)
            found = _match(box.of(left), box.of(moved), _cut(box, sky), options)
    if found.reason is not None:
        return Rejected(found.reason, found.measured)
    disparity = np.full(left.shape[:2], np.nan, np.float32)
    disparity[box.top : box.bottom, box.left : box.right] = found.disparity
    return _finish(disparity, sky & box.mask(left.shape), moved, found.measured, options)


def _match(left: Image, right: Image, sky: Mask, options: StereoOptions) -> _Matched:
    flow = flow_both_ways(grey(left), grey(right))
    matches = MATCHERS[options.method](grey(left), grey(right), flow)
    valid = consistent(matches, options.limits.left_right)
    measured = measure(matches.left, valid, flow, ~sky, options.limits)
    disparity = np.where(valid & ~sky, matches.left, np.float32(np.nan))
    reason = fault(measured, options.limits)
    if (
        reason is None
        and options.check_eyes
        and (_behind_infinity(disparity, options.calibration) or eyes.exchanged(left, right, flow))
    ):
        reason = "eyes: left and right seem to be exchanged; swap them"
    return _Matched(disparity, measured, reason)


def _behind_infinity(disparity: Floats, calibration: Calibration | None) -> bool:
    if calibration is None:
        return False
    values = disparity[np.isfinite(disparity)]
    return bool((values + calibration.offset < 0).mean() > _BEHIND_SHARE)


def _finish(
    disparity: Floats, sky: Mask, moved: Image | None, measured: Measured, options: StereoOptions
) -> Labelled | Rejected:
    """Give sky its disparity, or a calibrated pair its metres (sky then stays unmeasured)."""
    if options.calibration is not None:
        disparity = options.calibration.inverse_metres(disparity)
    if not np.isfinite(disparity).any():
        return Rejected("empty: no pixel has a disparity that could be used", measured)
    if options.calibration is None:
        disparity[sky] = np.nanmin(disparity)
    return Labelled(disparity, moved, measured)


def _cut(box: Box, mask: Mask) -> Mask:
    return mask[box.top : box.bottom, box.left : box.right]
