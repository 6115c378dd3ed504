"""Packing: what comes out is what went in, the same bytes every time, and an interruption costs nothing."""

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from shard_cases import all_bytes, clip, odd_ones
from typer.testing import CliRunner

from onedepth.apps.cli import app
from onedepth.apps.cli._data_pack import bytes_of
from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_label
from onedepth.manifest.manifest import open_records, write_manifest
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record
from onedepth.shards import open_shards
from onedepth.shards import pack as packing
from onedepth.shards.index import verify
from onedepth.shards.pack import PackOptions, pack
from onedepth.shards.parts import part_name

SMALL = PackOptions(shard_bytes=6000, workers=2)


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return [*clip(tmp_path / "data"), *odd_ones(tmp_path / "data" / "odd")]


def same(one: Record, other: Record) -> None:
    """Everything but where and how it is stored."""
    kept = {"id", "camera", "scene", "split", "baseline", "pose", "time", "licence", "source"}
    assert one.model_dump(include=kept) == other.model_dump(include=kept)
    assert np.array_equal(load_image(one.image), load_image(other.image))
    assert (one.right is None) == (other.right is None)
    if one.right is not None and other.right is not None:
        assert np.array_equal(load_image(one.right), load_image(other.right))
    assert len(one.neighbours) == len(other.neighbours)
    for before, after in zip(one.neighbours, other.neighbours, strict=True):
        assert np.array_equal(load_image(before), load_image(after))
    assert (one.label is None) == (other.label is None)
    if one.label is not None and other.label is not None:
        before, after = load_label(one.label, one.camera), load_label(other.label, other.camera)
        assert np.isfinite(before).any()
        assert before.dtype == after.dtype
        assert np.array_equal(before, after, equal_nan=True)
        assert (one.label.kind, one.label.quantity) == (other.label.kind, other.label.quantity)


