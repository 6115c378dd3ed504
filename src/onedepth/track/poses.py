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


def quaternions(rotations: Floats) -> Floats:
    """Unit quaternions (N, 4) as x, y, z, w with w >= 0 of rotation matrices (N, 3, 3).

    The largest eigenvector of a symmetric matrix (Bar-Itzhack, 2000): stable for every angle.
    """
    r = rotations
    k = np.zeros((len(r), 4, 4))
    k[:, 0, 0] = r[:, 0, 0] - r[:, 1, 1] - r[:, 2, 2]
    k[:, 1, 1] = r[:, 1, 1] - r[:, 0, 0] - r[:, 2, 2]
    k[:, 2, 2] = r[:, 2, 2] - r[:, 0, 0] - r[:, 1, 1]
    k[:, 3, 3] = r[:, 0, 0] + r[:, 1, 1] + r[:, 2, 2]
    k[:, 1, 0] = r[:, 0, 1] + r[:, 1, 0]
    k[:, 2, 0] = r[:, 0, 2] + r[:, 2, 0]
    k[:, 2, 1] = r[:, 1, 2] + r[:, 2, 1]
    k[:, 3, 0] = r[:, 2, 1] - r[:, 1, 2]
    k[:, 3, 1] = r[:, 0, 2] - r[:, 2, 0]
    k[:, 3, 2] = r[:, 1, 0] - r[:, 0, 1]
    found = np.linalg.eigh(k)[1][:, :, -1]  # eigh reads the lower triangle only
    return np.asarray(np.where(found[:, 3:] < 0, -found, found))


def rotations(quaternion: Floats) -> Floats:
    """Rotation matrices (N, 3, 3) of quaternions (N, 4) as x, y, z, w of any length above 0."""
    x, y, z, w = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        axis=1,
    )
