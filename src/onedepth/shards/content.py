"""What of a record goes into a shard: its files as they are, or decoded once where they are no files.

Bytes are copied wherever a file holds exactly one image or label. What is a part of something larger (a data
set in HDF5, a frame of a video), has no header, or is made of points (LiDAR, COLMAP) is decoded and stored
without loss: images as PNG, whole numbers as 16-bit PNG, all others as compressed NumPy arrays.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.errors import DataError
from onedepth.files.images import DEFAULT_MAX_PIXELS
from onedepth.manifest.claims import check_pixels, claim_of
from onedepth.manifest.decoders import BY_SUFFIX, View, decoder
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Encoding, Label, Record
from onedepth.manifest.storage import is_tar, read_bytes, split_locator
from onedepth.shards.place import split_place
from onedepth.shards.tar import taken

_COPIED: frozenset[Encoding] = frozenset(
    ("png16", "png8_inverted", "npy", "npz", "exr", "pfm", "tiff", "dpt", "moge", "seven_scenes")
)
_PLAIN_SUFFIX = {".jpeg": ".jpg", ".tif": ".tiff"}

Neighbour = str | int
"""Name of a member, or number of the record (in the order of the shards) whose image it is."""


@dataclass(frozen=True)
class Content:
    """A record as it is packed.

    Attributes:
        record: Its fields, with names of members instead of locators.
        neighbours: See `Neighbour`; kept apart, because records of other shards have no place yet.
        members: Names and bytes, by name; `KEY.json` is one of them.
    """

    record: dict[str, Any]
    neighbours: tuple[Neighbour, ...]
    members: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes that the members take in a tar file."""
        return sum(taken(len(data)) for _, data in self.members)


def key_of(number: int) -> str:
    """Name that the members of a record begin with."""
    return f"{number:09d}"


def image_suffix(locator: str) -> str:
    """Suffix of the member that an image becomes, known without reading it."""
    return (_suffix(locator) or ".jpg") if _is_file(locator) else ".png"


def content_of(record: Record, number: int, neighbours: Sequence[int | None]) -> Content:
    """Read all files of a record.

    Args:
        record: With absolute locators.
        number: Of the record in the order of the shards.
        neighbours: For each neighbour the number of the record that has it as its image; None for no record,
            so that it becomes a member of this one.

    Raises:
        DataError: A file is missing or is damaged; the record is named.
    """
    try:
        return _content(record, key_of(number), neighbours)
    except DataError as error:
        raise DataError(f"record {record.id!r}: {error}") from error


def _content(record: Record, key: str, neighbours: Sequence[int | None]) -> Content:
    members: dict[str, bytes] = {}

    def add(part: str, stored: tuple[str, bytes]) -> str:
        name = f"{key}{part}{stored[0]}"
        members[name] = stored[1]
        return name

    fields = record.model_dump(mode="json", exclude_defaults=True, exclude={"neighbours"})
    fields["image"] = add("", _image(record.image))
    if record.label is not None:
        label, stored = _label(record.label, record)
        fields["label"] = label.model_dump(mode="json", exclude_defaults=True)
        fields["label"]["file"] = add(".label", stored)
        if record.label.mask is not None:
            fields["label"]["mask"] = add(".mask", _mask(record.label, record))
    if record.right is not None:
        fields["right"] = add(".right", _image(record.right))
    numbered = enumerate(zip(record.neighbours, neighbours, strict=True))
    others: tuple[Neighbour, ...] = tuple(
        add(f".neighbour{i}", _image(locator)) if other is None else other for i, (locator, other) in numbered
    )
    shown = {"neighbours": _names(record.neighbours, others)} if others else {}
    text = json.dumps({**fields, **shown}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    members[f"{key}.json"] = text.encode()
    return Content(fields, others, tuple(sorted(members.items())))


def _names(locators: Sequence[str], others: Sequence[Neighbour]) -> list[str]:
    pairs = zip(locators, others, strict=True)
    return [other if isinstance(other, str) else key_of(other) + image_suffix(at) for at, other in pairs]


def _image(locator: str) -> tuple[str, bytes]:
    """Suffix and bytes of an image."""
    suffix = image_suffix(locator)
    if not _is_file(locator):
        pixels = load_image(locator)
        return suffix, _png(pixels[..., ::-1])
    data = read_bytes(locator)
    claim = claim_of(data)
    if claim is None:
        raise DataError(f"{locator}: damaged or not an image{'' if data else ' (0 bytes)'}")
    check_pixels(claim.width, claim.height, locator, DEFAULT_MAX_PIXELS)
    return suffix, data


def _label(label: Label, record: Record) -> tuple[Label, tuple[str, bytes]]:
    """The label as it is from now on, and suffix and bytes of its file."""
    if label.encoding in _COPIED and _is_file(label.file):
        data = read_bytes(label.file)
        if not data:
            raise DataError(f"{label.file}: has 0 bytes; copy it again")
        return label, (_suffix(label.file) or ".bin", data)
    encoding, suffix, data = _stored(decoder(label.encoding)(label, View(record.camera)))
    return label.model_copy(update={"encoding": encoding, "to_camera": None}), (suffix, data)


def _mask(label: Label, record: Record) -> tuple[str, bytes]:
    assert label.mask is not None
    suffix = _suffix(label.mask)
    encoding = BY_SUFFIX.get(suffix, "png16")
    if _is_file(label.mask) and encoding in _COPIED:
        return suffix or ".png", read_bytes(label.mask)
    _, suffix, data = _stored(
        decoder(encoding)(label.model_copy(update={"file": label.mask}), View(record.camera))
    )
    return suffix, data


def _is_file(locator: str) -> bool:
    """Whether a locator names a file that holds nothing else."""
    path, item = split_locator(locator)
    return item is None or is_tar(path)


def _suffix(locator: str) -> str:
    path, item = split_locator(locator)
    place = split_place(item) if item is not None else None
    suffix = PurePosixPath(place.name if place else item or path).suffix.lower()
    return _PLAIN_SUFFIX.get(suffix, suffix)


def _stored(array: npt.NDArray[Any]) -> tuple[Encoding, str, bytes]:
    """Encoding, suffix and bytes of decoded numbers; they are read back as they were."""
    if array.dtype.kind in "uib" and (not array.size or (array.min() >= 0 and array.max() <= 0xFFFF)):
        return "png16", ".png", _png(array.astype(np.uint16))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        member = io.BytesIO()
        np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
        entry = zipfile.ZipInfo("depth.npy")  # of 1980, so that the same numbers give the same bytes
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, member.getvalue())
    return "npz", ".npz", file.getvalue()


def _png(pixels: npt.NDArray[Any]) -> bytes:
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels))
    if not done:
        raise DataError(f"an image of shape {pixels.shape} cannot be stored as PNG")
    return data.tobytes()