def names_in(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


@pytest.mark.parametrize("shuffle", [None, 7])
def test_packed_records_are_what_they_were(
    tmp_path: Path, records: list[Record], shuffle: int | None
) -> None:
    out = tmp_path / "out"
    packed = pack(records, str(out), PackOptions(6000, shuffle, 2))
    assert len(packed.header.shards) > 3
    found = open_records(out)
    assert len(found) == len(records)
    by_id = {record.id: record for record in found}
    for record in records:
        same(record, by_id[record.id])
    in_order = [record.id for record in found] == [record.id for record in records]
    assert in_order == (shuffle is None)
    assert not list(verify(f"{out}/index.json"))
    assert sorted(p.suffix for p in out.iterdir()) == [
        ".json",
        ".jsonl",
        *[".tar"] * len(packed.header.shards),
    ]


def test_files_are_copied_byte_by_byte(tmp_path: Path, records: list[Record]) -> None:
    pack(records[:1], str(tmp_path / "out"))
    with tarfile.open(tmp_path / "out" / "000000.tar") as archive:
        assert archive.getnames() == ["000000000.jpg", "000000000.json", "000000000.label.png"]
        image, label = archive.extractfile("000000000.jpg"), archive.extractfile("000000000.label.png")
        assert image is not None
        assert label is not None
        assert image.read() == Path(records[0].image).read_bytes()
        assert records[0].label is not None
        assert label.read() == Path(records[0].label.file).read_bytes()


def test_neighbours_that_are_records_are_not_stored_twice(tmp_path: Path, records: list[Record]) -> None:
    pack(records, str(tmp_path / "out"), PackOptions(6000, 3, 2))
    found = {record.id: record for record in open_records(tmp_path / "out")}
    middle = records[2]
    images = {record.image for record in found.values()}
    assert len(middle.neighbours) == 2
    assert set(found[middle.id].neighbours) <= images  # the same locators: holding out blocks relies on it
    assert not any(
        ".neighbour" in name for path in (tmp_path / "out").glob("*.tar") for name in names_in(path)
    )
    pack(records[4:], str(tmp_path / "part"))  # whose neighbours before are not in the list
    assert "000000000.neighbour0.jpg" in names_in(tmp_path / "part" / "000000.tar")


def test_the_same_records_give_the_same_bytes(tmp_path: Path, records: list[Record]) -> None:
    for name, workers in (("one", 1), ("two", 4)):
        pack(records, str(tmp_path / name), PackOptions(6000, 5, workers))
    assert all_bytes(tmp_path / "one") == all_bytes(tmp_path / "two")


class StopError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("at", [0, 5, 9, 11])
def test_an_interrupted_pack_goes_on(
    tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    pack(records, str(tmp_path / "straight"), SMALL)
    out = tmp_path / "out"
    done = 0

    def stop(count: int) -> None:
        nonlocal done
        done += count
        if done > at:
            raise StopError

    with pytest.raises(StopError):
        pack(records, str(out), SMALL, stop)
    finished = {p.name: p.stat().st_mtime_ns for p in out.glob("*.tar")}
    assert not (out / "index.json").exists()
    for name in finished:  # whatever is there is whole
        assert (out / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    (out / ".onedepth-0123456789ab.tar").write_bytes(b"what a killed process leaves behind")
    packed = pack(records, str(out), SMALL)
    assert packed.kept == len(finished)
    assert all((out / name).stat().st_mtime_ns == time for name, time in finished.items())
    assert all_bytes(out) == all_bytes(tmp_path / "straight")


def test_a_damaged_finished_shard_is_packed_again(tmp_path: Path, records: list[Record]) -> None:
    out = tmp_path / "out"

    def stop(count: int) -> None:
        if len(list(out.glob("*.part.jsonl"))) == 2:
            raise StopError

    with pytest.raises(StopError):
        pack(records, str(out), SMALL, stop)
    data = bytearray((out / "000001.tar").read_bytes())
    data[700] ^= 1
    (out / "000001.tar").write_bytes(data)
    assert pack(records, str(out), SMALL).kept == 1
    assert not list(verify(f"{out}/index.json"))


def test_packing_twice_does_nothing_and_other_records_are_refused(
    tmp_path: Path, records: list[Record]
) -> None:
    out = tmp_path / "out"
    first = pack(records, str(out), SMALL)
    before = all_bytes(out)
    again = pack(records, str(out), SMALL)
    assert (again.header, again.kept) == (first.header, len(first.header.shards))
    assert all_bytes(out) == before
    for other, options, message in (
        (records[1:], SMALL, rf"another list \({len(records)} records, now {len(records) - 1}\)"),
        (records, PackOptions(7000), r"the same list with other options \(--shard-size was 6000, now 7000\)"),
        (records, PackOptions(6000, 1), r"the same list with other options \(--shuffle was None, now 1\)"),
    ):
        with pytest.raises(DataError, match=f"holds shards of {message}; choose another folder"):
            pack(other, str(out), options)
    (out / "index.json").unlink()
    (out / part_name(0)).write_text(
        json.dumps(
            {
                "pack": "another",
                "shard": {"file": "000000.tar", "bytes": 1, "crc32": "00000000", "records": 1},
            }
        )
        + "\n"
    )
    with pytest.raises(DataError, match="holds shards of another list"):
        pack(records, str(out), SMALL)


def test_what_cannot_be_read_is_named_and_nothing_is_listed(tmp_path: Path, records: list[Record]) -> None:
    os.truncate(records[3].image, 0)
    with pytest.raises(
        DataError, match=r"record 'data/clip/000003'.*000003\.jpg: damaged or not an image \(0 bytes\)"
    ):
        pack(records, str(tmp_path / "out"), SMALL)
    assert not (tmp_path / "out" / "index.json").exists()


def test_the_command_says_how_to_go_on_without_unreadable_records(
    tmp_path: Path, records: list[Record]
) -> None:
    from typer.testing import CliRunner

    from onedepth.apps.cli import app
    from onedepth.manifest.manifest import write_manifest

    write_manifest(records, tmp_path / "list.jsonl")
    words = ["data", "pack", str(tmp_path / "list.jsonl"), "-o", str(tmp_path / "out")]
    os.truncate(records[3].image, 0)
    unreadable = CliRunner().invoke(app, words)
    with (tmp_path / "list.jsonl").open("a") as file:
        file.write("{broken\n")
    for done in (unreadable, CliRunner().invoke(app, words)):
        assert done.exit_code == 2
        assert "`onedepth data check --fix` finds all such records" in done.stderr


def test_bad_lists_and_targets_are_refused(tmp_path: Path, records: list[Record]) -> None:
    with pytest.raises(DataError, match="no records"):
        pack([], str(tmp_path / "out"))
    with pytest.raises(DataError, match="another one has this id"):
        pack([records[0], records[0]], str(tmp_path / "out"))
    for where in ("http://127.0.0.1:1/x", "pipe:cat", "zip::s3://a/b.zip"):
        with pytest.raises(DataError, match=r"cannot be written to|is not read from"):
            pack(records, where)


def test_a_record_that_is_larger_than_a_shard_has_one_of_its_own(
    tmp_path: Path, records: list[Record]
) -> None:
    packed = pack(records[:3], str(tmp_path / "out"), PackOptions(1))
    assert [shard.records for shard in packed.header.shards] == [1, 1, 1]


def test_shards_can_be_packed_again(tmp_path: Path, records: list[Record]) -> None:
    pack(records, str(tmp_path / "one"), SMALL)
    pack(open_records(tmp_path / "one"), str(tmp_path / "two"), PackOptions(1 << 20))
    for before, after in zip(records, open_records(tmp_path / "two"), strict=True):
        same(before, after)


def test_the_index_is_a_manifest_that_can_be_moved_and_subset(tmp_path: Path, records: list[Record]) -> None:
    pack(records, str(tmp_path / "out"), SMALL)
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    chosen = open_shards(moved / "index.json")[2:4]
    write_manifest(chosen, moved / "some.jsonl")
    for before, after in zip(records[2:4], open_records(moved / "some.jsonl"), strict=True):
        same(before, after)


def test_the_command(tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(records, tmp_path / "data" / "manifest.jsonl")
    words = ["data", "pack", str(tmp_path / "data"), "-o", str(tmp_path / "out"), "--shard-size", "6KB"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    shards = len(list((tmp_path / "out").glob("*.tar")))
    facts = {" ".join(line.split()) for line in done.output.splitlines()}
    assert {f"records {len(records)}", f"shards {shards}"} <= facts
    again = CliRunner().invoke(app, words)
    assert f"{shards} ({shards} were there already)" in again.output
    wrong = CliRunner().invoke(app, [*words[:-1], "big"])
    assert wrong.exit_code == 2
    assert "--shard-size is 'big'; expected a size such as 256MB" in wrong.output


@pytest.mark.parametrize(
    ("text", "size"), [("256MB", 256_000_000), ("1.5kb", 1500), ("1 GiB", 1 << 30), ("7", 7)]
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size
    with pytest.raises(ConfigError):
        bytes_of(f"-{text}")


def test_nothing_is_left_of_threads_that_read_ahead(tmp_path: Path, records: list[Record]) -> None:
    """At most twice as many records as threads are in memory, however many there are."""
    alive = most = 0
    real = packing.content_of

    def counted(*arguments: object) -> object:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return real(*arguments)  # type: ignore[arg-type]

    def done(count: int) -> None:
        nonlocal alive
        alive -= count

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "content_of", counted)
        pack(records, str(tmp_path / "out"), PackOptions(workers=1), done)
    assert most <= 4
