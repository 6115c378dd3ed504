"""One image of a data set as evaluation sees it: pixels, truth, camera; or why it has no number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.evaluate.models.base import Raster, View
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.scoring import check_camera
from onedepth.files.cameras.ours import camera_to_dict
from onedepth.manifest.labels import load_depth
from onedepth.manifest.manifest import open_records
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record
from onedepth.manifest.storage import is_tar, open_file, read_bytes, split_locator


@dataclass(frozen=True, eq=False)
class Item:
    """An image and its truth.

    Attributes:
        view: What models are shown.
        truth: float32 (H, W) metres (or units), NaN = not measured.
        camera: The true one; None where it is unknown.
    """

    view: View
    truth: Raster
    camera: Camera | None


def load_item(record: Record, protocol: Protocol) -> Item:
    """Decode an image and its truth.

    Raises:
        OneDepthError: A file is missing or damaged, the label cannot serve as this protocol's truth, sizes
            contradict each other, or the camera that the protocol needs is missing.
    """
    if record.label is None:
        raise DataError(f"{record.id}: has no label to be compared with")
    if record.label.kind not in protocol.truth.kinds:
        raise DataError(
            f"{record.id}: its label is {record.label.kind}, protocol {protocol.name} compares with "
            f"{', '.join(protocol.truth.kinds)}"
        )
    check_camera(record.camera, record.id, protocol)
    pixels = load_image(record.image)
    height, width = pixels.shape[:2]
    if record.camera is not None and record.camera.size != (width, height):
        raise DataError(
            f"{record.id}: the image is {width}x{height}, its camera is for "
            f"{record.camera.width}x{record.camera.height}"
        )
    shown = None if protocol.camera == "withheld" else record.camera
    truth = np.asarray(load_depth(record), np.float32)
    return Item(View(record.id, record.image, pixels, shown), truth, record.camera)


class Selection(Sequence[Record]):
    """Every `stride`-th record, at most `limit`, looked up one at a time."""

    def __init__(self, records: Sequence[Record], stride: int = 1, limit: int | None = None) -> None:
        self._records = records
        self._chosen = range(0, len(records), stride)[:limit]

    def __len__(self) -> int:
        return len(self._chosen)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        chosen = self._chosen[index]
        return self._records[chosen] if isinstance(chosen, int) else [self._records[i] for i in chosen]

    def __iter__(self) -> Iterator[Record]:
        return (self._records[index] for index in self._chosen)


def open_data(path: str, *, stride: int = 1, limit: int | None = None) -> Selection:
    """The records of a manifest or folder.

    Raises:
        DataError: It is missing, is neither, or holds nothing.
    """
    records = Selection(open_records(path), stride, limit)
    if not len(records):
        raise DataError(f"{path}: holds no image")
    return records


def fingerprint(record: Record) -> bytes:
    """SHA-256 over what a record's numbers depend on: its files' contents, what they mean, and its camera.

    The same data give the same fingerprint wherever they lie.

    Raises:
        DataError: A file cannot be read.
    """
    parts = [record.id.encode(), _content(record.image)]
    if record.label is not None:
        meaning = record.label.model_copy(update={"file": "-", "mask": None})
        parts += [_content(record.label.file), _canonical(meaning.model_dump(exclude_defaults=True))]
        parts += [_content(record.label.mask)] if record.label.mask else []
    parts.append(_canonical(None if record.camera is None else camera_to_dict(record.camera)))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _canonical(values: object) -> bytes:
    """The same bytes for the same values, also once records have learnt further fields."""
    return json.dumps(values, sort_keys=True).encode()


def _content(locator: str) -> bytes:
    """Digest of a file, or of a member of an archive; other containers are digested whole, once."""
    path, item = split_locator(locator)
    if item is None or is_tar(path):
        return hashlib.sha256(read_bytes(locator)).digest()
    return _whole(path) + str(item).encode()


@lru_cache(maxsize=64)
def _whole(path: str) -> bytes:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]
