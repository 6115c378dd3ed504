"""From a record to pixels, with the label read as the kind of supervision it is to give."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.data.sample import Kind, Pixels, Raster, Record, Sample
from onedepth.errors import DataError

_JPEG, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"  # how a JPEG, its pixels and its end are marked


def load_sample(record: Record, kind: Kind, max_depth: float = np.inf) -> Sample:
    """Decode the image, the label and, for video, the neighbouring frames of a record.

    Args:
        record: What to load.
        kind: What its label is to be read as; `affine` turns depth into disparity, `video` has no label.
        max_depth: Depths beyond it count as not measured; stored disparity has no such limit.

    Raises:
        DataError: A file is missing or damaged, or image, label and camera differ in size.
    """
    image = _decode_image(record.image)
    height, width = image.shape[:2]
    camera = record.camera or Camera.assumed(width, height)
    if (camera.width, camera.height) != (width, height):
        raise DataError(
            f"{record.image}: the image is {width}x{height}, its camera {camera.width}x{camera.height}"
        )
    label = np.full((height, width), np.nan, np.float32)
    if record.label is not None and kind != "video":
        label = _decode_label(record, (height, width), max_depth)
        if kind == "affine" and record.means != "affine":
            label = 1.0 / label
    frames: tuple[Pixels, ...] = ()
    if kind == "video":
        frames = (image, *(_decode_image(path) for path in record.neighbours))
        if any(frame.shape != image.shape for frame in frames):
            raise DataError(f"{record.image}: neighbouring frames differ in size")
    return Sample(record.id, image, label, camera, frames, frames, disparity=kind == "affine")


def _decode_image(path: Path) -> Pixels:
    return np.asarray(_decode(path, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION), np.uint8)


def _decode_label(record: Record, shape: tuple[int, int], max_depth: float) -> Raster:
    assert record.label is not None
    stored = _decode(record.label, cv2.IMREAD_UNCHANGED)
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise DataError(f"{record.label}: expected one 16-bit channel, found {stored.dtype} {stored.shape}")
    if stored.shape != shape:
        raise DataError(f"{record.label}: label is {stored.shape}, its image {shape} (rows, columns)")
    label = stored.astype(np.float32) * np.float32(record.unit)
    limit = np.inf if record.means == "affine" else max_depth
    label[(stored == 0) | (label > limit)] = np.nan
    return label


def _decode(path: Path, flags: int) -> npt.NDArray[Any]:
    """Decode a file, but no cut-off JPEG: OpenCV would fill what it lacks with grey and go on."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if data.startswith(_JPEG) and data.rfind(_END) < data.rfind(_SCAN):
        raise DataError(f"{path}: the file ends in the middle of the image; copy it again")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if pixels is None:
        raise DataError(f"{path}: damaged or not an image")
    return pixels
