"""The same without depth: essential matrix, triangulation, PnP. A baseline; its unit of length is arbitrary.

The first motion with parallax gets the length 1. From then on, points that a key-frame shares with the one
before it carry the unit on; it drifts, as in every system with one camera and no depth. Until there is
parallax, and through a pure rotation, the camera turns in place.
"""

from __future__ import annotations

import cv2
import numpy as np

from onedepth.camera import Camera
from onedepth.track.features import FOLLOWERS, NOTHING, Follower, Mask
from onedepth.track.pnp import MIN_POINTS, Points, camera_pose, locate, triangulated
from onedepth.track.poses import Floats, inverse, moved, rigid
from onedepth.track.tracker import Step, TrackOptions, View, rays_of

_PARALLAX = 0.015  # radians: median angle between rays from which on a motion has a direction
_LEAST = 0.3  # of that: angle below which a single point gets no depth


class ScaleFreeTracker:
    """Follows a camera without any depth, up to one unknown scale (that drifts)."""

    def __init__(self, options: TrackOptions | None = None) -> None:
        self._options = options or TrackOptions()
        self._follower: Follower | None = None
        self._pixels, self._points = NOTHING, Points(np.zeros((0, 3)), np.zeros(0))
        self._key, self._pose, self._velocity = np.eye(4), np.eye(4), np.eye(4)

    def step(self, view: View) -> Step:
        """Find the next frame; its depth is never asked for."""
        if self._follower is None:
            self._restart(view, NOTHING, Points(np.zeros((0, 3)), np.zeros(0)))
            return Step(self._pose, "first", True, 0)
        at, alive = self._follower.follow(view.grey)
        known = np.isfinite(self._points.xyz[:, 2])
        which = np.flatnonzero(alive & known)
        located = locate(self._points[which], at[which], view.camera, self._options.sigma)
        if located is None:
            return self._without_points(view, at, alive, started=bool(known.any()))
        agree = which[located.agree]
        self._go_to(camera_pose(self._key, located.motion))
        worn = self._options.is_worn(self._pixels[agree], at[agree], int(known.sum()), view.camera)
        if worn:
            bad = np.zeros_like(alive)
            bad[which[~located.agree]] = True
            self._hand_over(view, at, alive & ~bad, located.motion)
        return Step(self._pose, "tracked", worn, len(agree))

    def _without_points(self, view: View, at: Floats, alive: Mask, *, started: bool) -> Step:
        """Begin, or begin again after a loss, from two views alone."""
        motion = None if started else _two_views(self._pixels[alive], at[alive], view.camera)
        if motion is None:
            lost = started or int(alive.sum()) < MIN_POINTS
            self._pose = self._pose @ self._velocity
            if lost:
                self._restart(view, NOTHING, Points(np.zeros((0, 3)), np.zeros(0)))
            return Step(self._pose, "lost" if lost else "tracked", lost, 0)
        if not motion[:3, 3].any():
            self._go_to(camera_pose(self._key, motion))
            return Step(self._pose, "tracked", False, int(alive.sum()))
        speed = float(np.linalg.norm(self._velocity[:3, 3])) or 1.0
        motion[:3, 3] *= speed
        self._go_to(camera_pose(self._key, motion))
        self._hand_over(view, at, alive, motion)
        return Step(self._pose, "tracked", True, int(alive.sum()))

    def _go_to(self, pose: Floats) -> None:
        self._velocity, self._pose = inverse(self._pose) @ pose, pose

    def _hand_over(self, view: View, at: Floats, alive: Mask, motion: Floats) -> None:
        """Make the frame a key-frame; points seen under an angle get their depth by triangulation."""
        old = self._points[alive]
        rays, other = rays_of(self._pixels[alive], view.camera), rays_of(at[alive], view.camera)
        depth, angle = triangulated(rays, other, motion)
        noise = self._options.sigma / (view.camera.focal * np.maximum(angle, 1e-9))
        fresh = np.isfinite(depth) & (angle > _LEAST * _PARALLAX)
        better = fresh & (~np.isfinite(old.xyz[:, 2]) | (noise < old.noise))
        xyz = np.where(better[:, None], rays * depth[:, None], old.xyz)
        self._restart(view, at[alive], Points(moved(motion, xyz), np.where(better, noise, old.noise)))

    def _restart(self, view: View, carried: Floats, points: Points) -> None:
        self._follower = FOLLOWERS[self._options.follower]()
        self._pixels = self._follower.start(view.grey, carried)
        more = len(self._pixels) - len(carried)
        self._points = Points(
            np.concatenate([points.xyz, np.full((more, 3), np.nan)]),
            np.concatenate([points.noise, np.full(more, np.inf)]),
        )
        self._key = self._pose


def _two_views(before: Floats, after: Floats, camera: Camera) -> Floats | None:
    """Motion from two views with |t| = 1, or t = 0 without parallax; None if the views do not tell."""
    if len(before) < MIN_POINTS:
        return None
    cv2.setRNGSeed(1)
    found, inliers = cv2.findEssentialMat(before, after, camera.matrix, cv2.RANSAC, 0.999, 1.0)
    if found is None or found.shape != (3, 3):
        return None
    count, turned, shift, _ = cv2.recoverPose(found, before, after, camera.matrix, mask=inliers.copy())
    good = inliers.ravel() > 0
    rays, other = rays_of(before[good], camera) @ turned.T, rays_of(after[good], camera)
    angle = np.linalg.norm(np.cross(rays, other), axis=1) / np.einsum("ni,ni->n", rays, other)
    if count < MIN_POINTS or float(np.median(angle)) < _PARALLAX:
        return rigid(turned, np.zeros(3))
    return rigid(turned, shift.ravel())
