"""Pictures of one scored image for the report: photo, truth, prediction, error."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap
from onedepth.evaluate.align import Fit
from onedepth.evaluate.crops import window_of
from onedepth.evaluate.loading import load_item
from onedepth.evaluate.models.base import Model, Pixels, Raster
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.scoring import Mask, Pair, aligned, pair
from onedepth.files.pictures import render_picture
from onedepth.manifest.record import Record

SIDE = 400  # pixels of a picture's longer side
STRONGEST = 1.5  # ratio of prediction and truth that has the strongest colour of the error map
_SPARSE = 0.5  # share of measured pixels below which dots are made larger, so that they can be seen
_BLUE, _WHITE, _RED = (np.array(c, np.float64) for c in ((33, 102, 172), (247, 247, 247), (178, 24, 43)))
_UNMEASURED = (24, 24, 26)


@dataclass(frozen=True)
class Pictures:
    """What is shown of an image.

    Attributes:
        urls: Photo, truth, prediction and error, as data URLs.
        near: Metres of the warmest colour of truth and prediction.
        far: Metres of the coldest.
    """

    urls: tuple[str, str, str, str]
    near: float
    far: float


def four_pictures(record: Record, model: Model, fit: Fit, protocol: Protocol) -> Pictures:
    """Photo, truth, prediction and error of an image as data URLs, in the window that counts.

    Truth and prediction have the same colours for the same metres. In the error map blue is too near, red too
    far, white right.

    Args:
        record: The image.
        model: Predicts it once more.
        fit: Its alignment.
        protocol: Crop, range and clamp.

    Raises:
        OneDepthError: The image cannot be read.
    """
    item = load_item(record, protocol)
    both = pair(model.predict(item.view), model.kind, item.truth, item.camera, protocol)
    depth = aligned(both, fit, protocol)
    truth = np.where(both.mask, both.truth, np.float32(np.nan))
    near, far = _limits(both)
    shown = _thicker(truth)
    pictures = [
        _photo(item.view.pixels, item.truth.shape, protocol),
        _coloured(shown, (near, far)),
        _coloured(depth, (near, far)),
        error_map(np.where(np.isfinite(shown), depth, np.float32(np.nan)), shown),
    ]
    photo, true, predicted, error = map(_jpeg, pictures)
    return Pictures((photo, true, predicted, error), near, far)


def error_map(depth: Raster, truth: Raster) -> Pixels:
    """Logarithm of prediction over truth as colours: blue too near, white right, red too far.

    Args:
        depth: float32 (H, W) metres.
        truth: float32 (H, W) metres, NaN = not measured.

    Returns:
        uint8 (H, W, 3), dark where nothing was measured.
    """
    known = np.isfinite(truth) & np.isfinite(depth) & (depth > 0)
    ratio = np.divide(depth, truth, out=np.ones_like(truth, np.float64), where=known)
    level = np.clip(np.log(ratio) / np.log(STRONGEST), -1, 1)[..., None]
    colours = np.where(level < 0, _WHITE + (_WHITE - _BLUE) * level, _WHITE + (_RED - _WHITE) * level)
    picture: Pixels = np.where(known[..., None], colours, _UNMEASURED).round().astype(np.uint8)
    return picture


def _limits(both: Pair) -> tuple[float, float]:
    near, far = (float(z) for z in np.percentile(both.truth[both.mask], (2, 98)))
    return (near, far) if far > 1.01 * near else (near / 1.1, near * 1.1)


def _coloured(depth: Raster, limits: tuple[float, float]) -> Pixels:
    valid: Mask = np.isfinite(depth) & (depth > 0)
    values = np.where(valid, depth, np.float32(0))
    return render_picture(DepthMap(values, "metric", valid=valid), bar=False, limits=limits)


def _thicker(truth: Raster) -> Raster:
    """Sparse truth with every measurement grown to its neighbours, the nearest in front."""
    known = np.isfinite(truth)
    if known.mean() > _SPARSE:
        return truth
    import cv2

    filled = np.where(known, truth, np.float32(1e9))
    size = 3 if known.mean() > 0.1 else 5
    grown = cv2.erode(filled, np.ones((size, size), np.uint8))
    return np.asarray(np.where(grown < 1e9, grown, np.float32(np.nan)), np.float32)


def _photo(pixels: Pixels, truth_shape: tuple[int, ...], protocol: Protocol) -> Pixels:
    """The part of the photo that the window shows."""
    height, width = truth_shape
    y, x = pixels.shape[0] / height, pixels.shape[1] / width
    top, bottom, left, right = window_of(protocol.crop, height, width)
    return pixels[round(top * y) : round(bottom * y), round(left * x) : round(right * x)]


def _jpeg(pixels: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=84, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
