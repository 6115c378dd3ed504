"""The list of a shard that stands while others are still to be packed, so that a pack can go on.

`000003.part.jsonl` is written after its shard; its first line says what the shard is, each further one a
record with the places of its members. A neighbour that lies in another shard is a number here, because that
shard may not exist yet; `index.jsonl`, made of all parts at the end, has its locator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from onedepth.errors import DataError
from onedepth.manifest.jsonl import JsonLines
from onedepth.shards.content import Content
from onedepth.shards.index import Stored, check_stored
from onedepth.shards.place import Place
from onedepth.shards.target import Target


class Writes(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> Any:
        """Write some bytes."""


def shard_name(shard: int) -> str:
    """Name of a tar file."""
    return f"{shard:06d}.tar"


def part_name(shard: int) -> str:
    """Name of the list of a shard."""
    return f"{shard:06d}.part.jsonl"


def row_of(content: Content, shard: int, places: dict[str, Place]) -> dict[str, Any]:
    """The fields of a record with locators instead of names of members, relative to the folder."""

    def locator(name: str) -> str:
        return f"{shard_name(shard)}#{places[name]}"

    row = {**content.record, "image": locator(content.record["image"])}
    if "right" in row:
        row["right"] = locator(row["right"])
    if "label" in row:
        files = {name: locator(row["label"][name]) for name in ("file", "mask") if name in row["label"]}
        row["label"] = {**row["label"], **files}
    if content.neighbours:
        row["neighbours"] = [locator(n) if isinstance(n, str) else n for n in content.neighbours]
    return row


def write_line(file: Writes, values: dict[str, Any]) -> None:
    """Write one line of JSON."""
    file.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def finished_shards(target: Target, fingerprint: str) -> Iterator[Stored]:
    """The shards that an earlier pack finished, from the first on; each is read and checked.

    Raises:
        DataError: The folder holds shards of another pack.
    """
    shard = 0
    while target.exists(part_name(shard)):
        stored = _finished(target, shard, fingerprint)
        if stored is None:
            return
        yield stored
        shard += 1


def _finished(target: Target, shard: int, fingerprint: str) -> Stored | None:
    try:
        head = JsonLines(target.path(part_name(shard)))[0]
        pack, stored = head["pack"], Stored.model_validate(head["shard"])
    except (DataError, IndexError, KeyError, ValueError):
        return None  # damaged, so it is packed again
    refuse_other(target, str(pack), fingerprint)
    if not target.exists(shard_name(shard)) or check_stored(target.path(shard_name(shard)), stored):
        return None
    return stored


def refuse_other(target: Target, found: str, fingerprint: str) -> None:
    """Raise if the folder holds what another pack wrote.

    Raises:
        DataError: Saying what to do.
    """
    if found != fingerprint:
        raise DataError(
            f"{target.where}: holds shards of {_difference(found, fingerprint)}; choose another folder with "
            "-o, or remove it"
        )


def _difference(found: str, wanted: str) -> str:
    """What two packs of different fingerprints differ in; see `make_plan` for the parts."""
    before, now = found.split("-"), wanted.split("-")
    if len(before) == len(now) == 5 and before[3:] == now[3:]:
        said = {"--shard-size": (before[1], now[1]), "--shuffle": (before[2], now[2])}
        changed = [f"{name} was {a}, now {b}" for name, (a, b) in said.items() if a != b]
        return f"the same list with other options ({', '.join(changed) or 'another version of the layout'})"
    counts = f" ({before[3]} records, now {now[3]})" if len(before) == len(now) == 5 else ""
    return f"another list{counts}"


def rows_of(target: Target, shard: int) -> Iterator[dict[str, Any]]:
    """The records of a part."""
    lines = JsonLines(target.path(part_name(shard)))
    for index in range(1, len(lines)):
        yield lines[index]
