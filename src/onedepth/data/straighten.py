"""A sample of a distorting lens as a pinhole would have seen it: the networks know no lens."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.data.sample import Pixels, Raster, Sample

Map = npt.NDArray[np.float32]

_DENSE = 0.5  # from this share of measured pixels on, a label is looked up, below each measurement is moved


def straighten(sample: Sample) -> Sample:
    """Resample a distorted sample to the pinhole view of the same size and focal length.

    Both views share centre and optical axis, so depths stay what they are. Where the view reaches beyond the
    photo, the image is black and the label is not measured.
    """
    pinhole = replace(sample.camera, distortion=None)
    x, y = _sources(sample.camera)
    frames = tuple(_look_up(frame, x, y) for frame in sample.frames)
    return replace(
        sample,
        image=frames[0] if frames else _look_up(sample.image, x, y),
        label=_straight_label(sample.label, sample.camera, disparity=sample.disparity),
        camera=pinhole,
        frames=frames,
        pose_frames=frames,
    )


@lru_cache(maxsize=4)
def _sources(camera: Camera) -> tuple[Map, Map]:
    """Where each pixel of the pinhole view lies in the photo, with centres at integers as OpenCV has them."""
    pinhole = replace(camera, distortion=None)
    seen = np.nan_to_num(camera.project(pinhole.rays()) - 0.5, nan=-1e4).astype(np.float32)
    return np.ascontiguousarray(seen[..., 0]), np.ascontiguousarray(seen[..., 1])


def _look_up(image: Pixels, x: Map, y: Map) -> Pixels:
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)


def _straight_label(label: Raster, camera: Camera, *, disparity: bool) -> Raster:
    if np.isfinite(label).mean() >= _DENSE:
        x, y = _sources(camera)
        columns, rows = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
        found = label[rows.clip(0, camera.height - 1), columns.clip(0, camera.width - 1)]
        return np.where(inside, found, np.float32(np.nan))
    return _moved(label, camera, disparity)


def _moved(label: Raster, camera: Camera, disparity: bool) -> Raster:
    """Each measurement at the pixel of the pinhole view that its ray meets; the nearest one stays."""
    rows, columns = np.nonzero(np.isfinite(label))
    values = label[rows, columns]
    rays = camera.unproject(np.stack([columns, rows], axis=-1) + 0.5, np.ones(len(rows)))
    with np.errstate(invalid="ignore"):
        cells = np.floor(replace(camera, distortion=None).project(rays))
    inside = (cells >= 0).all(1) & (cells[:, 0] < camera.width) & (cells[:, 1] < camera.height)
    values, cells = values[inside], cells[inside].astype(np.intp)
    order = np.argsort(values if disparity else -values, kind="stable")  # later, nearer writes win
    moved = np.full_like(label, np.nan)
    moved[cells[order, 1], cells[order, 0]] = values[order]
    return moved
