"""The pose of a frame from points of known depth: RANSAC, then least squares that know depth is uncertain.

A point's depth is known to a fraction (about 10 % when predicted). Its error moves the projection along one
line, the epipolar line, by g = d(pixel) / d(log depth). So the residual of a point has the covariance
s^2 I + n^2 g g', with s pixels of tracking noise and n the relative depth noise: what stands across the line
fixes rotation and direction as sharply as in two-view geometry, what stands along it fixes the scale of the
translation, averaged over all points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.track.poses import Floats, inverse, moved, nearest_rotation, rigid, turn

Mask = npt.NDArray[np.bool_]

MIN_POINTS = 12
"""Fewest points that agree for a pose to be believed."""

MIN_SHARE = 0.25
"""Smallest share of the points that agree, likewise."""

_GATE = 9.21  # 99 % of the chi-square distribution with 2 degrees of freedom
_ROUNDS = 12
_REACH = 1 / 160  # of the longer side: how far RANSAC lets a projection miss, since depth is uncertain


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a key-frame.

    Attributes:
        xyz: (N, 3) in the key-frame's camera.
        noise: (N,) relative standard deviation of their depth.
    """

    xyz: Floats
    noise: Floats

    def __getitem__(self, which: npt.NDArray[Any]) -> Points:
        return Points(self.xyz[which], self.noise[which])


@dataclass(frozen=True, eq=False)
class Located:
    """Where a frame is.

    Attributes:
        motion: 4 x 4, takes points of the key-frame's camera to the frame's.
        agree: (N,) which points fit.
    """

    motion: Floats
    agree: Mask


def locate(points: Points, pixels: Floats, camera: Camera, sigma: float) -> Located | None:
    """Find the motion that brings points to where they are seen.

    All lengths are divided by the median depth first, so that a scale of the depths scales the translation
    and changes nothing else.

    Args:
        points: Of the key-frame.
        pixels: (N, 2) where the frame shows them.
        camera: Pinhole camera of the frame.
        sigma: Pixels of noise of the tracks.

    Returns:
        None if too few points agree on any motion.
    """
    if len(pixels) < MIN_POINTS:
        return None
    unit = float(np.median(points.xyz[:, 2]))
    scaled = Points(points.xyz / unit, points.noise)
    start = _ransac(scaled, pixels, camera)
    if start is None:
        return None
    motion = refine(start, scaled, pixels, camera, sigma)
    front = moved(motion, scaled.xyz)[:, 2] > 0
    agree = front & (_misfit(motion, scaled, pixels, camera, sigma) < _GATE)
    if agree.sum() < max(MIN_POINTS, MIN_SHARE * len(pixels)):
        return None
    motion = motion.copy()
    motion[:3, 3] *= unit
    return Located(motion, agree)


def _ransac(points: Points, pixels: Floats, camera: Camera) -> Floats | None:
    reach = max(2.0, _REACH * max(camera.size))
    cv2.setRNGSeed(1)  # one input, one answer
    found, turned, shift, inliers = cv2.solvePnPRansac(
        points.xyz, pixels, camera.matrix, None, iterationsCount=300, reprojectionError=reach,
        confidence=0.9999, flags=cv2.SOLVEPNP_AP3P,
    )  # fmt: skip
    if not found or inliers is None or not np.isfinite(shift).all():
        return None
    return rigid(turn(turned.ravel()), shift.ravel())


def refine(start: Floats, points: Points, pixels: Floats, camera: Camera, sigma: float) -> Floats:
    """Gauss-Newton on the residuals weighed by their covariance, with Cauchy weights against outliers."""
    motion, damping = start, 1e-6
    for _ in range(_ROUNDS):
        residual, jacobian, along = _linearised(motion, points, pixels, camera)
        inside = _whitened_square(residual, along, points.noise, sigma)
        weight = 1.0 / (1.0 + inside / _GATE)
        weight[~np.isfinite(weight)] = 0.0
        precision = _precision(along, points.noise, sigma) * weight[:, None, None]
        normal = np.einsum("nki,nkl,nlj->ij", jacobian, precision, jacobian)
        target = np.einsum("nki,nkl,nl->i", jacobian, precision, residual)
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), target)
        motion = rigid(turn(step[:3]), step[3:]) @ motion
        motion[:3, :3] = nearest_rotation(motion[:3, :3])
        if np.abs(step).max() < 1e-10:
            break
    return motion


