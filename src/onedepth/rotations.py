"""Rotation matrices and unit quaternions, each from the other; quaternions are x, y, z, w."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def quaternions(matrices: Floats) -> Floats:
    """Unit quaternions (N, 4) as x, y, z, w with w >= 0 of rotation matrices (N, 3, 3).

    The largest eigenvector of a symmetric matrix (Bar-Itzhack, 2000): stable for every angle.
    """
    r = matrices
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


def rotations(quaternions: Floats) -> Floats:
    """Rotation matrices (N, 3, 3) of quaternions (N, 4) as x, y, z, w of any length above 0."""
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    return np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        axis=1,
    )
