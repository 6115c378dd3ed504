"""Optical flow between frames, where it can be believed, and values carried along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onedepth.rasters import Floats, Mask

WORK_SIZE = 384
"""Longer side, in pixels, of the pictures in which flow is looked for."""

_CUT = 0.2  # a smaller share of believable flow means that another scene began


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """Where the pixels of one frame are found in another.

    Attributes:
        motion: float32 (h, w, 2), pixels (x, y) of a picture of this size.
        seen: bool (h, w), pixels that the other frame shows too, as far as flow can tell.
    """

    motion: npt.NDArray[np.float32]
    seen: Mask


def grey_picture(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Shrink an RGB picture (H, W, 3) to a grey one of at most `WORK_SIZE` pixels, for flow."""
    import cv2

    height, width = pixels.shape[:2]
    shrink = min(1.0, WORK_SIZE / max(height, width))
    size = max(16, round(width * shrink)), max(16, round(height * shrink))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def flow_both_ways(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> tuple[Flow, Flow] | None:
    """Flow from `one` grey picture to the `other` and back, by DIS (Kroeger et al., ECCV 2016).

    A pixel is `seen` by the other frame if going there and back ends where it began (Sundaram et al., ECCV
    2010, eq. 5): |f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5.

    Returns:
        The two flows; None if hardly any pixel is found again, as after a cut.
    """
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    empty = np.zeros((*one.shape, 2), np.float32)
    there, back = (
        np.asarray(search.calc(*pair, empty.copy()), np.float32) for pair in ((one, other), (other, one))
    )
    flows = Flow(there, _returns(there, back)), Flow(back, _returns(back, there))
    return flows if min(flow.seen.mean() for flow in flows) > _CUT else None


def _returns(there: npt.NDArray[np.float32], back: npt.NDArray[np.float32]) -> Mask:
    carried = _sample(back, there)
    squares = (there**2).sum(-1) + (carried**2).sum(-1)
    with np.errstate(invalid="ignore"):
        returns: Mask = ((there + carried) ** 2).sum(-1) < 0.01 * squares + 0.5
    return returns  # NaN, outside the other picture, compares as False


def carry(values: Floats, flow: Flow) -> Floats:
    """Values of the other frame where each pixel of this one is found there.

    Args:
        values: float32 (H, W) of the other frame, NaN where unknown.
        flow: from this frame to the other; its size may be smaller than that of the values.

    Returns:
        float32 (H, W), bilinear; NaN where the pixel is not seen, or a value it needs is unknown.
    """
    import cv2

    height, width = values.shape
    small_height, small_width = flow.seen.shape
    motion, seen = flow.motion, flow.seen
    if motion.shape[:2] != values.shape:
        stretch = np.array([width / small_width, height / small_height], np.float32)
        motion = cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR) * stretch
        seen = cv2.resize(seen.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    carried = _sample(values, motion)
    carried[~seen] = np.nan
    return carried


def _sample(values: npt.NDArray[np.float32], motion: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Bilinear samples at each pixel plus its motion; NaN outside."""
    import cv2

    height, width = values.shape[:2]
    x = np.arange(width, dtype=np.float32) + motion[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + motion[..., 1]
    filling = (np.nan,) * 4
    sampled = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=filling)
    return np.asarray(sampled, np.float32)
