"""Steady depth over time: jitter of scale and of single pixels is removed, true motion stays.

A network that sees one frame at a time answers with a scale that trembles from frame to frame, and with edges
and surfaces that swim. Both are measured along optical flow. For a frame t and a distance k, let m be the
mean of the log depth that t - k and t + k show where a pixel of t is found in them; the jitter is m minus the
pixel's own log depth. Taking both sides alike is what keeps true motion: what comes nearer at a steady rate
has a log depth between those before and after (up to second order), so its jitter is zero and nothing lags
behind. A filter that locks each frame to the last one would instead hold a street still that a car drives
down, or drift.

- Scale: the median jitter over the picture is one number per frame and k, added everywhere (`scale`, `full`).
- Pixels: what is left is averaged with a weight that falls off with its size, so that depth does not bleed
  over edges where flow is off by a pixel (`full`).

Pixels that another frame hides have no part in it, nor have frames beyond a cut. Affine disparity has no log:
there the same is done to the disparity itself, so the number per frame is a shift.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError
from onedepth.predict.predictor import Prediction
from onedepth.rasters import Floats
from onedepth.video.flow import Flow, carry, flow_both_ways, grey_picture

Mode = Literal["full", "scale", "off"]
"""What is made steady: pixels and scale, only the scale of whole frames, or nothing."""

RADIUS = 2
"""Frames before and after that are looked at; 2 * RADIUS + 1 frames are in memory."""

_SIGMA = 0.15  # jitter (in log depth) from which on a pixel is left alone: edges, not trembling
_LEAST = 100  # pixels for a median that can be believed


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame and its depth.

    Attributes:
        time: exact seconds from the beginning of the clip.
        prediction: depth map and pixels.
    """

    time: Fraction
    prediction: Prediction


class _Held:
    """A frame that waits for those after it."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.grey = grey_picture(shown.prediction.pixels)
        self.values = _values(shown.prediction.depth)
        self.flows: dict[int, Flow] = {}  # distance in frames -> flow to that frame


def check_mode(mode: str) -> Mode:
    """Return `mode`.

    Raises:
        ConfigError: unknown mode.
    """
    for known in get_args(Mode):
        if mode == known:
            return known  # type: ignore[no-any-return]
    raise ConfigError(f"--stabilize {mode}: unknown; expected one of {', '.join(get_args(Mode))}")


def stabilize(frames: Iterable[Shown], mode: Mode = "full", radius: int = RADIUS) -> Generator[Shown]:
    """Steady the depth of a clip, frame by frame.

    Args:
        frames: in the order of display, all of one size.
        mode: what is made steady.
        radius: frames looked ahead and back, at least 1.

    Yields:
        The frames in order with new depth maps, each when `radius` frames after it have come.
    """
    if mode == "off":
        yield from frames
        return
    window: deque[_Held] = deque(maxlen=2 * radius + 1)
    waiting = 0  # of the newest frames of the window, how many were not yielded
    for shown in frames:
        _enter(window, _Held(shown), radius)
        waiting += 1
        if waiting > radius:
            waiting -= 1
            yield _steady(window, len(window) - 1 - radius, mode)
    while waiting:
        yield _steady(window, len(window) - waiting, mode)
        waiting -= 1


def _enter(window: deque[_Held], new: _Held, radius: int) -> None:
    """Put a frame into the window, with the flows between it and the last ones, up to a cut."""
    if len(window) == window.maxlen:
        window.popleft()
    for distance, held in enumerate(list(window)[-1 : -radius - 1 : -1], start=1):
        same = held.grey.shape == new.grey.shape and held.values.shape == new.values.shape
        flows = flow_both_ways(new.grey, held.grey) if same else None
        if flows is None:
            break
        new.flows[-distance], held.flows[distance] = flows
    window.append(new)


def _steady(window: deque[_Held], at: int, mode: Mode) -> Shown:
    held = window[at]
    differences = list(_jitter(window, at))
    if not differences:
        return held.shown
    medians = [float(np.nanmedian(difference)) for difference in differences]
    steady = held.values + np.float32(2 * sum(medians) / (1 + 2 * len(medians)))
    if mode == "full":
        steady += _local(differences, medians, _spread(held))
    depth = held.shown.prediction.depth
    return replace(held.shown, prediction=replace(held.shown.prediction, depth=_with_values(depth, steady)))


def _jitter(window: deque[_Held], at: int) -> Iterator[Floats]:
    """For each distance with a frame on both sides: mean of both minus own value, NaN where not both see."""
    held = window[at]
    for distance in sorted(distance for distance in held.flows if distance > 0):
        if -distance not in held.flows:
            return
        before, after = (carry(window[at + step].values, held.flows[step]) for step in (-distance, distance))
        difference: Floats = np.float32(0.5) * (before + after) - held.values
        if np.isfinite(difference).sum() < min(_LEAST, difference.size // 4):
            return
        yield difference


def _local(differences: list[Floats], medians: list[float], sigma: float) -> Floats:
    """Weighted mean of what is left of the jitter, 0 where there is none."""
    total, weights = np.zeros_like(differences[0]), np.ones_like(differences[0])
    for difference, median in zip(differences, medians, strict=True):
        known = np.isfinite(difference)
        rest = np.where(known, difference - np.float32(median), np.float32(0))
        weight = np.where(known, 2 * np.exp(-0.5 * (rest / np.float32(sigma)) ** 2), np.float32(0))
        total += weight * rest
        weights += weight
    return np.asarray(total / weights, np.float32)


def _spread(held: _Held) -> float:
    """Largest jitter that is averaged: relative depth, or the same part of the range of disparities."""
    if held.shown.prediction.depth.kind != "affine_disparity":
        return _SIGMA
    low, high = np.nanpercentile(held.values, (2, 98))
    return _SIGMA * max(float(high - low), 1e-6)


def _values(depth: DepthMap) -> Floats:
    """Log depth, or affine disparity; NaN where invalid."""
    values = np.full(depth.shape, np.nan, np.float32)
    if depth.kind == "affine_disparity":
        values[depth.valid] = depth.values[depth.valid]
    else:
        np.log(depth.values, out=values, where=depth.valid)
    return values


def _with_values(depth: DepthMap, values: npt.NDArray[np.float32]) -> DepthMap:
    new = values if depth.kind == "affine_disparity" else np.exp(values)
    return DepthMap(np.nan_to_num(new), depth.kind, depth.camera, depth.valid, depth.source)
