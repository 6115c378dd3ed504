"""Labels in NumPy files. Nothing is unpickled, and a claimed shape is checked before memory is taken."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import IO

import numpy as np

from onedepth.errors import DataError
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import is_tar, join_locator, read_bytes, split_locator

_NAMES = ("depth", "disparity", "arr_0")  # of arrays in an NPZ, best first


def decode_npy(label: Label, view: View) -> Array:
    """The array, (h, w); axes of length 1 are dropped.

    Raises:
        DataError: Missing, damaged, of objects, or of another shape.
    """
    return _parse(io.BytesIO(read_bytes(label.file)), label.file, view)


def decode_npz(label: Label, view: View) -> Array:
    """The array named by the item, or `depth`, `disparity`, or the only one.

    Raises:
        DataError: As `decode_npy`, or no such array.
    """
    path, item = split_locator(label.file)
    in_tar = is_tar(path)
    data = read_bytes(label.file if in_tar else join_locator(path))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            name = _choose(label.file, names, None if in_tar else item)
            with archive.open(f"{name}.npy") as member:
                return _parse(member, label.file, view)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{label.file}: is no NPZ file, or damaged ({error})") from error


def _choose(where: str, names: list[str], item: str | None) -> str:
    wanted = [item] if item is not None else [n for n in _NAMES if n in names] or names
    if not wanted or wanted[0] not in names or (item is None and len(wanted) > 1 and wanted == names):
        held = ", ".join(names[:10]) or "nothing"
        raise DataError(
            f"{where}: holds {held}; expected {item or 'depth, disparity or one array'} (name it after #)"
        )
    return wanted[0]


def _parse(file: IO[bytes], where: str, view: View) -> Array:
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"version {version} of the format")
        shape, column_major, dtype = read_header(file)
    except (ValueError, EOFError, SyntaxError, TypeError) as error:
        raise DataError(f"{where}: is no NumPy array, or damaged ({str(error)[:120]})") from error
    sides = [side for side in shape if side != 1] if len(shape) > 2 else list(shape)
    if len(sides) != 2 or dtype.kind not in "fuib":
        raise DataError(f"{where}: holds {dtype} of shape {shape}; expected one channel of numbers, (h, w)")
    check_pixels(sides[1], sides[0], where, view.max_pixels)
    count = math.prod(shape)
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise DataError(f"{where}: the file ends in the middle of the array; copy it again")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if column_major else "C")
    return array.reshape(sides) if len(shape) > 2 else array