def triangulated(rays: Floats, other: Floats, motion: Floats) -> tuple[Floats, Floats]:
    """Depth in the first view of points seen by two, where the rays come nearest to each other.

    Args:
        rays: (N, 3) with z = 1 in the first camera.
        other: (N, 3) likewise in the second.
        motion: From the first camera to the second.

    Returns:
        Depth (N,), NaN behind a camera or on parallel rays; and the angle between the rays in radians (N,).
    """
    turned, shift = rays @ motion[:3, :3].T, motion[:3, 3]
    a, b = np.einsum("ni,ni->n", turned, turned), np.einsum("ni,ni->n", other, other)
    c = np.einsum("ni,ni->n", turned, other)
    angle = np.arctan2(np.linalg.norm(np.cross(turned, other), axis=1), c)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (c * (other @ shift) - b * (turned @ shift)) / (a * b - c * c)
        second = (a * (other @ shift) - c * (turned @ shift)) / (a * b - c * c)
    return np.where((angle > 1e-6) & (depth > 0) & (second > 0), depth, np.nan), angle


def _linearised(
    motion: Floats, points: Points, pixels: Floats, camera: Camera
) -> tuple[Floats, Floats, Floats]:
    """Residuals (N, 2), their slope by (rotation, translation) (N, 2, 6), and by log depth (N, 2)."""
    turned = points.xyz @ motion[:3, :3].T
    seen = turned + motion[:3, 3]
    x, y, z = seen.T
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.zeros((len(seen), 2, 3))
        slope[:, 0, 0], slope[:, 0, 2] = camera.fx / z, -camera.fx * x / z**2
        slope[:, 1, 1], slope[:, 1, 2] = camera.fy / z, -camera.fy * y / z**2
        projected = np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], -1)
    slope[z <= 0] = 0.0
    jacobian = np.zeros((len(seen), 2, 6))
    jacobian[..., :3] = np.cross(seen[:, None], slope)  # slope . (w x seen) = w . (seen x slope)
    jacobian[..., 3:] = slope
    residual = np.where(z[:, None] > 0, pixels - projected, 1e6)
    return residual, jacobian, np.einsum("nkl,nl->nk", slope, turned)


def _precision(along: Floats, noise: Floats, sigma: float) -> Floats:
    """Inverse of s^2 I + n^2 g g' (Sherman and Morrison), (N, 2, 2)."""
    n2, length = noise**2, np.einsum("nk,nk->n", along, along)
    part = n2 / (sigma**2 + n2 * length)
    outer = np.einsum("nk,nl->nkl", along, along)
    return np.asarray((np.eye(2) - part[:, None, None] * outer) / sigma**2)


def _whitened_square(residual: Floats, along: Floats, noise: Floats, sigma: float) -> Floats:
    return np.asarray(np.einsum("nk,nkl,nl->n", residual, _precision(along, noise, sigma), residual))


def _misfit(motion: Floats, points: Points, pixels: Floats, camera: Camera, sigma: float) -> Floats:
    residual, _, along = _linearised(motion, points, pixels, camera)
    return _whitened_square(residual, along, points.noise, sigma)


def camera_pose(key: Floats, motion: Floats) -> Floats:
    """Pose (camera to world) of a frame from that of its key-frame and the motion between them."""
    pose = key @ inverse(motion)
    pose[:3, :3] = nearest_rotation(pose[:3, :3])
    return np.asarray(pose)
