"""Locators and bytes: names of any kind survive, and nothing but files of known places is read."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth.errors import DataError
from onedepth.manifest.storage import is_url, join_locator, open_file, read_bytes, split_locator

names = st.text(st.sampled_from("ab/%235#é "), min_size=1)


@given(names, st.none() | names)
def test_a_locator_taken_apart_is_what_it_was_made_of(path: str, item: str | None) -> None:
    assert split_locator(join_locator(path, item)) == (path, item)


def test_percent_signs_of_urls_stay() -> None:
    assert split_locator("http://host/a%20b.png#1") == ("http://host/a%20b.png", "1")
    assert join_locator("http://host/a%20b.png") == "http://host/a%20b.png"


@pytest.mark.parametrize("locator", ["", "#3", "a\0b"])
def test_a_locator_names_a_file(locator: str) -> None:
    with pytest.raises(DataError, match="names no file"):
        split_locator(locator)


def test_a_file_is_read_whole_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "a#1 100%25.bin"
    file.write_bytes(b"content")
    assert read_bytes(join_locator(file)) == b"content"
    assert read_bytes(join_locator(f"file://{file}")) == b"content"
    with open_file(str(file)) as opened:
        opened.seek(3)
        assert opened.read(2) == b"te"


def test_objects_behind_urls_are_read() -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/bucket/a.bin", b"far away")
    assert read_bytes("memory://bucket/a.bin") == b"far away"
    assert is_url("memory://bucket/a.bin")
    with pytest.raises(DataError, match=r"memory://bucket/b\.bin: cannot be read"):
        read_bytes("memory://bucket/b.bin")
    with pytest.raises(DataError, match="more than the 3"):
        read_bytes("memory://bucket/a.bin", limit=3)


def test_a_server_that_does_not_answer_is_no_missing_object() -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(DataError, match=r"a\.jsonl: cannot be reached \(.*127\.0\.0\.1"):
        read_bytes("http://127.0.0.1:1/a.jsonl")


@pytest.mark.parametrize(
    "url",
    [
        "pipe:cat /etc/passwd",
        "PIPE:ls",
        "ftp://host/a.png",
        "zip://a.png::http://host/b.zip",
        "simplecache::s3://bucket/a.png",
        "github://org:repo@/a.png",
        "reference://a",
    ],
)
def test_other_schemes_and_chains_are_refused(url: str) -> None:
    with pytest.raises(DataError, match="is not read from; expected a local path or a URL of file, gs"):
        read_bytes(join_locator(url))


def test_a_missing_file_a_folder_and_a_huge_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.png: cannot be read .No such file"):
        read_bytes(str(tmp_path / "a.png"))
    with pytest.raises(DataError, match="is a folder, expected a file"):
        read_bytes(str(tmp_path))
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match=r"huge: has 1,099,511,627,776 bytes, more than the 1,073,741,824"):
        read_bytes(str(tmp_path / "huge"))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    with pytest.raises(DataError, match=r"a\.png: cannot be read .too many symbolic links"):
        read_bytes(str(tmp_path / "a.png"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="no regular file"):
        read_bytes(str(tmp_path / "pipe.png"))


def _tar(path: Path, members: dict[str, bytes], *, link: bool = False) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo("link.png")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)


def test_members_of_a_tar_file_are_read_where_they_lie(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    _tar(path, {"room/1.jpg": b"one", "2.jpg": b"two"})
    assert read_bytes(f"{path}#room/1.jpg") == b"one"
    assert read_bytes(f"{path}#2.jpg") == b"two"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.tar"]
    with pytest.raises(DataError, match=r"has no member '3\.jpg'; it has 2, such as 'room/1\.jpg'"):
        read_bytes(f"{path}#3.jpg")


@pytest.mark.parametrize(("members", "link"), [({"../2.jpg": b""}, False), ({}, True)])
def test_tar_files_with_links_or_names_that_lead_elsewhere_are_refused(
    tmp_path: Path, members: dict[str, bytes], link: bool
) -> None:
    _tar(tmp_path / "s.tar", {"1.jpg": b"one", **members}, link=link)
    with pytest.raises(DataError, match="expected plain files of different, relative names"):
        read_bytes(f"{tmp_path}/s.tar#1.jpg")


def test_a_tar_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    _tar(path, {"a": b"one"})
    assert read_bytes(f"{path}#a") == b"one"
    _tar(path, {"b": b"x" * 600, "a": b"two"})
    os.utime(path, ns=(1, 1))
    assert read_bytes(f"{path}#a") == b"two"


def test_damaged_tar_files_and_items_of_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    _tar(path, {"a": b"x" * 5000})
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"s\.tar"):
        read_bytes(f"{path}#a")
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(DataError, match="is not a tar file"):
        read_bytes(f"{path}#a")
    with pytest.raises(DataError, match="only a tar file has members"):
        read_bytes(f"{tmp_path / 'a.zip'}#a")
