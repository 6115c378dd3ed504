"""Dense correspondence of two views, both ways: dense inverse search flow (DIS) and semi-global matching.

Disparity is x_left - x_right in pixels, for both views: larger = nearer, and negative for what lies behind
the screen of a film. Flow finds any sign and any row, semi-global matching (SGBM) searches along rows only,
in the range that flow found.

Sources: Kroeger et al., "Fast optical flow using dense inverse search", ECCV 2016; Hirschmueller, "Stereo
processing by semi-global matching and mutual information", TPAMI 2008; both as OpenCV has them. MiDaS (Ranftl
et al., TPAMI 2022) labels films with PWC-Net flow in their place.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.uint8]
T = TypeVar("T", bound=np.generic)

BLOCK = 5
SMALL_STEP, LARGE_STEP = 8 * BLOCK**2, 32 * BLOCK**2
"""Costs of a disparity step of 1 and of more, as OpenCV's documentation proposes for one channel."""

_STEPS_PER_PIXEL = 16  # of OpenCV's disparities; numDisparities must be a multiple of 16 as well
_RANGE_QUANTILES = (0.01, 0.99)
_RANGE_MARGIN = (8.0, 0.1)  # pixels, and share of the range
_SMALLEST_SIDE = 16  # below it DIS has no pyramid and returns noise


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Optical flow both ways, float32 (H, W, 2) in pixels: x then y.

    Attributes:
        forward: From the left view's pixels to the right view.
        backward: From the right view's pixels to the left view.
    """

    forward: Floats
    backward: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Disparity of both views, float32 (H, W) in pixels, NaN where nothing was matched.

    Attributes:
        left: x_left - x_right of the left view's pixels.
        right: x_left - x_right of the right view's pixels.
        rows: y_right - y_left of the left view's pixels; 0 where the matcher looks along rows only.
    """

    left: Floats
    right: Floats
    rows: Floats


Matcher = Callable[[Grey, Grey, Flow], Matches]


def opencv() -> Any:
    """The module cv2; its type hints lack the classes used here."""
    import cv2

    return cv2


def flow_both_ways(left: Grey, right: Grey) -> Flow:
    """Match two uint8 (H, W) views with DIS flow, in both directions.

    Raises:
        ValueError: The views differ in shape, or a side is below 16 pixels.
    """
    if left.shape != right.shape or min(left.shape) < _SMALLEST_SIDE:
        raise ValueError(f"views of {left.shape} and {right.shape}; expected one shape, sides of 16 or more")
    cv2 = opencv()
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return Flow(dis.calc(left, right, None), dis.calc(right, left, None))


def from_flow(left: Grey, right: Grey, flow: Flow) -> Matches:
    """Disparity as flow has it: -u forward, +u backward."""
    del left, right
    return Matches(-flow.forward[..., 0], flow.backward[..., 0].copy(), flow.forward[..., 1].copy())


def semi_global(left: Grey, right: Grey, flow: Flow) -> Matches:
    """Disparity along rows by semi-global matching, in the range that `flow` found and a margin around it.

    Nothing but the search and the uniqueness and speckle filters of OpenCV is applied here; the left-right
    check is the caller's, and the same for all matchers.
    """
    low, high = search_range(flow)
    found = _sgbm(left, right, low, high)
    swapped = _sgbm(mirrored(right), mirrored(left), low, high)  # mirrored, the right view is the left one
    return Matches(found, mirrored(swapped), np.zeros_like(found))


MATCHERS: dict[str, Matcher] = {"sgbm": semi_global, "flow": from_flow}


def search_range(flow: Flow) -> tuple[int, int]:
    """Lowest and highest disparity to look for, in whole pixels: what flow found, without its outliers."""
    both = np.stack([-flow.forward[..., 0], flow.backward[..., 0]])
    low, high = (float(value) for value in np.quantile(both, _RANGE_QUANTILES))
    margin = _RANGE_MARGIN[0] + _RANGE_MARGIN[1] * (high - low)
    most = both.shape[2] // 2
    bottom = min(max(math.floor(low - margin), -most), most - 1)
    return bottom, max(min(math.ceil(high + margin), most), bottom + 1)


def _sgbm(left: Grey, right: Grey, low: int, high: int) -> Floats:
    cv2 = opencv()
    count = math.ceil((high - low) / _STEPS_PER_PIXEL) * _STEPS_PER_PIXEL
    matcher = cv2.StereoSGBM_create(
        minDisparity=low,
        numDisparities=count,
        blockSize=BLOCK,
        P1=SMALL_STEP,
        P2=LARGE_STEP,
        disp12MaxDiff=-1,  # off: OpenCV checks with a right view derived from the left one
        preFilterCap=31,
        uniquenessRatio=5,
        speckleWindowSize=50,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    # OpenCV leaves out columns for which part of the range lies outside the other view; padding keeps them.
    pad = max(abs(low), abs(low + count))
    wide = [cv2.copyMakeBorder(view, 0, 0, pad, pad, cv2.BORDER_CONSTANT, value=0) for view in (left, right)]
    steps = matcher.compute(*wide)[:, pad:-pad]
    disparity: Floats = steps.astype(np.float32) / np.float32(_STEPS_PER_PIXEL)
    disparity[steps < low * _STEPS_PER_PIXEL] = np.nan
    return disparity


def mirrored(view: npt.NDArray[T]) -> npt.NDArray[T]:
    """A view (H, W, ...) with left and right exchanged."""
    return np.ascontiguousarray(view[:, ::-1])
