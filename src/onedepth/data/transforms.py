"""Random changes of a sample. Geometric ones move the camera along, so a label never needs rescaling.

Every function takes a sample and a `numpy.random.Generator` and returns a new sample; the same generator
state gives the same result.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional as F

from onedepth.camera import Camera
from onedepth.data.sample import Pixels, Raster, Sample

_LEVELS = np.linspace(0.0, 1.0, 256)[:, None]
_NOISE = 1 << 22  # normal numbers of which noise is taken: those of twelve images
_DENSE = 0.5  # from this share of measured pixels on, a label is resized by picking, below by scattering


class Augment(BaseModel):
    """How strongly samples are varied.

    Attributes:
        zoom: Smallest linear share of the image that a crop keeps; 1 keeps the whole image.
        whole: Share of samples that are not cropped further than the target aspect demands.
        stretch: Largest change of aspect, as a logarithm.
        flip: Share of samples mirrored.
        colour: Strength of brightness, contrast, gamma, tint and saturation changes, 0 to 1.
        blur: Share of samples slightly blurred.
        noise: Share of samples with sensor noise.
        camera_zoom: Share of samples whose camera is zoomed by 1 to 2, x and y on their own (DaB-Net).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    zoom: float = Field(default=0.6, gt=0, le=1)
    whole: float = Field(default=0.3, ge=0, le=1)
    stretch: float = Field(default=0.1, ge=0, le=0.5)
    flip: float = Field(default=0.5, ge=0, le=1)
    colour: float = Field(default=0.5, ge=0, le=1)
    blur: float = Field(default=0.1, ge=0, le=1)
    noise: float = Field(default=0.1, ge=0, le=1)
    camera_zoom: float = Field(default=0.0, ge=0, le=1)


def augment(
    sample: Sample,
    size: tuple[int, int],
    how: Augment,
    rng: np.random.Generator,
    canonical_focal: float | None = None,
) -> Sample:
    """Crop, resize to `size` (width, height), mirror, zoom the camera and recolour at random.

    Args:
        sample: Of any size.
        size: Of the result.
        how: Strengths.
        rng: Source of randomness.
        canonical_focal: When given, the crop is chosen so that its resize leaves this focal length in pixels,
            as far as the photo is large enough (Metric3D, CSTM_image); otherwise it is as large as fits.
    """
    largest = fit_aspect(sample.camera.width, sample.camera.height, size[0] / size[1])
    if canonical_focal is not None:
        largest = canonical_window(sample.camera, size, canonical_focal)
    sample = random_crop(sample, largest, how, rng)
    sample = resize(sample, *size)
    if rng.random() < how.flip:
        sample = flip(sample)
    if how.camera_zoom > 0 and rng.random() < how.camera_zoom:
        sample = zoom(sample, *(1.0 / rng.uniform(0.5, 1.0, 2)))
    return replace(sample, image=recolour(sample.image, how, rng))


def random_crop(sample: Sample, largest: tuple[int, int], how: Augment, rng: np.random.Generator) -> Sample:
    """Cut a random window out of a sample, of about the aspect of the largest (width, height) allowed."""
    whole = rng.random() < how.whole
    share = 1.0 if whole else rng.uniform(how.zoom, 1.0)
    stretch = 0.0 if whole else rng.uniform(-how.stretch, how.stretch)
    width, height = _stretched(largest, stretch, sample.camera)
    width, height = max(1, round(width * share)), max(1, round(height * share))
    left = int(rng.integers(sample.camera.width - width + 1))
    top = int(rng.integers(sample.camera.height - height + 1))
    return crop(sample, left, top, width, height)


