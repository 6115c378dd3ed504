"""Samples in memory whose labels and images tell which pixel they came from."""

import numpy as np
import numpy.typing as npt

from onedepth import Camera
from onedepth.data.sample import Sample

Raster = npt.NDArray[np.float32]


def unique_label(width: int, height: int, share: float = 1.0, seed: int = 0) -> Raster:
    """Depths of 1 to 9 m, each once, so that a value tells the pixel it came from."""
    rng = np.random.default_rng([3, seed])
    values = rng.permutation(np.linspace(1, 9, width * height, dtype=np.float32)).reshape(height, width)
    return np.where(rng.random(values.shape) < share, values, np.float32(np.nan))


def ramp(width: int, height: int, du: float = 3.0, dv: float = 2.0) -> npt.NDArray[np.uint8]:
    """An image that tells where it was seen: red grows with u, green with v, both from pixel centres."""
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.rint(np.stack([du * u, dv * v, 0 * u], axis=-1)).astype(np.uint8)


def sample_of(width: int, height: int, share: float = 1.0, seed: int = 0, *, video: bool = False) -> Sample:
    camera = Camera(width=width, height=height, fx=1.1 * width, fy=0.9 * width, cx=0.45 * width, cy=8.0)
    image = ramp(width, height)
    frames = (image, 255 - image, image // 2) if video else ()
    return Sample("id", image, unique_label(width, height, share, seed), camera, frames, frames)


def same(a: Sample, b: Sample) -> bool:
    pictures = zip((a.image, *a.frames, *a.pose_frames), (b.image, *b.frames, *b.pose_frames), strict=True)
    return (
        a.camera == b.camera
        and np.array_equal(a.label, b.label, equal_nan=True)
        and all(np.array_equal(one, other) for one, other in pictures)
    )


def check_same_points(before: Sample, after: Sample, mirrored: bool, slack: tuple[float, float]) -> None:
    """Project the original points into the moved camera; each must be seen where its depth is written."""
    columns, rows = np.meshgrid(np.arange(before.camera.width), np.arange(before.camera.height))
    known = np.isfinite(before.label)
    origin = {
        float(v): (u, w) for v, u, w in zip(before.label[known], columns[known], rows[known], strict=True)
    }
    rows_after, columns_after = np.nonzero(np.isfinite(after.label))
    depths = after.label[rows_after, columns_after]
    source = np.array([origin[float(z)] for z in depths]).reshape(-1, 2)  # a changed value is a KeyError
    points = before.camera.unproject(source + 0.5, depths)
    points[:, 0] *= -1 if mirrored else 1
    seen = after.camera.project(points)
    offset = np.abs(seen - np.stack([columns_after, rows_after], axis=-1) - 0.5)
    assert (offset <= np.array(slack) + 1e-5).all()
