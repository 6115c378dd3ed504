"""Made-up scenes for metric tests."""

from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.evaluate.metrics import Case

Raster = npt.NDArray[np.float32]

CAMERA = Camera(width=48, height=36, fx=40.0, fy=41.0, cx=23.0, cy=19.0)


def boxes(seed: int = 0, *, noise: float = 0.0) -> Raster:
    """A slanted background with boxes before it: every kind of edge, in every direction. (36, 48) metres."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:36, :48]
    depth = 8 + 0.02 * rows + 0.01 * columns
    for _ in range(4):
        top, left = rng.integers(3, 20), rng.integers(3, 28)
        depth[top : top + rng.integers(5, 12), left : left + rng.integers(5, 14)] = rng.uniform(1.5, 5)
    return (depth * np.exp(noise * rng.standard_normal(depth.shape))).astype(np.float32)


def case_of(prediction: Raster, truth: Raster, **rest: Any) -> Case:
    """A case whose every pixel counts, unless a mask is given."""
    return Case(prediction, truth, rest.pop("mask", np.ones(truth.shape, np.bool_)), **rest)