def fit_aspect(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The largest window of an aspect (width / height) inside an image."""
    if width / height > aspect:
        return max(1, min(width, round(height * aspect))), height
    return width, max(1, min(height, round(width / aspect)))


def canonical_window(camera: Camera, size: tuple[int, int], focal: float) -> tuple[int, int]:
    """The window (width, height) that has focal length `focal` once resized to `size`, shrunk to fit."""
    width, height = (side * camera.focal / focal for side in size)
    shrink = min(1.0, camera.width / width, camera.height / height)
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _stretched(window: tuple[int, int], stretch: float, camera: Camera) -> tuple[int, int]:
    """Change the aspect of a window by a factor exp(stretch), keeping its area as far as it fits."""
    half = float(np.exp(stretch / 2))
    width, height = window[0] * half, window[1] / half
    shrink = min(1.0, camera.width / width, camera.height / height)
    return max(1, int(width * shrink)), max(1, int(height * shrink))


def crop(sample: Sample, left: int, top: int, width: int, height: int) -> Sample:
    """Cut out a window."""
    window = (slice(top, top + height), slice(left, left + width))
    return replace(
        sample,
        image=sample.image[window],
        label=sample.label[window],
        camera=sample.camera.crop(left, top, width, height),
        frames=tuple(frame[window] for frame in sample.frames),
        pose_frames=tuple(frame[window] for frame in sample.pose_frames),
    )


def resize(sample: Sample, width: int, height: int) -> Sample:
    """Resize the image without aliasing, the label without mixing depths; the focal length follows."""
    return replace(
        sample,
        image=resize_image(sample.image, width, height),
        label=resize_label(sample.label, width, height, disparity=sample.disparity),
        camera=sample.camera.resize(width, height),
        frames=tuple(resize_image(frame, width, height) for frame in sample.frames),
        pose_frames=tuple(resize_image(frame, width, height) for frame in sample.pose_frames),
    )


def resize_image(image: Pixels, width: int, height: int) -> Pixels:
    """Resize linearly, filtered where it shrinks: what the graph of an exported model does to its photos.

    PyTorch has this for bytes, three times as fast as OpenCV shrinks by area.
    """
    if image.shape[:2] == (height, width):
        return image
    planes = torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0).unsqueeze(0)
    resized = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    return _pixels(resized.squeeze(0).movedim(0, -1).numpy())


def resize_label(label: Raster, width: int, height: int, *, disparity: bool = False) -> Raster:
    """Resize a label: dense ones by the nearest pixel centre, sparse ones by moving each measurement.

    Where several measurements meet in one pixel the nearest stays, as that surface hides the others: the
    smallest depth or the largest disparity.
    """
    if _is_dense(label):
        return _raster(cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))
    x = (np.arange(label.shape[1]) + 0.5) * width / label.shape[1]
    y = (np.arange(label.shape[0]) + 0.5) * height / label.shape[0]
    return _scatter(label, x, y, (width, height), disparity)


def zoom(sample: Sample, x: float, y: float) -> Sample:
    """Zoom the camera by factors >= 1 about the image centre, at the same size (DaB-Net, CZDA).

    The camera changes and depth does not: a point keeps its depth however large it appears. The pose
    network's frames stay as they are, because a zoom moves no camera.
    """
    height, width = sample.label.shape
    # Destination centre u' + 0.5 comes from (u' + 0.5 - W/2) / x + W/2: pixel centres, no half-pixel bias.
    back = np.array(
        [
            [1 / x, 0, (0.5 - width / 2) / x + width / 2 - 0.5],
            [0, 1 / y, (0.5 - height / 2) / y + height / 2 - 0.5],
        ]
    )

    def warp(image: Pixels) -> Pixels:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return _pixels(
            cv2.warpAffine(image, back, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        )

    return replace(
        sample,
        image=warp(sample.image),
        label=_zoom_label(sample.label, x, y, sample.disparity),
        camera=sample.camera.zoom(x, y),
        frames=tuple(warp(frame) for frame in sample.frames),
    )


def _zoom_label(label: Raster, x: float, y: float, disparity: bool) -> Raster:
    """Zoom a label about its centre, dense or sparse as `resize_label` does."""
    height, width = label.shape
    if not _is_dense(label):
        to_x = (np.arange(width) + 0.5 - width / 2) * x + width / 2
        to_y = (np.arange(height) + 0.5 - height / 2) * y + height / 2
        return _scatter(label, to_x, to_y, (width, height), disparity)
    columns = (np.arange(width) + 0.5 - width / 2) / x + width / 2
    rows = (np.arange(height) + 0.5 - height / 2) / y + height / 2
    return _raster(label[rows.astype(np.intp)][:, columns.astype(np.intp)])


def _is_dense(label: Raster) -> bool:
    return int(np.count_nonzero(np.isfinite(label))) >= _DENSE * label.size


def _scatter(
    label: Raster,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    size: tuple[int, int],
    disparity: bool,
) -> Raster:
    """Move each measurement: column c to x[c], row r to y[r] in a raster of `size` (width, height)."""
    rows, columns = np.nonzero(np.isfinite(label))
    values = label[rows, columns]
    order = np.argsort(values if disparity else -values, kind="stable")  # later, nearer writes win
    to_column, to_row = np.floor(x[columns[order]]).astype(np.intp), np.floor(y[rows[order]]).astype(np.intp)
    inside = (to_column >= 0) & (to_column < size[0]) & (to_row >= 0) & (to_row < size[1])
    scattered = np.full((size[1], size[0]), np.nan, np.float32)
    scattered[to_row[inside], to_column[inside]] = values[order][inside]
    return scattered


def flip(sample: Sample) -> Sample:
    """Mirror left and right."""
    return replace(
        sample,
        image=_pixels(cv2.flip(sample.image, 1)),
        label=_raster(cv2.flip(sample.label, 1)),
        camera=sample.camera.flip(),
        frames=tuple(_pixels(cv2.flip(frame, 1)) for frame in sample.frames),
        pose_frames=tuple(_pixels(cv2.flip(frame, 1)) for frame in sample.pose_frames),
    )


def recolour(image: Pixels, how: Augment, rng: np.random.Generator) -> Pixels:
    """Vary exposure, contrast, gamma, white balance and saturation; sometimes blur or add noise."""
    if how.colour > 0:
        image = _pixels(cv2.LUT(image, _tone_curves(how.colour, rng)))
        keep = 1.0 + how.colour * rng.uniform(-0.8, 0.6)
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = _pixels(cv2.addWeighted(image, keep, gray, 1.0 - keep, 0.0))
    if rng.random() < how.blur:
        image = _pixels(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2)))
    if rng.random() < how.noise:
        strength = rng.uniform(1.0, 8.0)
        noise = _noise(image.shape, rng)
        image = _pixels(cv2.addWeighted(image, 1.0, noise, strength, 0.0, dtype=cv2.CV_8U))
    return image


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> Raster:
    """Normal noise: a random stretch of a table, because drawing it takes longer than all else together."""
    count = math.prod(shape)
    if count > _NOISE // 2:
        return rng.standard_normal(shape, np.float32)
    start = int(rng.integers(_NOISE - count))
    return _noise_table()[start : start + count].reshape(shape)


@lru_cache(maxsize=1)
def _noise_table() -> Raster:
    return np.random.default_rng(0).standard_normal(_NOISE, np.float32)


def _tone_curves(strength: float, rng: np.random.Generator) -> Pixels:
    gamma = np.exp(strength * rng.uniform(-0.6, 0.6))
    contrast = np.exp(strength * rng.uniform(-0.5, 0.5))
    gain = np.exp(strength * rng.uniform(-0.5, 0.5) + strength * rng.uniform(-0.2, 0.2, 3))
    curve = (_LEVELS**gamma - 0.5) * contrast + 0.5
    curves: Pixels = np.clip(curve * gain * 255.0 + 0.5, 0, 255).astype(np.uint8)[None]
    return curves


def _pixels(values: npt.NDArray[Any]) -> Pixels:
    """OpenCV's stubs know no dtypes; this states one without copying."""
    return np.asarray(values, np.uint8)


def _raster(values: npt.NDArray[Any]) -> Raster:
    return np.asarray(values, np.float32)
