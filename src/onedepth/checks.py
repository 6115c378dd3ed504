"""Checks of arguments: what is not the number or the array that was asked for becomes one line of text."""

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.errors import CameraError, OneDepthError

MOST = 2**31 - 1
"""The largest count or size in pixels that the file formats and OpenCV can hold."""

_SHOWN = 60


def shown(value: object) -> str:
    """`repr` of any value on one line of bounded length, for messages."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def whole(value: Any, what: str, least: int = 1, error: type[OneDepthError] = CameraError) -> int:
    """`value` as an int of at least `least`.

    Raises:
        OneDepthError: as `error`, for another type (bool and whole floats too) or a number out of range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise error(f"{what} must be a whole number, found {shown(value)}")
    if not least <= number <= MOST:
        bound = f"at least {least}" if number < least else f"at most {MOST}"
        raise error(f"{what} must be {bound}, found {shown(number)}")
    return number


def real(value: Any, what: str, error: type[OneDepthError] = CameraError) -> float:
    """`value` as a float, which may be infinite or NaN.

    Raises:
        OneDepthError: as `error`, for what is not one number (text and bool too).
    """
    try:
        number = None if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        number = None
    if number is None:
        raise error(f"{what} must be a number, found {shown(value)}")
    return number


def finite(value: Any, what: str, error: type[OneDepthError] = CameraError) -> float:
    """`value` as a finite float.

    Raises:
        OneDepthError: as `error`, for what is not one finite number.
    """
    number = real(value, what, error)
    if not math.isfinite(number):
        raise error(f"{what} must be finite, found {number}")
    return number


def positive(value: Any, what: str, error: type[OneDepthError] = CameraError) -> float:
    """`value` as a finite float above 0.

    Raises:
        OneDepthError: as `error`, for what is not one finite number above 0.
    """
    number = finite(value, what, error)
    if number <= 0:
        raise error(f"{what} must be > 0, found {number:g}")
    return number


def array(value: Any, what: str, error: type[OneDepthError] = CameraError) -> npt.NDArray[Any]:
    """`value` as an array of any shape and type, copied only when it has to be.

    Raises:
        OneDepthError: as `error`, for what NumPy cannot turn into an array (rows of unequal length).
    """
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as cause:
        raise error(f"{what} must be an array of numbers, found {shown(value)}") from cause


def vectors(value: Any, what: str, length: int) -> npt.NDArray[np.float64]:
    """`value` as float64 (..., length).

    Raises:
        CameraError: For what is not an array of numbers, or of another length.
    """
    numbers = reals(value, what)
    if numbers.shape[-1:] != (length,):
        raise CameraError(f"{what} must have shape (..., {length}), found {numbers.shape}")
    return numbers


def reals(value: Any, what: str) -> npt.NDArray[np.float64]:
    """`value` as a float64 array of any shape.

    Raises:
        CameraError: For what is not an array of real numbers.
    """
    numbers = array(value, what)
    if numbers.dtype.kind not in "iuf":
        raise CameraError(f"{what} must be an array of numbers, found {shown(value)}")
    return numbers.astype(np.float64, copy=False)
