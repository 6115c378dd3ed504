"""Photos that a manifest or shards list: their jobs, and how they are read."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from onedepth.errors import DataError
from onedepth.files.images import Photo
from onedepth.predict.jobs import Job

if TYPE_CHECKING:
    from onedepth.manifest.record import Record

MANIFESTS = (".jsonl", ".jsonl.gz", ".ndjson", ".parquet")
"""Endings of manifests; here, because finding that a photo is none must not take time."""

_INDEX = "index.json"
_ODD = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 120  # characters of a part of a name; file systems take 255, with endings


def lists_records(path: str) -> bool:
    """Whether a path or URL names a manifest or shards, rather than photos.

    A folder counts if it holds shards (`index.json`); any other folder is one of photos.
    """
    name = path.lower()
    if name.endswith((*MANIFESTS, f"/{_INDEX}")) or name == _INDEX or "://" in path:
        return True
    return os.path.isfile(os.path.join(path, _INDEX))


def result_name(identity: str) -> Path:
    """Relative name of a record's results: its id, made fit for any file system.

    Slashes make sub-folders. Where characters had to be replaced, or a name could be mistaken for another
    result, a checksum of the id is appended, so that different ids have different names.
    """
    parts = [part for part in identity.split("/") if part not in ("", ".", "..")]
    safe = [_ODD.sub("_", part)[:_LONGEST].lstrip(".") or "_" for part in parts] or ["_"]
    if "/".join(safe) != identity or "_" in safe[-1]:  # `a_picture` could be a result of `a`
        safe[-1] += f"-{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return Path(*safe)


class RecordJobs(Sequence[Job]):
    """One job per record, made when it is asked for.

    Args:
        records: As listed.
        folder: Of the results.
        endings: Format name -> what is put behind the name.
    """

    def within(self, folder: Path) -> RecordJobs:
        """The same jobs with results in another folder."""
        return RecordJobs(self._records, folder, self._endings)

    def __init__(self, records: Sequence[Record], folder: Path, endings: Mapping[str, str]) -> None:
        self._records, self._folder, self._endings = records, folder, dict(endings)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Job: ...

    @overload
    def __getitem__(self, index: slice) -> RecordJobs: ...

    def __getitem__(self, index: int | slice) -> Job | RecordJobs:
        if isinstance(index, slice):
            return RecordJobs(self._records[index], self._folder, self._endings)
        try:
            record = self._records[index]
        except DataError as error:
            raise DataError(
                f"{error}; `onedepth data check --fix` writes a list without such records"
            ) from error
        name = result_name(record.id)
        outputs = {
            kind: self._folder / name.with_name(f"{name.name}{ending}")
            for kind, ending in self._endings.items()
        }
        return Job(Path(name), name, outputs, record)


def open_jobs(path: str, folder: Path, endings: Mapping[str, str]) -> RecordJobs:
    """The jobs of whatever lists records; see `onedepth.manifest.manifest.open_records`.

    Raises:
        DataError: It cannot be read, or lists nothing.
    """
    from onedepth.manifest.manifest import open_records

    records = open_records(path)
    if not len(records):
        raise DataError(f"{path}: lists no record, so there is nothing to predict")
    return RecordJobs(records, folder, endings)


def read_record(record: Record, *, max_pixels: int) -> Photo:
    """Read the image of a record, as stored, with the record's camera.

    Raises:
        DataError: The image cannot be read, or is not of the camera's size.
    """
    from onedepth.manifest.pixels import load_image

    pixels = load_image(record.image, max_pixels=max_pixels)
    photo = Photo(pixels, record.camera, path=Path(record.id))
    if record.camera is not None and record.camera.size != photo.size:
        width, height = photo.size
        raise DataError(
            f"{record.image}: the image is {width}x{height}, its camera {record.camera.width}x"
            f"{record.camera.height}"
        )
    return photo
