"""Points that can be found again in the next frames: corners followed by optical flow, or descriptors.

Pixels follow the project's convention (centre of the first pixel at 0.5); OpenCV's are shifted here, once.
Which way is the default was measured: see docs/tracking.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.track.poses import Floats

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

COUNT = 800
"""How many points are followed at most."""

_QUALITY = 0.003  # weakest corner, relative to the strongest
_WINDOW = (21, 21)
_LEVELS = 4
_ROUND_TRIP = 0.7  # pixels by which a point followed forth and back may miss its start
_RATIO = 0.8  # Lowe: the best match must be that much nearer than the second
NOTHING: Floats = np.zeros((0, 2))


class Follower(Protocol):
    """Finds the points of a key-frame again, frame by frame."""

    def start(self, grey: Grey, carried: Floats) -> Floats:
        """Choose the points of a key-frame: (N, 2) pixels, the carried ones first."""

    def follow(self, grey: Grey) -> tuple[Floats, Mask]:
        """Where the key-frame's points are in the next frame: pixels (N, 2) and which were found (N,)."""


def corners(grey: Grey, count: int = COUNT, taken: Floats = NOTHING) -> Floats:
    """Corners (N, 2), strongest first, that keep clear of points that are taken (Shi and Tomasi)."""
    apart = max(3, round(max(grey.shape) / 90))
    free = np.full(grey.shape, 255, np.uint8)
    for x, y in np.floor(taken).astype(int).tolist():
        cv2.circle(free, (x, y), apart, 0, -1)
    found = cv2.goodFeaturesToTrack(grey, max(1, count), _QUALITY, apart, mask=free)
    if found is None:
        return np.zeros((0, 2))
    fine = cv2.cornerSubPix(
        grey, found, (3, 3), (-1, -1), (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)
    )
    return np.asarray(fine.reshape(-1, 2) + 0.5, np.float64)


def flow(before: Grey, after: Grey, pixels: Floats) -> tuple[Floats, Mask]:
    """Follow points from one frame to the next and back (pyramidal Lucas and Kanade).

    Args:
        before: uint8 (H, W).
        after: uint8 (H, W).
        pixels: (N, 2) in `before`.

    Returns:
        Pixels (N, 2) in `after`, and which of them come back to where they started and lie in the image.
    """
    if not len(pixels):
        return np.zeros((0, 2)), np.zeros(0, bool)
    start = (pixels - 0.5).astype(np.float32)[:, None]
    forth, there = _lucas_kanade(before, after, start)
    back, here = _lucas_kanade(after, before, forth)
    missed = np.linalg.norm(back - start, axis=-1).ravel()
    to = forth.reshape(-1, 2).astype(np.float64) + 0.5
    inside = ((to >= 0) & (to <= (after.shape[1], after.shape[0]))).all(axis=1)
    return to, (there.ravel() == 1) & (here.ravel() == 1) & (missed < _ROUND_TRIP) & inside


def _lucas_kanade(before: Grey, after: Grey, start: Any) -> tuple[Any, Any]:
    follow: Any = cv2.calcOpticalFlowPyrLK
    found = follow(before, after, start, None, winSize=_WINDOW, maxLevel=_LEVELS)
    return found[0], found[1]


class FlowFollower:
    """Corners, followed from frame to frame: sub-pixel, cheap, and blind after a jump."""

    def __init__(self) -> None:
        self._grey: Grey = np.zeros((1, 1), np.uint8)
        self._at: Floats = NOTHING
        self._alive: Mask = np.zeros(0, bool)

    def start(self, grey: Grey, carried: Floats) -> Floats:
        """Take the carried points and new corners between them."""
        self._grey, self._at = grey, np.concatenate([carried, corners(grey, COUNT - len(carried), carried)])
        self._alive = np.ones(len(self._at), bool)
        return self._at

    def follow(self, grey: Grey) -> tuple[Floats, Mask]:
        """Follow the points that are still alive from the last frame; what is lost stays lost."""
        alive = np.flatnonzero(self._alive)
        to, found = flow(self._grey, grey, self._at[alive])
        self._grey, self._at = grey, self._at.copy()
        self._at[alive] = to
        self._alive = np.zeros_like(self._alive)
        self._alive[alive[found]] = True
        return self._at, self._alive


