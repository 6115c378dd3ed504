"""NumPy files of other programs: .npy, and .npz whose array has any name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.depthmap import DepthMap, Kind
from onedepth.errors import DepthFileError
from onedepth.files.depth_formats import read_depth
from onedepth.files.depth_metadata import KEY, DepthMetadata, decode_floats, steps_per_metre

_NAMES = ("depth", "disparity")
_MAGIC = b"\x93NUMPY"


def read_map(path: Path, kind: Kind | None, steps: float | str | None) -> DepthMap:
    """A depth file of ours, or of another program with what its numbers mean.

    Args:
        path: The file; beside the formats of `read_depth` also .npy, and .npz with one map of any name.
        kind: Of a file that does not say it itself.
        steps: Steps per metre of such a file.

    Raises:
        DepthFileError: It is missing or damaged, is no map, or does not say what it holds and neither does
            the caller.
    """
    array = _foreign(path) if path.suffix.lower() in (".npy", ".npz") else None
    if array is None:
        return read_depth(path, kind=kind if steps is not None else None, scale=steps)
    if kind is None or steps is None:
        raise DepthFileError(f"{path}: carries no OneDepth metadata, so what its numbers mean is unknown")
    if array.dtype.hasobject:
        raise DepthFileError(f"{path}: holds Python objects, which are never loaded; expected numbers (H, W)")
    return decode_floats(path, np.squeeze(array), DepthMetadata(kind, steps_per_metre(steps)))


def _foreign(path: Path) -> npt.NDArray[Any] | None:
    """The array of a NumPy file that is not ours; None for one that is."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
        if path.suffix.lower() == ".npz" and not zipfile.is_zipfile(path):
            raise DepthFileError(f"{path}: is damaged, or no NPZ: expected a ZIP archive of arrays")
        if path.suffix.lower() == ".npy" and magic != _MAGIC:
            raise DepthFileError(f"{path}: is damaged, or no NPY: it does not begin as one")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return None if KEY in loaded else loaded[_name(path, loaded.files)]
    except DepthFileError:
        raise
    except (OSError, ValueError, EOFError, SyntaxError, zipfile.BadZipFile) as error:
        what = "is damaged, or holds Python objects, which are never loaded"
        raise DepthFileError(f"{path}: {what}; expected an array of numbers (H, W)") from error


def _name(path: Path, names: list[str]) -> str:
    known = [name for name in _NAMES if name in names] or names
    if len(known) != 1:
        held = ", ".join(names) or "nothing"
        raise DepthFileError(f"{path}: holds {held}; expected one map, or one named depth or disparity")
    return known[0]
