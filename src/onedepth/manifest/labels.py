"""Labels of records: from the stored file to depth or disparity, NaN where nothing was measured."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.files.images import DEFAULT_MAX_PIXELS
from onedepth.manifest.decoders import BY_SUFFIX, Array, View, decoder
from onedepth.manifest.record import Label, Record
from onedepth.manifest.storage import split_locator

Raster = npt.NDArray[np.float32]

# ScanNet's colour (1296 x 968) and depth (640 x 480) differ by 0.4 %, two pixels at the edge.
_SAME_ASPECT = 0.01


def load_label(label: Label, camera: Camera | None = None, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Raster:
    """The stored numbers times `scale` plus `offset`, whatever they mean.

    Args:
        label: What to load.
        camera: Of the image; needed for point files, and for raw files that do not state their size.
        max_pixels: Largest width times height that a file may claim.

    Returns:
        (h, w) float32. NaN = not measured: stored as 0 in integers, as NaN, infinity, 0 or less in floating
        point, as `sky_at` or more, or below `mask_at_least` in the mask. Except for affine labels (whose
        shift is unknown) a value that scale and offset make 0 or less is none either.

    Raises:
        DataError: A file is missing, damaged or of another form.
    """
    view = View(camera, max_pixels)
    stored = decoder(label.encoding)(label, view)
    measured = stored > 0 if stored.dtype.kind in "uib" else np.isfinite(stored) & (stored > 0)
    values = stored.astype(np.float32)
    if label.scale != 1.0:
        values *= np.float32(label.scale)
    if label.offset != 0.0:
        values += np.float32(label.offset)
        if label.kind != "affine":
            measured &= values > 0
    if label.sky_at is not None:
        measured &= stored < label.sky_at
    if label.mask is not None:
        measured &= _trusted(label, stored.shape, view)
    values[~measured] = np.nan
    return values


def load_depth(record: Record, size: tuple[int, int] | None = None) -> Raster:
    """The label of a record as z-depth.

    Args:
        record: With a label that is not `affine`; its camera must be known where the label is distance along
            the rays.
        size: (width, height) of the image; a coarser label is enlarged to it without mixing depths.

    Returns:
        float32 metres, or units for `scaled`; (height, width) of `size`, or the label's own size without it.
        NaN = not measured.

    Raises:
        DataError: A file cannot be used, there is no label, or it cannot become depth.
    """
    label = _label(record)
    if label.kind == "affine":
        raise DataError(f"{label.file}: is disparity up to scale and shift, which no depth follows from")
    values = load_label(label, record.camera)
    if label.quantity == "disparity":
        values = np.reciprocal(values)
    elif label.quantity == "distance":
        values = _along_axis(values, record, label)
    return values if size is None else enlarge(values, size, label)


def load_disparity(record: Record, size: tuple[int, int] | None = None) -> Raster:
    """The label of a record as disparity, in whatever units: 1 / depth where depth is stored.

    Args:
        record: With a label.
        size: As in `load_depth`.

    Returns:
        float32, near is large, NaN = not measured.

    Raises:
        DataError: As `load_depth`.
    """
    label = _label(record)
    if label.kind != "affine":
        return np.reciprocal(load_depth(record, size))
    values = load_label(label, record.camera)
    if label.quantity != "disparity":
        values = np.reciprocal(np.where(values > 0, values, np.float32(np.nan)))
    return values if size is None else enlarge(values, size, label)


def enlarge(values: Raster, size: tuple[int, int], label: Label) -> Raster:
    """A `coarse` label on the raster of its image: each pixel takes the value of the cell it lies in.

    Raises:
        DataError: The label is larger than the image, smaller without being `coarse`, or of another aspect.
    """
    height, width = values.shape
    if (width, height) == size:
        return values
    sizes = f"{label.file}: the label is {width}x{height}, its image {size[0]}x{size[1]}"
    if width > size[0] or height > size[1]:
        raise DataError(f"{sizes}; a label must not be larger, since shrinking it would make depths up")
    if label.kind != "coarse":
        raise DataError(f"{sizes}; list it as kind coarse if it was measured at a lower resolution")
    if abs(width * size[1] / (height * size[0]) - 1) > max(1.5 / min(width, height), _SAME_ASPECT):
        raise DataError(f"{sizes}: they have another aspect, so they cannot show the same view")
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def _label(record: Record) -> Label:
    if record.label is None:
        raise DataError(f"{record.image}: has no label")
    return record.label


def _along_axis(distance: Raster, record: Record, label: Label) -> Raster:
    """z-depth from the distance along each pixel's ray."""
    if record.camera is None:
        raise DataError(f"{label.file}: distance along the rays becomes depth only with a camera; give one")
    height, width = distance.shape
    rays = record.camera.resize(width, height).rays()
    return np.asarray(distance / np.sqrt(np.einsum("hwc,hwc->hw", rays, rays)), np.float32)


def _trusted(label: Label, shape: tuple[int, ...], view: View) -> npt.NDArray[np.bool_]:
    assert label.mask is not None
    path, item = split_locator(label.mask)
    name = (item or path) if path.lower().endswith(".tar") else path
    encoding = BY_SUFFIX.get(name[name.rfind(".") :].lower(), "png16")
    if encoding == "png16":
        from onedepth.manifest.decoders.picture import decode_mask

        mask: Array = decode_mask(label.mask, view)
    else:
        mask = decoder(encoding)(label.model_copy(update={"file": label.mask}), view)
    if mask.shape != shape:
        raise DataError(f"{label.mask}: the mask is {mask.shape}, its label {shape} (rows, columns)")
    with np.errstate(invalid="ignore"):
        trusted: npt.NDArray[np.bool_] = mask >= label.mask_at_least
    return trusted
