"""What a label file claims by its header: size, and whether it counts in steps; no raster is decoded."""

import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onedepth.errors import DataError, DepthFileError
from onedepth.files.pfm import pfm_size
from onedepth.layouts.common import image_size
from onedepth.manifest.claims import HEAD, claim_of
from onedepth.manifest.record import Encoding
from onedepth.manifest.storage import open_file


class Probe(NamedTuple):
    """What a header says.

    Attributes:
        size: (width, height); None where only decoding would tell.
        bits: Bits of a whole number per pixel; 0 for floating point, or where only decoding would tell.
        channels: Numbers per pixel.
    """

    size: tuple[int, int] | None
    bits: int = 0
    channels: int = 1


def probe_image(path: Path) -> tuple[int, int]:
    """(width, height) of an image.

    Raises:
        DataError: The file is missing, or not an image.
    """
    claim = claim_of(_head(path))
    return image_size(path) if claim is None else (claim.width, claim.height)


def probe_label(path: Path, encoding: Encoding) -> Probe:
    """What the header of a label says.

    Raises:
        DataError: The file is missing, or not what its encoding says.
    """
    look = _PROBES.get(encoding)
    return Probe(None) if look is None else look(path)


def holds_floats(path: Path, encoding: Encoding) -> bool:
    """Whether a label holds floating point numbers; False where it counts in steps, or nobody can tell.

    Raises:
        DataError: The file is missing, or not what its encoding says.
    """
    if encoding == "npy":
        return not _npy(path).bits
    if encoding == "npz":
        return _npz_floats(path)
    return _tiff_floats(path) if encoding == "tiff" else encoding in _FLOATS


_FLOATS: tuple[Encoding, ...] = ("exr", "pfm", "dpt", "float32")


def _npz_floats(path: Path) -> bool:
    """Whether all rasters of an archive are floating point; only their headers are read."""
    try:
        with zipfile.ZipFile(path) as archive:
            kinds = []
            for name in archive.namelist():
                with archive.open(name) as file:
                    major, _ = np.lib.format.read_magic(file)
                    read = np.lib.format.read_array_header_1_0
                    shape, _, dtype = (read if major == 1 else np.lib.format.read_array_header_2_0)(file)
                    kinds += [dtype.kind] if len(shape) == 2 and min(shape) > 4 else []
            return bool(kinds) and set(kinds) <= {"f", "b"}
    except (OSError, ValueError, EOFError, SyntaxError, RuntimeError, zipfile.BadZipFile):
        return False  # what is wrong is said when it is loaded


def _tiff_floats(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.mode == "F"
    except (OSError, ValueError, Image.DecompressionBombError):
        return False  # likewise


def _head(path: Path) -> bytes:
    with open_file(str(path)) as file:
        return file.read(HEAD)


def _picture(path: Path) -> Probe:
    claim = claim_of(_head(path))
    if claim is None:
        raise DataError(f"{path}: damaged or not an image")
    return Probe((claim.width, claim.height), claim.bits, claim.channels)


def _npy(path: Path) -> Probe:
    try:
        with open_file(str(path)) as file:
            major, _ = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
    except (ValueError, EOFError, SyntaxError) as error:
        raise DataError(f"{path}: is no NumPy array, or damaged ({str(error)[:120]})") from error
    bits = 0 if dtype.kind == "f" else 8 * dtype.itemsize
    if len(shape) < 2:
        raise DataError(f"{path}: holds {dtype} of shape {shape}; expected (h, w)")
    return Probe((int(shape[1]), int(shape[0])), bits)


def _pfm(path: Path) -> Probe:
    try:
        return Probe(pfm_size(_head(path), str(path)))
    except DepthFileError as error:
        raise DataError(str(error)) from error


def _dpt(path: Path) -> Probe:
    head = _head(path)
    if len(head) < 12:
        raise DataError(f"{path}: is no .dpt file of Sintel: it has {len(head)} bytes")
    width, height = struct.unpack("<ii", head[4:12])
    return Probe((width, height))


_PROBES: Mapping[Encoding, Callable[[Path], Probe]] = {
    "png16": _picture,
    "npy": _npy,
    "pfm": _pfm,
    "dpt": _dpt,
}
