"""From a record to a sample, with the label read as the kind of supervision it is to give."""

import numpy as np

from onedepth.camera import Camera
from onedepth.data.sample import Kind, Pixels, Raster, Sample
from onedepth.data.straighten import straighten
from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth, load_disparity
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record


def load_sample(record: Record, kind: Kind, max_depth: float = np.inf) -> Sample:
    """Decode the image, the label and, for video, the neighbouring frames of a record.

    A coarse label is enlarged to the image's raster, each pixel taking the value of its cell, so that image
    and label go through the same changes. Lens distortion is undone.

    Args:
        record: What to load.
        kind: What its label is to be read as; `affine` turns depth into disparity, `video` has no label.
        max_depth: Depths beyond it count as not measured; stored disparity has no such limit.

    Raises:
        DataError: A file is missing or damaged, or image, label and camera differ in size.
    """
    image = load_image(record.image)
    height, width = image.shape[:2]
    camera = record.camera or Camera.assumed(width, height)
    if camera.size != (width, height):
        raise DataError(
            f"{record.image}: the image is {width}x{height}, its camera {camera.width}x{camera.height}"
        )
    label = np.full((height, width), np.nan, np.float32)
    if record.label is not None and kind != "video":
        label = _read_label(record, kind, (width, height), max_depth)
    frames: tuple[Pixels, ...] = ()
    if kind == "video":
        frames = (image, *(load_image(neighbour) for neighbour in record.neighbours))
        if any(frame.shape != image.shape for frame in frames):
            raise DataError(f"{record.image}: neighbouring frames differ in size")
    sample = Sample(record.id, image, label, camera, frames, frames, disparity=kind == "affine")
    return sample if camera.is_pinhole else straighten(sample)


def _read_label(record: Record, kind: Kind, size: tuple[int, int], max_depth: float) -> Raster:
    assert record.label is not None
    if record.label.kind == "affine":
        return load_disparity(record, size)
    depth = load_depth(record, size)
    depth[depth > max_depth] = np.nan
    return np.reciprocal(depth) if kind == "affine" else depth
