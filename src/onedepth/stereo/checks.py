"""Which pixels of a matched pair can be trusted, and whether enough of them can.

The thresholds are those by which MiDaS rejected frames of 3D films (Ranftl et al., TPAMI 2022, arXiv
1907.01341, section 4), on frames of 1880 x 800 pixels; they are in pixels of the pair as it is matched.
Two things differ, because DIS flow is noisier than the PWC-Net flow used there: vertical disparity is judged
on the pixels that pass flow's own left-right check, and the range leaves out half a percent at both ends
instead of being decided by two single pixels.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from onedepth.checks import positive
from onedepth.errors import ConfigError
from onedepth.stereo.matching import Floats, Flow, Mask, Matches, from_flow

LEFT_RIGHT_PX = 2.0
"""A pixel is valid if its disparity and that of its match differ by at most this (MiDaS)."""
VERTICAL_PX = 2.0
"""A vertical disparity above this is wrong (MiDaS)."""
VERTICAL_SHARE = 0.10
"""A pair with a larger share of wrong vertical disparities is rejected (MiDaS)."""
RANGE_PX = 10.0
"""A pair whose horizontal disparities span less is rejected (MiDaS)."""
VALID_SHARE = 0.70
"""A pair with a smaller share of pixels that pass the left-right check is rejected (MiDaS)."""

NO_PARALLAX_PX = 0.5
"""Ours: views that differ by less than this nearly everywhere (98 %) are one view shown twice."""
OTHER_SCENE_SHARE = 0.30
"""Ours: below it the views have so little in common that a cut or a mix-up is the likely cause."""

_RANGE_QUANTILES = (0.005, 0.995)
_PARALLAX_QUANTILE = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds of the checks, in pixels of the pair and in shares (0 ... 1)."""

    left_right: float = LEFT_RIGHT_PX
    vertical: float = VERTICAL_PX
    vertical_share: float = VERTICAL_SHARE
    range: float = RANGE_PX
    valid_share: float = VALID_SHARE

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value != 0:
                positive(value, f"limit {field.name}", ConfigError)
            if field.name.endswith("_share") and value > 1:
                raise ConfigError(f"limit {field.name} is a share from 0 to 1, found {value:g}")

    def changed(self, **values: float) -> "Limits":
        """These limits with some replaced.

        Raises:
            ConfigError: An unknown name, or a value that is negative, not finite, or a share above 1.
        """
        names = [field.name for field in fields(self)]
        if unknown := values.keys() - set(names):
            raise ConfigError(f"limit {min(unknown)!r} is unknown; expected one of {', '.join(names)}")
        return replace(self, **values)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the checks found.

    Attributes:
        valid_share: Share of the pixels whose disparity passes the left-right check.
        flow_share: The same of the flow; differs where disparity comes from another matcher.
        vertical_share: Share of trusted flow with a vertical disparity above the limit; the worse direction.
        range: Pixels between the smallest and the largest disparity, without half a percent at both ends.
        parallax: Pixels by which 98 % of the trusted pixels differ at most between the views.
    """

    valid_share: float
    flow_share: float
    vertical_share: float
    range: float
    parallax: float


def consistent(matches: Matches, limit: float = LEFT_RIGHT_PX) -> Mask:
    """Pixels of the left view whose match in the right view points back to them within `limit` pixels.

    |d_left(x) - d_right(x - d_left(x))| <= limit, bool (H, W); False where there is no match, or outside.
    """
    import cv2

    height, width = matches.left.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    found = np.isfinite(matches.left)
    target = np.where(found, x - matches.left, np.float32(-width))
    outside = float("nan")
    back = cv2.remap(
        matches.right, target, y + matches.rows, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, outside
    )
    agree: Mask = np.abs(matches.left - back) <= limit  # NaN compares as False
    return agree


def reversed_flow(flow: Flow) -> Flow:
    """The flow of the pair with its views exchanged."""
    return Flow(flow.backward, flow.forward)


def check_flow(flow: Flow, inside: Mask, limits: Limits) -> tuple[float, float]:
    """Share of flow that passes the left-right check, and share of it with too large a vertical part.

    Flow is tested in both directions, as in the code that MiDaS' authors released; the worse one counts.

    Args:
        flow: Both ways.
        inside: bool (H, W), the pixels that are asked about.
        limits: Thresholds.
    """
    empty = np.empty((0, 0), np.uint8)
    shares, wrong = [], []
    for way in (flow, Flow(flow.backward, flow.forward)):
        trusted = consistent(from_flow(empty, empty, way), limits.left_right) & inside
        vertical = np.abs(way.forward[..., 1][trusted])
        shares.append(float(trusted.sum() / max(1, inside.sum())))
        wrong.append(float((vertical > limits.vertical).mean()) if vertical.size else 0.0)
    return min(shares), max(wrong)


def measure(disparity: Floats, valid: Mask, flow: Flow, inside: Mask, limits: Limits) -> Measured:
    """Measure a pair by all checks.

    Args:
        disparity: float32 (H, W), pixels.
        valid: bool (H, W), where `disparity` passes the left-right check.
        flow: Both ways.
        inside: bool (H, W), the pixels that are asked about (no black bars, no sky); shares refer to them.
        limits: Thresholds.
    """
    values = disparity[valid & inside]
    flow_share, vertical_share = check_flow(flow, inside, limits)
    low, high, parallax = 0.0, 0.0, 0.0
    if values.size:
        low, high = (float(value) for value in np.quantile(values, _RANGE_QUANTILES))
        parallax = float(np.quantile(np.abs(values), _PARALLAX_QUANTILE))
    share = values.size / max(1, int(inside.sum()))
    return Measured(share, flow_share, vertical_share, high - low, parallax)


def fault(found: Measured, limits: Limits) -> str | None:
    """Why a pair is rejected, in one line that starts with the kind of fault; None if it passes."""
    share = f"of the pixels pass the left-right check (at least {limits.valid_share:.0%})"
    if found.flow_share < min(OTHER_SCENE_SHARE, limits.valid_share):
        return (
            f"unlike: {found.flow_share:.0%} {share}; do both views show the same moment of the same scene?"
        )
    if found.vertical_share > limits.vertical_share:
        return (
            f"vertical: {found.vertical_share:.0%} of the pixels are off by more than {limits.vertical:g} "
            f"rows (at most {limits.vertical_share:.0%}); --rectify may align the views"
        )
    if found.valid_share < limits.valid_share:
        return f"unmatched: {found.valid_share:.0%} {share}"
    if found.parallax < NO_PARALLAX_PX:
        return f"no parallax: the views differ by less than {NO_PARALLAX_PX:g} px; the same picture twice?"
    if found.range < limits.range:
        return f"flat: disparities span {found.range:.1f} px (at least {limits.range:g})"
    return None
