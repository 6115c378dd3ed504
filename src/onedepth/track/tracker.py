"""Follow one camera frame by frame, against key-frames whose points have depth.

Every key-frame takes its points anew from its own depth map. Carrying points on and refining their depth
was tried: on predicted depth, whose errors are common to many points, it made paths worse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.checks import positive
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError
from onedepth.track.depths import depth_at, smooth_disparity
from onedepth.track.features import FOLLOWERS, NOTHING, Follower, Grey, Mask, corners, describe, matches
from onedepth.track.pnp import Located, Points, camera_pose, locate
from onedepth.track.poses import Floats, inverse

Status = Literal["first", "tracked", "found again", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackOptions:
    """How to follow.

    Attributes:
        follower: How points are found again; a name of `FOLLOWERS`.
        noise: Relative standard deviation of the depth of a pixel.
        sigma: Pixels of noise of the tracks.
        keep: A new key-frame is made when fewer than this share of the points that agreed at best still do.
        shift: Or when points moved by more than this fraction of the image's longer side (median).
    """

    follower: str = "flow"
    noise: float = 0.05
    sigma: float = 0.5
    keep: float = 0.6
    shift: float = 0.10

    def __post_init__(self) -> None:
        if self.follower not in FOLLOWERS:
            raise ConfigError(f"follower {self.follower!r}: unknown; expected one of {', '.join(FOLLOWERS)}")
        for name in ("noise", "sigma", "keep", "shift"):
            positive(getattr(self, name), name, ConfigError)

    def is_worn(self, key: Floats, now: Floats, best: int, camera: Camera) -> bool:
        """Whether a key-frame has to be replaced.

        Args:
            key: (N, 2) pixels of the points that agree, in the key-frame.
            now: Likewise in the frame.
            best: How many points agreed in the best frame of this key-frame. Not how many it has: with
                errors of depth half of them may never agree, and a new key-frame would not mend that.
            camera: Of the frame.
        """
        moved = float(np.median(np.linalg.norm(now - key, axis=1)))
        return len(now) < self.keep * best or moved > self.shift * max(camera.size)


@dataclass(frozen=True, eq=False)
class View:
    """A frame as a tracker sees it.

    Attributes:
        grey: uint8 (H, W).
        camera: Its pinhole camera.
        depth: Gives its depth map (the same view, of any size); asked at key-frames only.
    """

    grey: Grey
    camera: Camera
    depth: Callable[[], DepthMap]


@dataclass(frozen=True, eq=False)
class Step:
    """What is known of one frame.

    Attributes:
        pose: Camera to world; the first frame's camera is the world. Of a lost frame a guess.
        status: Whether and how it was found.
        key: Whether it became a key-frame.
        points: How many points agree on the pose.
    """

    pose: Floats
    status: Status
    key: bool
    points: int


@dataclass(frozen=True, eq=False)
class _Key:
    """A key-frame: its pose, its points, where it shows them, and what they look like."""

    pose: Floats
    pixels: Floats
    points: Points
    looks: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]

    @property
    def known(self) -> Mask:
        return np.asarray(np.isfinite(self.points.xyz[:, 2]))


@dataclass(frozen=True, eq=False)
class _Found:
    """A frame that was found: the motion, the pixels it follows from, and which points they show."""

    located: Located
    pixels: Floats
    which: npt.NDArray[np.int64]
    status: Status


class Tracker:
    """Follows a camera through frames of one size, given one after the other."""

    def __init__(self, options: TrackOptions | None = None) -> None:
        self._options = options or TrackOptions()
        self._follower: Follower = FOLLOWERS[self._options.follower]()
        self._key: _Key | None = None
        self._pose, self._velocity = np.eye(4), np.eye(4)
        self._blind = False
        self._best = 0

    def step(self, view: View) -> Step:
        """Find the next frame.

        A frame whose points are found neither from frame to frame nor by their looks is lost: the last
        motion goes on. The next frames are compared with the last key-frame by their looks; if that fails
        too, following starts anew from the guess, so that what comes later is as right as the guess is.

        Args:
            view: The frame.
        """
        if self._key is None:
            key = self._begin(self._new_key(view, self._pose))
            return Step(self._pose, "first", True, int(key.known.sum()))
        found = self._find(view, self._key)
        if found is None:
            return self._lost(view)
        pose = camera_pose(self._key.pose, found.located.motion)
        if not self._blind:
            self._velocity = inverse(self._pose) @ pose
        self._pose, self._blind = pose, False
        agree = found.located.agree
        self._best = max(self._best, int(agree.sum()))
        worn = found.status == "found again" or self._options.is_worn(
            self._key.pixels[found.which[agree]], found.pixels[agree], self._best, view.camera
        )
        if worn:
            self._begin(self._new_key(view, pose))
        return Step(pose, found.status, worn, int(agree.sum()))

    def _find(self, view: View, key: _Key) -> _Found | None:
        if not self._blind:
            at, alive = self._follower.follow(view.grey)
            which = np.flatnonzero(alive & key.known)
            located = locate(key.points[which], at[which], view.camera, self._options.sigma)
            if located is not None and located.agree.sum() >= _LEFT * key.known.sum():
                return _Found(located, at[which], which, "tracked")
        at, which = _by_looks(view.grey, key)
        located = locate(key.points[which], at, view.camera, self._options.sigma)
        return None if located is None else _Found(located, at, which, "found again")

    def _lost(self, view: View) -> Step:
        """Guess the pose; start anew when a second frame in a row is lost though it shows something."""
        again = self._blind
        self._pose, self._blind = self._pose @ self._velocity, True
        if not again:
            return Step(self._pose, "lost", False, 0)
        key = self._new_key(view, self._pose)
        restarts = int(key.known.sum()) >= _ENOUGH
        if restarts:
            self._begin(key)
            self._blind = False
        return Step(self._pose, "lost", restarts, 0)

    def _begin(self, key: _Key) -> _Key:
        self._key, self._best = key, 0
        return key

    def _new_key(self, view: View, pose: Floats) -> _Key:
        self._follower = FOLLOWERS[self._options.follower]()
        pixels = self._follower.start(view.grey, NOTHING)
        depth = np.zeros(0)
        if len(pixels):
            depth = depth_at(smooth_disparity(view.depth()), pixels, view.camera.size)
        noise = np.full(len(pixels), self._options.noise)
        points = Points(rays_of(pixels, view.camera) * depth[:, None], noise)
        return _Key(pose, pixels, points, describe(view.grey, pixels))


_LEFT = 0.1  # share of a key-frame's points that must agree: after a cut a few follow anything
_ENOUGH = 50  # points with depth that a frame must have for following to start anew there


def rays_of(pixels: Floats, camera: Camera) -> Floats:
    """Rays (N, 3) with z = 1 through pixels (N, 2) of a pinhole camera."""
    xy = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    return np.concatenate([xy, np.ones((len(xy), 1))], axis=1)


def _by_looks(grey: Grey, key: _Key) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Points of the key-frame found by their descriptors, wherever in the frame they are."""
    places = corners(grey)
    looks, numbers = describe(grey, places)
    pairs = np.array(matches(key.looks[0], looks), np.int64).reshape(-1, 2)
    which = key.looks[1][pairs[:, 0]]
    known = key.known[which]
    return places[numbers[pairs[:, 1]]][known], which[known]
