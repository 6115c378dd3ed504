"""Read small text files of data sets; what cannot be read is named with file and line or field."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onedepth.checks import shown
from onedepth.errors import DataError

_LARGEST = 512 << 20  # bytes; lists of a million files have less, and somebody will name a video here


class Row(NamedTuple):
    """Words of one line of a table, and where it stands (`file:line`) for messages."""

    where: str
    words: list[str]

    def number(self, column: int) -> float:
        """One column as a finite number; columns count from 0.

        Raises:
            DataError: The line is too short, or the word is not a finite number.
        """
        return self.numbers(column, column + 1)[0]

    def numbers(self, start: int, stop: int) -> list[float]:
        """Columns start ... stop - 1 as finite numbers.

        Raises:
            DataError: The line is too short, or a word is not a finite number.
        """
        words = self.words[start:stop]
        if len(words) != stop - start:
            raise DataError(f"{self.where}: has {len(self.words)} columns, expected {stop} or more")
        return [self._finite(word) for word in words]

    def _finite(self, word: str) -> float:
        try:
            value = float(word)
        except ValueError as error:
            raise DataError(f"{self.where}: found {shown(word)}, expected a number") from error
        if not math.isfinite(value):
            raise DataError(f"{self.where}: found {shown(word)}, expected a finite number")
        return value


def read_text(path: Path) -> str:
    """Text of a file, as UTF-8, without byte order mark.

    Raises:
        DataError: The file is missing, unreadable, no text, or larger than 512 MB.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: {path.stat().st_size} bytes, too large for a text file")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file (byte {error.start} is not UTF-8)") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_rows(path: Path, *, separator: str | None = None, comment: str = "#") -> list[Row]:
    """Lines of a table as words; empty lines and comments are left out.

    Args:
        path: The file.
        separator: Between the words; white space when None.
        comment: What a line that is left out begins with.

    Raises:
        DataError: As in `read_text`.
    """
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [
        Row(f"{path}:{number}", [word.strip() for word in line.strip().split(separator)])
        for number, line in lines
        if line.strip() and not line.lstrip().startswith(comment)
    ]


def read_matrix(path: Path, shapes: Sequence[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """Matrix of a text file of numbers between blanks or commas; infinities and NaN are let through.

    Args:
        path: The file.
        shapes: Acceptable (rows, columns).

    Raises:
        DataError: As in `read_text`; a word is not a number; the shape is another.
    """
    expected = " or ".join(f"{rows} x {columns}" for rows, columns in shapes)
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            rows += [[float(word) for word in line.replace(",", " ").split()]] if line.strip() else []
        except ValueError as error:
            raise DataError(f"{path}:{number}: found {shown(line)}, expected numbers") from error
    widths = {len(row) for row in rows}
    if len(widths) != 1 or (len(rows), widths.copy().pop()) not in shapes:
        found = f"{len(rows)} rows of {', '.join(map(str, sorted(widths))) or 'no'} numbers"
        raise DataError(f"{path}: found {found}, expected {expected}")
    return np.array(rows)


def read_json(path: Path) -> Any:
    """Value of a JSON file.

    Raises:
        DataError: As in `read_text`; the text is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error


def field(values: Any, key: str, where: Path | str, kinds: type | tuple[type, ...]) -> Any:
    """Value of a field of a JSON or YAML object.

    Raises:
        DataError: `values` is no object, lacks the field, or holds a value of another kind there (a bool is
            not a number, and NaN is none either).
    """
    if not isinstance(values, dict):
        raise DataError(f"{where}: found {shown(values)}, expected an object with a field {key!r}")
    if key not in values:
        raise DataError(f"{where}: field {key!r} is missing")
    value = values[key]
    wrong = not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool)
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        raise DataError(f"{where}: field {key!r} is of the wrong kind: {shown(value)}")
    return value