class DescriptorFollower:
    """Key points matched to the key-frame by their descriptors: finds them again after a jump."""

    def __init__(self, detector: Any, norm: int) -> None:
        self._detector, self._norm = detector, norm
        self._descriptors: npt.NDArray[Any] = np.zeros((0, 32), np.uint8)
        self._last: tuple[Floats, npt.NDArray[Any]] = (NOTHING, self._descriptors)

    def start(self, grey: Grey, carried: Floats) -> Floats:
        """Take all key points; of carried ones the nearest key point within a pixel stands first."""
        pixels, descriptors = self._described(grey)
        first: list[int] = []
        for place in carried:
            away = np.linalg.norm(pixels - place, axis=1) if len(pixels) else np.zeros(0)
            first.append(int(away.argmin()) if len(away) else -1)
        rest = np.setdiff1d(np.arange(len(pixels)), first)
        order = [*first, *rest.tolist()]
        self._descriptors = descriptors[order] if len(descriptors) else descriptors
        return np.concatenate([carried, pixels[rest]])

    def follow(self, grey: Grey) -> tuple[Floats, Mask]:
        """Match the key-frame's descriptors to those of the frame, both ways and by Lowe's ratio."""
        pixels, descriptors = self._described(grey)
        to, found = np.zeros((len(self._descriptors), 2)), np.zeros(len(self._descriptors), bool)
        for one, other in matches(self._descriptors, descriptors, self._norm):
            to[one], found[one] = pixels[other], True
        return to, found

    def _described(self, grey: Grey) -> tuple[Floats, npt.NDArray[Any]]:
        points, descriptors = self._detector.detectAndCompute(grey, None)
        if descriptors is None:
            return np.zeros((0, 2)), self._descriptors[:0]
        return np.array([point.pt for point in points]) + 0.5, descriptors


def matches(
    one: npt.NDArray[Any], other: npt.NDArray[Any], norm: int = cv2.NORM_HAMMING
) -> list[tuple[int, int]]:
    """Pairs of rows that are each other's nearest, clearly nearer than the second."""
    if len(one) < 2 or len(other) < 2:
        return []
    matcher = cv2.BFMatcher(norm)
    back = {m.queryIdx: m.trainIdx for m in matcher.match(other, one)}
    pairs = matcher.knnMatch(one, other, k=2)
    return [
        (best.queryIdx, best.trainIdx)
        for best, second in pairs
        if best.distance < _RATIO * second.distance and back[best.trainIdx] == best.queryIdx
    ]


def describe(grey: Grey, pixels: Floats) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """ORB descriptors at given pixels: (M, 32) uint8, and which pixels they belong to (M,)."""
    orb = _opencv("ORB_create")()
    points = [cv2.KeyPoint(x, y, 31.0, -1.0, 0.0, 0, i) for i, (x, y) in enumerate((pixels - 0.5).tolist())]
    kept, descriptors = orb.compute(grey, points)
    if descriptors is None:
        return np.zeros((0, 32), np.uint8), np.zeros(0, np.int64)
    return descriptors, np.array([point.class_id for point in kept], np.int64)


def _opencv(name: str) -> Any:
    """A function of OpenCV that its type stubs leave out."""
    return getattr(cv2, name)


FOLLOWERS: dict[str, Callable[[], Follower]] = {
    "flow": FlowFollower,
    "orb": lambda: DescriptorFollower(_opencv("ORB_create")(2 * COUNT), cv2.NORM_HAMMING),
    "sift": lambda: DescriptorFollower(_opencv("SIFT_create")(2 * COUNT), cv2.NORM_L2),
}
