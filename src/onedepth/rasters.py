"""The arrays inside a depth map: checked on the way in, copied only when something has to change."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onedepth import checks
from onedepth.errors import DepthMapError

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


def as_raster(values: npt.ArrayLike) -> Floats:
    """`values` as a 2-D float32 array; copied only when it has to be converted."""
    array = checks.array(values, "values", DepthMapError)
    if array.ndim != 2 or array.size == 0:
        raise DepthMapError(f"values: found shape {array.shape}, expected (H, W) with at least one pixel")
    if array.dtype.kind != "f":
        raise DepthMapError(
            f"values: found {array.dtype}, expected floats; integer rasters count steps, so divide by the "
            "steps per metre first"
        )
    with np.errstate(over="ignore"):  # what overflows becomes inf and is judged with the rest
        return np.ascontiguousarray(array, dtype=np.float32)


def as_mask(valid: npt.ArrayLike, shape: tuple[int, ...]) -> Mask:
    """`valid` as it is, if it is bool and has `shape`."""
    array = checks.array(valid, "valid", DepthMapError)
    if array.dtype != np.bool_ or array.shape != shape:
        raise DepthMapError(f"valid: found {array.dtype} {array.shape}, expected bool {shape}")
    return array


def as_image(image: npt.ArrayLike, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """`image` as an array, if it is uint8 (H, W, 3) with (H, W) = `shape`."""
    array = checks.array(image, "image", DepthMapError)
    if array.dtype != np.uint8 or array.shape != (*shape, 3):
        raise DepthMapError(f"image: found {array.dtype} {array.shape}, expected uint8 {(*shape, 3)}")
    return array


def usable(values: Floats, *, positive: bool = True) -> Mask:
    """Where a value can be valid: finite and, if `positive`, above 0."""
    mask: Mask = np.isfinite(values)
    if positive:
        mask &= values > 0  # NaN compares as False
    return mask


def refuse_unusable(values: Floats, wrong: Mask, *, positive: bool) -> None:
    """Raise DepthMapError, naming the first, if any pixel is `wrong`: marked valid without being usable."""
    if not bool(wrong.any()):
        return
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    expected = "a finite number above 0" if positive else "a finite number"
    raise DepthMapError(
        f"values: {int(wrong.sum())} pixels are marked valid without being {expected}; the first is "
        f"{values[row, column]} at row {row}, column {column}"
    )


def zero_outside(values: Floats, valid: Mask) -> Floats:
    """`values` with 0 at invalid pixels, read-only; copied only when something has to change."""
    wrong = ~valid
    wrong &= values != 0  # true for NaN as well
    if bool(wrong.any()):
        values = values.copy()
        values[wrong] = 0
    return read_only(values)


def inverse(values: Floats, mask: Mask) -> tuple[Floats, Mask]:
    """1 / values inside `mask` and 0 outside, with the part of `mask` where that is a usable float32."""
    result = np.zeros_like(values)
    with np.errstate(over="ignore"):
        np.divide(np.float32(1), values, out=result, where=mask)
    finite = usable(result) & mask
    if not np.array_equal(finite, mask):
        result[~finite] = 0
    return result, finite


def read_only(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """A view that cannot be written through; the caller's own array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view
