"""Random changes of a sample. Geometric ones move the camera along, so a label never needs rescaling.

Every function takes a sample and a `numpy.random.Generator` and returns a new sample; the same generator
state gives the same result.
"""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from onedepth.data.sample import Sample

Depth = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    zoom: float = Field(default=0.6, gt=0, le=1)
    whole: float = Field(default=0.3, ge=0, le=1)
    stretch: float = Field(default=0.1, ge=0, le=0.5)
    flip: float = Field(default=0.5, ge=0, le=1)
    colour: float = Field(default=0.5, ge=0, le=1)
    blur: float = Field(default=0.1, ge=0, le=1)
    noise: float = Field(default=0.1, ge=0, le=1)


def augment(sample: Sample, size: tuple[int, int], how: Augment, rng: np.random.Generator) -> Sample:
    """Crop, resize to `size` (width, height), mirror and recolour at random."""
    sample = random_crop(sample, size[0] / size[1], how, rng)
    sample = resize(sample, *size)
    if rng.random() < how.flip:
        sample = flip(sample)
    return replace(sample, image=recolour(sample.image, how, rng))


def random_crop(sample: Sample, aspect: float, how: Augment, rng: np.random.Generator) -> Sample:
    """Cut a random window of about this aspect (width / height) out of a sample."""
    whole = rng.random() < how.whole
    share = 1.0 if whole else rng.uniform(how.zoom, 1.0)
    stretch = 0.0 if whole else rng.uniform(-how.stretch, how.stretch)
    width, height = fit_aspect(sample.camera.width, sample.camera.height, aspect * float(np.exp(stretch)))
    width, height = max(1, round(width * share)), max(1, round(height * share))
    left = int(rng.integers(sample.camera.width - width + 1))
    top = int(rng.integers(sample.camera.height - height + 1))
    return crop(sample, left, top, width, height)


def fit_aspect(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The largest window of an aspect (width / height) inside an image."""
    if width / height > aspect:
        return max(1, min(width, round(height * aspect))), height
    return width, max(1, min(height, round(width / aspect)))


def crop(sample: Sample, left: int, top: int, width: int, height: int) -> Sample:
    """Cut out a window."""
    window = (slice(top, top + height), slice(left, left + width))
    return replace(
        sample,
        image=sample.image[window],
        depth=sample.depth[window],
        camera=sample.camera.crop(left, top, width, height),
    )


def resize(sample: Sample, width: int, height: int) -> Sample:
    """Resize the image by area, the label without mixing depths; the camera's focal length follows."""
    shrinks = width < sample.camera.width
    image = cv2.resize(
        sample.image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return replace(
        sample,
        image=image,
        depth=resize_depth(sample.depth, width, height),
        camera=sample.camera.resize(width, height),
    )


def resize_depth(depth: Depth, width: int, height: int) -> Depth:
    """Resize a label: dense ones by the nearest pixel centre, sparse ones by moving each measurement.

    Where several measurements meet in one pixel the nearest surface stays, as it hides the others.
    """
    rows, columns = np.nonzero(depth)
    if len(rows) >= _DENSE * depth.size:
        picked: Depth = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return picked
    values = depth[rows, columns]
    order = np.argsort(-values, kind="stable")  # far first: later, nearer writes win
    y = (rows[order] + 0.5) * (height / depth.shape[0])
    x = (columns[order] + 0.5) * (width / depth.shape[1])
    scattered = np.zeros((height, width), np.float32)
    scattered[y.astype(np.intp), x.astype(np.intp)] = values[order]
    return scattered


def flip(sample: Sample) -> Sample:
    """Mirror left and right."""
    return replace(
        sample,
        image=cv2.flip(sample.image, 1),
        depth=cv2.flip(sample.depth, 1),
        camera=sample.camera.flip(),
    )


def recolour(image: Pixels, how: Augment, rng: np.random.Generator) -> Pixels:
    """Vary exposure, contrast, gamma, white balance and saturation; sometimes blur or add noise."""
    if how.colour > 0:
        image = cv2.LUT(image, _tone_curves(how.colour, rng))
        keep = 1.0 + how.colour * rng.uniform(-0.8, 0.6)
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, keep, gray, 1.0 - keep, 0.0)
    if rng.random() < how.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < how.noise:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1.0, 8.0))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _tone_curves(strength: float, rng: np.random.Generator) -> Pixels:
    level = np.linspace(0.0, 1.0, 256)[:, None]
    gamma = np.exp(strength * rng.uniform(-0.6, 0.6))
    contrast = np.exp(strength * rng.uniform(-0.5, 0.5))
    gain = np.exp(strength * rng.uniform(-0.5, 0.5) + strength * rng.uniform(-0.2, 0.2, 3))
    curve = (level**gamma - 0.5) * contrast + 0.5
    return np.clip(curve * gain * 255.0 + 0.5, 0, 255).astype(np.uint8)[None]
