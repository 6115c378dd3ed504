"""Manifests: lists of records in a file, opened in a moment and parsed record by record, however long."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from onedepth.checks import shown
from onedepth.errors import DataError
from onedepth.files.atomic import atomic_path
from onedepth.manifest.jsonl import JsonLines, copy_packed
from onedepth.manifest.parquet import ParquetRows, write_parquet
from onedepth.manifest.record import Label, Record
from onedepth.manifest.resolve import base_of, relate, resolve
from onedepth.manifest.storage import is_url, local_path
from onedepth.manifest.subset import Records

SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".parquet")
"""Of the names of manifests."""


class Rows(Protocol):
    """Rows of a file by number, as plain JSON values."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...

    def where(self, index: int) -> str:
        """Name of a row for messages."""


class Manifest(Records):
    """The records of a manifest, each parsed and checked when it is asked for; locators are absolute.

    Attributes:
        path: Of the file.
        rows: Its rows before any check.
    """

    def __init__(self, path: str, rows: Rows) -> None:
        self.path, self.rows = path, rows
        self._base = base_of(path)

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, index: int) -> Record:
        """The record at 0 <= index < len(self).

        Raises:
            DataError: The row breaks the rules; file, line and field are named.
        """
        values = self.rows[index]
        try:
            return Record.model_validate(resolve(values, self._base))
        except ValidationError as error:
            raise DataError(f"{self.rows.where(index)}: {explain(error)}") from error
        except DataError as error:
            raise DataError(f"{self.rows.where(index)}: {error}") from error


def open_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Open a manifest: JSON Lines (also `.gz`) or Parquet, local or behind a URL.

    Args:
        path: Of the file or object, named by a suffix of `SUFFIXES`.

    Raises:
        DataError: The file cannot be read, or is none by its name.
    """
    name = os.fspath(path)
    if not name.lower().endswith(SUFFIXES):
        raise DataError(f"{name}: is no manifest by its name; expected {', '.join(SUFFIXES)}")
    rows: Rows = ParquetRows(name) if name.lower().endswith(".parquet") else JsonLines(name)
    return Manifest(name, rows)


def write_manifest(records: Iterable[Record], path: str | os.PathLike[str]) -> int:
    """Write a manifest, whole or not at all; one record at a time is in memory.

    Locators below the manifest's folder become relative to it, so that the folder can be moved as a whole.

    Args:
        records: With absolute locators.
        path: Local file named by a suffix of `SUFFIXES`.

    Returns:
        How many records there were.

    Raises:
        DataError: The name is that of no manifest, two records have the same id, or what reading the records
            raises.
        OneDepthError: The file cannot be written.
    """
    name = os.fspath(path)
    if is_url(name) or not name.lower().endswith(SUFFIXES):
        raise DataError(f"{name}: expected a local file of the name {', '.join('X' + s for s in SUFFIXES)}")
    rows = _Counted(records, base_of(name))
    with atomic_path(path) as temporary:
        if name.lower().endswith(".parquet"):
            write_parquet(rows, temporary)
        else:
            _write_lines(rows, temporary, packed=name.lower().endswith(".gz"))
    return rows.count


def open_records(path: str | os.PathLike[str]) -> Sequence[Record]:
    """Open whatever lists depth data: a manifest, the index of shards, or a folder.

    A folder is opened by the manifest or the index of shards in it (`manifest.*`, `index.json`), or else as
    scene folders (`scene.json` in it or below it).

    Args:
        path: Local, or a URL for manifests and shards.

    Returns:
        Records by number, with absolute locators.

    Raises:
        DataError: There is nothing of the kind, or it cannot be read.
    """
    name = os.fspath(path)
    if name.lower().endswith(SUFFIXES):
        return open_manifest(name)
    if name.lower().endswith(".json"):
        return _open_shards(name)
    if is_url(name) and local_path(name) is None:
        return _open_shards(f"{name.rstrip('/')}/index.json")  # object stores have no folders to look into
    folder = local_path(name) or Path(name)
    for suffix in SUFFIXES:
        if (folder / f"manifest{suffix}").is_file():
            return open_manifest(folder / f"manifest{suffix}")
    if (folder / "index.json").is_file():
        return _open_shards(str(folder / "index.json"))
    return _open_scenes(folder)


def explain(error: ValidationError) -> str:
    """The first thing that is wrong with a record, as one line that names the field."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "record"
    if first["type"] == "extra_forbidden":
        model: type[BaseModel] = Label if first["loc"][0] == "label" else Record
        close = difflib.get_close_matches(str(first["loc"][-1]), model.model_fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(model.model_fields)}"
        return f"{place}: unknown field; {hint}"
    if first["type"] == "missing":
        return f"{place}: is missing"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}, found {shown(first['input'])}"


class _Counted:
    """Rows to write, counted, with ids that must differ."""

    def __init__(self, records: Iterable[Record], base: str) -> None:
        self._records, self._base, self.count = records, base, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        seen: set[int] = set()  # 64-bit hashes: two ids share one less often than a disk errs
        for record in self._records:
            key = hash(record.id)
            if key in seen:
                raise DataError(f"record {record.id!r}: another one has this id; every record needs its own")
            seen.add(key)
            self.count += 1
            yield relate(record.model_dump(mode="json", exclude_defaults=True), self._base)


def _write_lines(rows: Iterable[dict[str, Any]], path: Path, *, packed: bool) -> None:
    plain = path.with_name(path.name + ".plain") if packed else path
    try:
        with plain.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
                file.write("\n")
        if packed:
            with plain.open("rb") as source, path.open("wb") as target:
                copy_packed(source, target)
    finally:
        if packed:
            plain.unlink(missing_ok=True)


def _open_shards(path: str) -> Sequence[Record]:
    from onedepth.shards import open_shards

    return open_shards(path)


def _open_scenes(folder: Path) -> Sequence[Record]:
    from onedepth.layouts import LayoutOptions
    from onedepth.layouts.scenes import read

    return list(read(folder, LayoutOptions()))
