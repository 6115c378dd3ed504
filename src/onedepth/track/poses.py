"""Rigid motions as 4 x 4 matrices; a pose takes points of the camera to the world (OpenCV axes, metres)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def rigid(rotation: npt.ArrayLike, translation: npt.ArrayLike) -> Floats:
    """The motion x -> rotation @ x + translation as a 4 x 4 matrix."""
    matrix: Floats = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    return matrix


def inverse(pose: Floats) -> Floats:
    """The motion back, of (..., 4, 4) matrices."""
    back = np.zeros_like(pose)
    turned = np.swapaxes(pose[..., :3, :3], -1, -2)
    back[..., :3, :3] = turned
    back[..., :3, 3] = -np.einsum("...ij,...j->...i", turned, pose[..., :3, 3])
    back[..., 3, 3] = 1.0
    return back


def moved(pose: Floats, points: Floats) -> Floats:
    """Points (..., 3) after a motion."""
    return np.asarray(points @ pose[:3, :3].T + pose[:3, 3])


def turn(vector: npt.ArrayLike) -> Floats:
    """Rotation matrix about an axis; the vector's length is the angle in radians (Rodrigues)."""
    w = np.asarray(vector, np.float64)
    angle = float(np.linalg.norm(w))
    cross = np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])
    if angle < 1e-8:
        return np.asarray(np.eye(3) + cross)
    first, second = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle**2
    return np.asarray(np.eye(3) + first * cross + second * cross @ cross)


def nearest_rotation(matrix: Floats) -> Floats:
    """The rotation nearest to a matrix in the Frobenius norm: keeps long chains of products rigid."""
    left, _, right = np.linalg.svd(matrix)
    left[:, -1] *= np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ right)
