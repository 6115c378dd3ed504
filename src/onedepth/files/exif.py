"""What EXIF tells about the camera of a photo: its orientation and, often, its focal length.

Everything here is about the raster as it is stored; turn pixels and camera upright afterwards, with
`orient_pixels` and `Camera.orient`. Decoders that turn the pixels themselves (pillow_heif) reset the
orientation tag to 1, and the focal length does not care which way up the photo is.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from onedepth.camera import ASSUMED_UNCERTAINTY, FILM_DIAGONAL_MM, ORIENTATIONS, Camera

if TYPE_CHECKING:
    from PIL.Image import Exif

Pixel = TypeVar("Pixel", bound=np.generic)

_EXIF_IFD = 0x8769
_ORIENTATION = 0x0112
_FOCAL_LENGTH = 0x920A
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_PLANE_X, _PLANE_Y, _PLANE_UNIT = 0xA20E, 0xA20F, 0xA210
_DIGITAL_ZOOM = 0xA404
_FOCAL_35MM = 0xA405

_UNIT_MM: dict[float | None, float] = {
    2: 25.4,
    3: 10.0,
    4: 1.0,
    5: 0.001,
}  # FocalPlaneResolutionUnit; inches unless said otherwise
_FOCAL_35MM_RANGE = (5.0, 4000.0)  # millimetres: from circular fisheyes to superzooms
_FOCAL_RANGE = (0.5, 3000.0)  # millimetres: from the smallest phones to telescopes
_SENSOR_RANGE = (1.5, 90.0)  # millimetres, diagonal: from endoscopes to medium format
_ZOOM_RANGE = (1.0, 100.0)
_SQUARE_ENOUGH = 0.05  # by which horizontal and vertical pixel pitch may differ before we doubt them
_35MM_UNCERTAINTY = 0.03  # whole millimetres, and makers' rounding
_PITCH_UNCERTAINTY = 0.02
_AGREEMENT = 0.06  # relative difference up to which both ways to the focal length confirm each other
_DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    OSError,
    SyntaxError,
    struct.error,
)


def orientation(exif: Exif) -> int:
    """The orientation tag, 1 to 8; 1 (upright) when it is missing or not one of these."""
    try:
        tag = exif.get(_ORIENTATION)
    except _DAMAGE:
        return 1
    return tag if isinstance(tag, int) and tag in ORIENTATIONS else 1


def orient_pixels(pixels: npt.NDArray[Pixel], tag: int) -> npt.NDArray[Pixel]:
    """Turn and mirror a stored raster (H, W, ...) upright as its orientation tag (1 to 8) says."""
    transpose, mirror_x, mirror_y = ORIENTATIONS[tag]
    upright = pixels.swapaxes(0, 1) if transpose else pixels
    upright = upright[:, ::-1] if mirror_x else upright
    upright = upright[::-1] if mirror_y else upright
    return np.ascontiguousarray(upright)


def camera_from_exif(exif: Exif, width: int, height: int) -> Camera | None:
    """Read the focal length from EXIF.

    Two ways lead to it: the 35 mm equivalent, f_px = f35 * diagonal / 43.27 mm, which includes digital zoom;
    and the real focal length over the pixel pitch. Where they agree the second is taken, being finer; where
    they do not, the first, because it survives resizing, with their difference as uncertainty.

    Args:
        exif: `PIL.Image.Image.getexif()` of the photo; damaged values count as missing.
        width: Width of the stored raster in pixels.
        height: Height of the stored raster in pixels.

    Returns:
        The camera of the raster as it is stored, or None when EXIF has no plausible focal length or tells
        that the photo was cropped after it was taken (its recorded size has another aspect ratio).
    """
    tags = _tags(exif)
    scale = _scale_since_taken(tags, width, height)
    if scale is None:
        return None
    by_film, by_pitch = _focal_by_film(tags, width, height), _focal_by_pitch(tags, width, height, scale)
    focal, uncertainty = by_film, _35MM_UNCERTAINTY
    if by_pitch is not None:
        difference = 0.0 if by_film is None else abs(math.log(by_pitch / by_film))
        if difference <= _AGREEMENT:
            focal, uncertainty = by_pitch, _PITCH_UNCERTAINTY
        else:
            uncertainty = min(difference, ASSUMED_UNCERTAINTY)
    if focal is None:
        return None
    return Camera.from_focal(focal, width, height, focal_source="exif", focal_uncertainty=uncertainty)


def _focal_by_film(tags: Mapping[int, Any], width: int, height: int) -> float | None:
    focal = _between(tags.get(_FOCAL_35MM), _FOCAL_35MM_RANGE)
    return None if focal is None else focal * math.hypot(width, height) / FILM_DIAGONAL_MM


def _focal_by_pitch(tags: Mapping[int, Any], width: int, height: int, scale: float) -> float | None:
    """Focal length in pixels from millimetres and pixel pitch; `scale` is stored size by taken size."""
    focal = _between(tags.get(_FOCAL_LENGTH), _FOCAL_RANGE)
    density = _pixels_per_mm(tags)
    if focal is None or density is None:
        return None
    if _between(math.hypot(width, height) / scale / density, _SENSOR_RANGE) is None:
        return None
    zoom = _between(tags.get(_DIGITAL_ZOOM), _ZOOM_RANGE) or 1.0
    return focal * density * scale * zoom


def _pixels_per_mm(tags: Mapping[int, Any]) -> float | None:
    unit = _UNIT_MM.get(_between(tags.get(_PLANE_UNIT, 2), (2, 5)))
    across, down = _positive(tags.get(_PLANE_X)), _positive(tags.get(_PLANE_Y))
    if unit is None or across is None:
        return None
    down = across if down is None else down
    if abs(math.log(across / down)) > _SQUARE_ENOUGH:
        return None
    return math.sqrt(across * down) / unit


def _scale_since_taken(tags: Mapping[int, Any], width: int, height: int) -> float | None:
    """Size of the raster relative to the one EXIF recorded; 1 if it did not, None if the shape changed.

    A raster that was turned (by a decoder or an editor that did not swap the recorded sizes) has not changed.
    """
    taken = _positive(tags.get(_PIXEL_X)), _positive(tags.get(_PIXEL_Y))
    if taken[0] is None or taken[1] is None:
        return 1.0
    slack = 0.01 + 1 / min(width, height)  # sizes are rounded to whole pixels
    aspect, taken_aspect = math.log(width / height), math.log(taken[0] / taken[1])
    if min(abs(aspect - taken_aspect), abs(aspect + taken_aspect)) > slack:
        return None
    return math.hypot(width, height) / math.hypot(taken[0], taken[1])


def _tags(exif: Exif) -> dict[int, Any]:
    try:
        return {**dict(exif), **exif.get_ifd(_EXIF_IFD)}
    except _DAMAGE:
        return {}


def _positive(value: Any) -> float | None:
    return _between(value, (1e-9, 1e9))


def _between(value: Any, limits: tuple[float, float]) -> float | None:
    """The value as a number, or None when it is not one (rationals may be x/0) or out of range."""
    try:
        number = float(value)
    except _DAMAGE:
        return None
    return number if limits[0] <= number <= limits[1] else None
