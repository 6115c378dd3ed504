"""Data sets of HDF5 files (NYU v2 .mat, Hypersim, MegaDepth): `file#group/name`, `file#name/INDEX`.

MATLAB stores arrays column by column, so h5py sees its axes in reverse order; they are turned back here.
Links to other files are not followed, because a file that was sent must not name others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.manifest.claims import check_pixels
from onedepth.manifest.decoders import Array, View
from onedepth.manifest.record import Label
from onedepth.manifest.storage import is_tar, join_locator, open_file, split_locator

if TYPE_CHECKING:
    import h5py

_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises
_DEFAULTS = ("depth", "depths", "dataset", "label")  # data sets taken when no item names one, best first


def decode(label: Label, view: View) -> Array:
    """The data set, (h, w); without an item that of a usual name, or the only one.

    Raises:
        DataError: Missing, damaged, no such data set, or of another shape.
    """
    path, item = split_locator(label.file)
    array, _ = _read(path, item, view.max_pixels, channels=1)
    if array.ndim != 2 or array.dtype.kind not in "fuib":
        raise DataError(f"{label.file}: is {array.dtype} of shape {array.shape}; expected numbers (h, w)")
    return array


def read_image(path: str, item: str, max_pixels: int) -> npt.NDArray[np.uint8]:
    """A colour image, uint8 (H, W, 3), from a data set of shape (H, W, 3) or (3, H, W), or grey (H, W).

    Raises:
        DataError: As `decode`.
    """
    array, _ = _read(path, item, max_pixels, channels=4)
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[-1] != 3:
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4):
        raise DataError(f"{path}#{item}: is {array.dtype} of shape {array.shape}; expected uint8 (H, W, 3)")
    return np.ascontiguousarray(array[..., :3])


def _read(path: str, item: str | None, max_pixels: int, channels: int) -> tuple[Array, str]:
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: needs h5py; run `pip install 'onedepth[data]'`") from error
    where = join_locator(path, item)
    if is_tar(path):
        raise DataError(
            f"{where}: an HDF5 file inside a tar file is not read; unpack it, or pack the records"
        )
    with open_file(path) as raw:
        try:
            with h5py.File(raw, "r") as file:
                dataset, index = _find(file, item, where)
                shape = dataset.shape if index is None else dataset.shape[1:]
                if index is not None and not index < dataset.shape[0]:
                    raise DataError(f"{where}: has only {dataset.shape[0]} entries")
                check_pixels(max(1, math.prod(shape)), 1, where, max_pixels * channels)
                array: Array = np.asarray(dataset[()] if index is None else dataset[index])
                if "MATLAB_class" in dataset.attrs:
                    array = array.T
                return np.squeeze(array) if array.ndim > 2 else array, where
        except DataError:
            raise
        except _DAMAGE as error:
            raise DataError(
                f"{where}: cannot be read as HDF5 ({' '.join(str(error).split())[:160]})"
            ) from error


def _find(file: h5py.File, item: str | None, where: str) -> tuple[h5py.Dataset, int | None]:
    """The data set, and which entry of its first axis is meant if the item ends in a number."""
    import h5py

    if item is None:
        names = [name for name in _DEFAULTS if name in file] or list(file)
        if len(names) != 1 and names[0:1] != [n for n in _DEFAULTS if n in file][:1]:
            raise DataError(f"{where}: holds {', '.join(names[:10])}; name the data set after #")
        item = names[0] if names else ""
    parts = [part for part in item.split("/") if part]
    node: Any = file
    for position, part in enumerate(parts):
        if isinstance(node, h5py.Dataset):
            last = position == len(parts) - 1
            if not (last and part.isdecimal() and node.ndim > 2):
                raise DataError(f"{where}: {node.name} has no part {part!r}")
            return _own(node, where), int(part)
        link = node.get(part, getlink=True) if part in node or node.get(part, getlink=True) else None
        if isinstance(link, h5py.ExternalLink):
            raise DataError(f"{where}: {part!r} is a link to another file, which is not followed")
        if part not in node:
            raise DataError(f"{where}: has no {part!r}; it holds {', '.join(list(node)[:10])}")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise DataError(f"{where}: is no data set; it holds {', '.join(list(node)[:10])}")
    return _own(node, where), None


def _own(dataset: h5py.Dataset, where: str) -> h5py.Dataset:
    if dataset.external or dataset.is_virtual:
        raise DataError(f"{where}: its numbers lie in other files, which are not followed")
    return dataset
