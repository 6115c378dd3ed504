"""Photos: a file, PIL image or array becomes upright 8-bit RGB pixels and the camera that EXIF tells."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onedepth.errors import ImageError
from onedepth.files.image_kinds import decode_errors, error_text, open_image

if TYPE_CHECKING:
    from PIL.Image import Image

    from onedepth.camera import Camera

DEFAULT_MAX_PIXELS = 200_000_000
"""Width times height above which a photo is refused before decoding; a small file can claim any size."""

_GRAY16 = ("I;16", "I;16L", "I;16B", "I;16N")
_NO_PHOTO = {"I": "32-bit integers", "F": "32-bit floating point numbers"}
_CONVERSIONS = {
    **dict.fromkeys(("1", "L", "LA", "La"), "grey photo"),
    **dict.fromkeys(("P", "PA"), "palette: converted to RGB"),
    "CMYK": "CMYK: converted to RGB without its colour profile",
    "LAB": "LAB colours: converted to RGB",
    "HSV": "HSV colours: converted to RGB",
    "YCbCr": "YCbCr colours: converted to RGB",
}
"""Mode of a file -> what is noted when it becomes RGB."""

_STILLS_IN_PARTS = ("MPO", "HEIF")  # phones store previews, depth and gain maps as further images
_FILE_ERRORS: dict[type, str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "is a folder, expected a photo",
    PermissionError: "may not be read (permission denied)",
}


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright photo.

    Attributes:
        pixels: uint8 (H, W, 3), RGB, turned and mirrored as the EXIF orientation asks. May be read-only.
        camera: Camera of the upright photo by its EXIF, or None when EXIF does not tell the focal length.
        notes: What had to be done to the file that a user may want to know, one sentence each.
        path: The file, or None.
    """

    pixels: npt.NDArray[np.uint8]
    camera: Camera | None = None
    notes: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_photo(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """Read a JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP or PPM file, recognised by its content.

    Grey, palette and CMYK files become RGB (CMYK without its colour profile); 16-bit grey is scaled by
    255 / 65535; transparent parts are shown on white, as viewers do; an animation gives its first frame.
    more than 8 bits per colour are cut to 8. `Photo.notes` says which of these happened.

    Args:
        path: The file.
        max_pixels: Largest width times height; checked in the header before anything is decoded.

    Raises:
        ImageError: If the file is missing, empty, not an image, damaged, or larger than `max_pixels`.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            image = open_image(file, path)
            _check_pixels(image, max_pixels)
            return _photo_from_pil(image, path)
    except OSError as error:  # of the file system; those of decoders are ImageErrors by now
        raise ImageError(f"{path}: {_FILE_ERRORS.get(type(error), error.strerror or str(error))}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error.__cause__


def photo_from(image: object, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Photo:
    """Make a photo of a path, a PIL image, or an RGB array.

    Args:
        image: A path; a PIL image (its EXIF is used); a `Photo` (returned as it is); or an RGB array
            (H, W, 3), uint8 or floating point in [0, 1]. A grey array (H, W) or (H, W, 1) is made RGB.
        max_pixels: As in `read_photo`, for paths.

    Raises:
        ImageError: If the file cannot be read, or shape, type or range of the array are others.
    """
    if isinstance(image, Photo):
        return image
    if isinstance(image, str | os.PathLike):
        return read_photo(image, max_pixels=max_pixels)
    pil = sys.modules.get("PIL.Image")  # a PIL image can only exist once PIL is imported
    if pil is not None and isinstance(image, pil.Image):
        return _photo_from_pil(image, None)
    if hasattr(image, "__array__"):
        return Photo(_rgb_from_array(np.asarray(image)))
    raise ImageError(
        f"image is a {type(image).__name__}; expected a path, a PIL image or an RGB array (H, W, 3)"
    )


def _check_pixels(image: Image, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"says it is {width}x{height} pixels; expected at least 1x1")
    if width * height > max_pixels:
        raise ImageError(
            f"{width}x{height} is {_mega(width * height)} megapixels, above the limit of "
            f"{_mega(max_pixels)}; shrink the photo, or raise the limit (--max-pixels)"
        )


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:.4g}" if pixels < 1e9 else f"{pixels / 1e6:.0f}"


def _photo_from_pil(image: Image, path: Path | None) -> Photo:
    from onedepth.files.exif import camera_from_exif, orient_pixels, orientation

    deep = _has_16_bits(image)  # known only before decoding
    notes = _load(image)
    if deep and image.mode not in (*_GRAY16, *_NO_PHOTO):
        notes.append("16 bits per colour: cut to 8 bits")
    # Size and EXIF are asked after decoding: the TIFF and HEIC decoders turn the pixels and mend both.
    width, height = image.size
    tag, camera = 1, None
    try:
        exif = image.getexif()
        tag, camera = orientation(exif), camera_from_exif(exif, width, height)
    except decode_errors():
        notes.append("damaged EXIF: left out")
    pixels = orient_pixels(_rgb_from_pil(image, notes), tag)
    return Photo(pixels, camera.orient(tag) if camera is not None else None, tuple(notes), path)


def _has_16_bits(image: Image) -> bool:
    """Whether Pillow will make 8 bits of the file's 16; told by what its decoders are asked to read."""
    words: set[object] = set()
    for tile in image.tile if hasattr(image, "tile") else ():
        words |= set(tile[3]) if isinstance(tile[3], tuple) else {tile[3]}
    ppm = getattr(image, "format", None) == "PPM"
    return any(
        (isinstance(word, str) and ";16" in word) or (ppm and isinstance(word, int) and word > 255)
        for word in words
    )


def _load(image: Image) -> list[str]:
    """Decode the pixels of the first frame, and return what there is to note about the file."""
    try:
        animated = getattr(
            image, "is_animated", False
        )  # asked first: GIF finds out by moving to the next frame
        image.load()
    except decode_errors() as error:
        raise ImageError(f"damaged or incomplete image ({error_text(error)})") from error
    several = animated and image.format not in _STILLS_IN_PARTS
    return ["animated or of several pages: the first is used"] if several else []


def _rgb_from_pil(image: Image, notes: list[str]) -> npt.NDArray[np.uint8]:
    """Return the decoded pixels, uint8 (H, W, 3), and append to `notes` what was done to get them."""
    mode = image.mode
    if mode in _NO_PHOTO:
        raise ImageError(f"holds {_NO_PHOTO[mode]}, not a photo; convert it to 8 or 16 bits per channel")
    if mode in _GRAY16:
        notes.append("16-bit grey: scaled to 8 bits")
        return _grey_to_rgb(_bytes_from_16_bit(np.asarray(image)))
    if mode in _CONVERSIONS:
        notes.append(_CONVERSIONS[mode])
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"), notes)
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _on_white(image: Image, notes: list[str]) -> npt.NDArray[np.uint8]:
    from PIL import Image as pil  # noqa: N813 - the module's usual name is taken by the class

    lowest = image.getchannel("A").getextrema()[0]
    if lowest == 255:
        return np.asarray(image.convert("RGB"))
    notes.append("transparent: shown on white")
    return np.asarray(pil.alpha_composite(pil.new("RGBA", image.size, "white"), image).convert("RGB"))


def _rgb_from_array(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if 0 in array.shape or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ImageError(
            f"image array has shape {array.shape}; expected (height, width, 3){_hint(array.shape)}"
        )
    if array.dtype != np.uint8:
        array = _bytes_from_unit(array)
    return np.ascontiguousarray(array) if array.ndim == 3 else _grey_to_rgb(array)


def _hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 4:
        return "; predict one image at a time"
    if len(shape) == 3 and shape[0] in (1, 3):
        return "; channels come last: use array.transpose(1, 2, 0)"
    if len(shape) == 3 and shape[2] == 4:
        return "; leave out the alpha channel: array[..., :3]"
    return ""


def _bytes_from_unit(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale floating point values of [0, 1] to 0..255."""
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"image array is {array.dtype}; expected uint8, or floating point in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError("image array contains NaN or infinite values; expected floating point in [0, 1]")
    if low < 0 or high > 1:
        hint = "; divide it by 255" if low >= 0 and high <= 255 else ""
        raise ImageError(f"image array goes from {low:g} to {high:g}; expected [0, 1]{hint}")
    scaled: npt.NDArray[np.uint8] = np.rint(array * 255).astype(np.uint8)
    return scaled


def _bytes_from_16_bit(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    scaled: npt.NDArray[np.uint8] = ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return scaled


def _grey_to_rgb(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.repeat(grey.astype(np.uint8, copy=False)[..., None], 3, axis=2)
