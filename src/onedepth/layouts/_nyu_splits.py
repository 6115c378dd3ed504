"""The official split of NYU Depth v2: `splits.mat`, or its two lists as text."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onedepth.errors import DataError
from onedepth.layouts.tables import read_rows

SPLITS: Mapping[str, str] = {"train": "trainNdxs", "test": "testNdxs"}
"""Split -> the name of its list of image numbers, which count from 1."""

_DAMAGE = (ValueError, TypeError, OSError, NotImplementedError, LookupError, zlib.error)


def read_splits(folder: Path, count: int) -> dict[int, str]:
    """Split of each image that has one, by its index from 0; empty where there is no list.

    Args:
        folder: Holds `splits.mat`, or `trainNdxs.txt` and `testNdxs.txt` with a number a line.
        count: Of images.

    Raises:
        DataError: A list is damaged, or names an image that does not exist or one twice; or SciPy, which
            reads MATLAB v5, is missing.
    """
    matlab = folder / "splits.mat"
    found: dict[int, str] = {}
    for split, name in SPLITS.items():
        where = matlab if matlab.exists() else folder / f"{name}.txt"
        numbers = _of_matlab(matlab, name) if matlab.exists() else _of_text(where)
        for number in numbers:
            if not 1 <= number <= count or number - 1 in found:
                what = "twice" if number - 1 in found else f"but there are images 1 to {count}"
                raise DataError(f"{where}: {name} names image {number}, {what}")
            found[number - 1] = split
    return found


def _of_text(path: Path) -> list[int]:
    return [_whole(row.number(0), row.where) for row in read_rows(path)] if path.exists() else []


def _of_matlab(path: Path, name: str) -> list[int]:
    try:
        matlab = importlib.import_module("scipy.io.matlab")
    except ImportError as error:
        raise DataError(
            f"{path}: is MATLAB v5, which SciPy reads: pip install scipy, or replace it by its lists, "
            "trainNdxs.txt and testNdxs.txt, with a number a line"
        ) from error
    try:
        values: dict[str, Any] = matlab.loadmat(str(path))
    except (matlab.MatReadError, *_DAMAGE) as error:
        raise DataError(f"{path}: cannot be read as MATLAB v5 ({str(error)[:100]})") from error
    if name not in values:
        raise DataError(f"{path}: has no {name}; expected the splits.mat of the data set's page")
    return [_whole(number, str(path)) for number in values[name].ravel().tolist()]


def _whole(number: Any, where: str) -> int:
    if not isinstance(number, int | float) or number != int(number):
        raise DataError(f"{where}: found {number!r}, expected the number of an image")
    return int(number)
