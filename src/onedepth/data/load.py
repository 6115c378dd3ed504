"""From a record to pixels."""

from pathlib import Path

import cv2
import numpy as np

from onedepth.data.sample import Record, Sample
from onedepth.errors import DataError


def load_sample(record: Record) -> Sample:
    """Decode the image and the label of a record.

    Raises:
        DataError: A file is missing or damaged, or image, label and camera differ in size.
    """
    image = _decode(record.image, cv2.IMREAD_COLOR_RGB)
    label = _decode(record.label, cv2.IMREAD_UNCHANGED)
    if label.dtype != np.uint16 or label.ndim != 2:
        raise DataError(f"{record.label}: expected one 16-bit channel, found {label.dtype} {label.shape}")
    size = (record.camera.height, record.camera.width)
    if image.shape[:2] != size or label.shape != size:
        raise DataError(
            f"{record.image}: image {image.shape[:2]}, label {label.shape} and camera {size} differ in size"
        )
    depth = label.astype(np.float32) * np.float32(record.depth_unit)
    return Sample(id=record.id, image=image, depth=depth, camera=record.camera)


def _decode(path: Path, flags: int) -> np.ndarray:  # type: ignore[type-arg]  # uint8 or uint16, checked above
    pixels = cv2.imread(str(path), flags | cv2.IMREAD_IGNORE_ORIENTATION if flags > 0 else flags)
    if pixels is None:
        raise DataError(f"{path}: missing or not a readable image")
    return pixels
