"""Shards behind a URL: packed into an object store and read from it, and read over HTTP."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from range_server import serve
from shard_cases import clip, odd_ones

from onedepth.errors import DataError, OneDepthError
from onedepth.manifest.labels import load_label
from onedepth.manifest.manifest import open_manifest, open_records
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record
from onedepth.manifest.storage import split_locator
from onedepth.shards.index import verify
from onedepth.shards.pack import PackOptions, pack
from onedepth.shards.place import split_place

SMALL = PackOptions(shard_bytes=6000, workers=2)


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return [*clip(tmp_path / "data"), *odd_ones(tmp_path / "odd")]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An object store of this test's own."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    s3fs = pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    with contextlib.suppress(FileExistsError):  # the stores of one process are the same
        s3fs.S3FileSystem().mkdir("bucket")
    yield "s3://bucket"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def check_same(found: list[Record], expected: list[Record]) -> None:
    assert [record.id for record in found] == [record.id for record in expected]
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(load_image(one.image), load_image(other.image))
        if one.label is not None and other.label is not None:
            labels = (load_label(one.label, one.camera), load_label(other.label, other.camera))
            assert np.array_equal(*labels, equal_nan=True)


class StopError(Exception):
    """Stands for a kill."""


@pytest.mark.timeout(120)
def test_packed_into_an_object_store_and_read_from_it(
    bucket: str, tmp_path: Path, records: list[Record]
) -> None:
    import fsspec

    where = f"{bucket}/data/set"
    done = 0

    def stop(count: int) -> None:
        nonlocal done
        done += count
        if done == 9:
            raise StopError

    with pytest.raises(StopError):
        pack(records, where, SMALL, stop)
    store = fsspec.filesystem("s3")
    finished = len(store.glob("bucket/data/set/*.part.jsonl"))
    assert finished > 0
    assert len(store.glob("bucket/data/set/*.tar")) == finished
    assert not store.exists(f"{where}/index.json")
    assert pack(records, where, SMALL).kept == finished
    assert not store.glob("bucket/data/set/*.part.jsonl")
    check_same(list(open_records(where)), records)
    assert not list(verify(f"{where}/index.json"))
    pack(records, str(tmp_path / "here"), SMALL)
    for path in (tmp_path / "here").iterdir():
        assert store.cat_file(f"{where}/{path.name}") == path.read_bytes()

    place = split_place(split_locator(open_records(where)[1].image)[1] or "")
    name = split_locator(open_records(where)[1].image)[0]
    assert place is not None
    tar = bytearray(store.cat_file(name))
    tar[place.start] ^= 1
    store.pipe_file(name, bytes(tar))
    with pytest.raises(DataError, match=f"member '{place.name}' is damaged"):
        load_image(open_records(where)[1].image)


def test_an_object_store_that_refuses_is_named(bucket: str, records: list[Record]) -> None:
    with pytest.raises(OneDepthError, match=r"s3://nowhere/.*cannot be (written|read)"):
        pack(records, "s3://nowhere/set", SMALL)


def test_read_over_http_by_range_requests(tmp_path: Path, records: list[Record]) -> None:
    pack(records, str(tmp_path / "out"), SMALL)
    log: list[str] = []
    with serve(tmp_path / "out", log=log) as url:
        found = open_records(url)
        log.clear()
        record = found[0]
        place = split_place(split_locator(record.image)[1] or "")
        assert place is not None
        load_image(record.image)
        assert log == [f"/000000.tar bytes={place.start}-{place.start + place.size - 1}"]
        check_same(list(found), records)
        check_same(list(open_manifest(f"{url}/index.jsonl")), records)


def test_a_server_without_ranges_is_named(
    tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onedepth.shards.place._PAUSES", ())
    pack(records, str(tmp_path / "out"), SMALL)
    with serve(tmp_path / "out", ranges=False) as url, pytest.raises(DataError, match="serve parts of files"):
        load_image(open_records(url)[0].image)
    with pytest.raises(DataError, match="cannot be reached"):
        open_records("http://127.0.0.1:1/nobody/listens")
