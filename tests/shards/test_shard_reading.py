"""Reading shards: one request a member, nothing damaged or hostile gets through, and `webdataset` agrees."""

import io
import json
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shard_cases import clip, odd_ones

from onedepth.errors import DataError
from onedepth.manifest import storage
from onedepth.manifest.labels import load_label
from onedepth.manifest.manifest import open_records
from onedepth.manifest.pixels import load_image
from onedepth.manifest.record import Record
from onedepth.manifest.storage import read_bytes, split_locator
from onedepth.shards import open_shards
from onedepth.shards.index import locators_of, verify
from onedepth.shards.pack import PackOptions, pack
from onedepth.shards.place import Place, split_place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    pack([*clip(tmp_path / "data"), *odd_ones(tmp_path / "odd")], str(tmp_path / "out"), PackOptions(6000))
    return tmp_path / "out"


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "shü #x %23"
    pack(clip(tmp_path / "data"), str(folder))
    records = open_records(folder)
    assert load_image(records[0].image).ndim == 3
    assert list(verify(str(folder / "index.json"))) == []
    assert pack(clip(tmp_path / "data"), str(folder)).kept == 1


def place_of(locator: str) -> Place:
    place = split_place(split_locator(locator)[1] or "")
    assert place is not None
    return place


def test_a_place_is_text_and_back() -> None:
    place = Place("a/b#c.jpg", 512, 7, 0xAB)
    assert str(place) == "512+7:000000ab/a/b#c.jpg"
    assert split_place(str(place)) == place
    for name in (
        "a.jpg",
        "512/a.jpg",
        "512+7:0ab/a.jpg",
        "-1+7:000000ab/a",
        "1+7:000000AB/a",
        "1+7:000000ab/",
    ):
        assert split_place(name) is None


def test_places_are_where_the_tar_file_has_its_members(out: Path) -> None:
    for record in open_records(out):
        for locator in locators_of(record):
            path, item = split_locator(locator)
            place = split_place(item or "")
            assert place is not None
            assert read_bytes(locator) == read_bytes(
                f"{path}#{place.name}"
            )  # found by the tar file's headers


def test_every_flipped_byte_of_a_member_is_found(out: Path) -> None:
    record = open_records(out)[0]
    place, path = place_of(record.image), Path(split_locator(record.image)[0])
    whole = path.read_bytes()
    for at in (place.start, place.start + place.size // 2, place.start + place.size - 1):
        data = bytearray(whole)
        data[at] ^= 0x10
        path.write_bytes(data)
        with pytest.raises(DataError, match=rf"{path.name}: member '{place.name}' is damaged: checksum"):
            load_image(record.image)
        assert [line for line in verify(f"{out}/index.json") if f"{path.name}: is damaged" in line]
    path.write_bytes(whole[: place.start + 3])
    with pytest.raises(
        DataError, match=f"gave 3 of the {place.size} bytes of '{place.name}'; the shard is cut"
    ):
        load_image(record.image)
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        load_image(record.image)


def test_a_changed_index_is_found(out: Path) -> None:
    text = (out / "index.jsonl").read_text()
    for changed in (text.replace('"metric"', '"scaled"', 1), text + "\n", text[:-1], text.splitlines()[0]):
        (out / "index.jsonl").write_text(changed)
        with pytest.raises(DataError, match=r"index\.jsonl: has .* bytes of checksum .* copy both again"):
            open_records(out)


def _header(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], str]:
    def changed(values: dict[str, Any]) -> str:
        change(values)
        return json.dumps(values)

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "{", "is not valid JSON"),
        (lambda _: "[1]", "is no index of shards; expected one that `onedepth data pack` wrote"),
        (_header(lambda v: v.update(version=2)), "has layout version 2, this OneDepth reads 1"),
        (_header(lambda v: v["index"].update(file="../index.jsonl")), r"index\.file: .*pattern"),
        (_header(lambda v: v["shards"][0].update(file="/etc/passwd")), r"shards\.0\.file: .*pattern"),
        (_header(lambda v: v["shards"][0].update(bytes=-1)), r"shards\.0\.bytes"),
        (_header(lambda v: v.pop("pack")), "pack: is missing"),
    ],
)
def test_a_header_that_is_none_is_refused(out: Path, change: Callable[[Any], str], message: str) -> None:
    path = out / "index.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(DataError, match=message):
        open_records(out)


def test_an_index_can_name_nothing_but_its_own_shards(out: Path, tmp_path: Path) -> None:
    """Also with checksums that fit: a set that somebody sent must not read other files."""
    (tmp_path / "other.tar").write_bytes(b"secret")
    secret = f"#0+6:{zlib.crc32(b'secret'):08x}/a.jpg"
    names = (
        f"{tmp_path}/other.tar{secret}",
        "s3://bucket/000000.tar#a",
        "pipe:cat",
        "../other.tar#a",
        "x.jpg",
    )
    lines = (out / "index.jsonl").read_text().splitlines()
    for name in names:
        row = {**json.loads(lines[0]), "image": name}
        text = "\n".join([json.dumps(row), *lines[1:]]) + "\n"
        (out / "index.jsonl").write_text(text)
        header = json.loads((out / "index.json").read_text())
        header["index"].update(bytes=len(text), crc32=f"{zlib.crc32(text.encode()):08x}")
        (out / "index.json").write_text(json.dumps(header))
        with pytest.raises(DataError, match=r"index\.jsonl:1: .*(no shard of this set|not read|leaves the)"):
            open_records(out)[0]


def _member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (_member("/etc/x.jpg"), "would leave its folder"),
        (_member("a/../../x.jpg"), "would leave its folder"),
        (_member("a\\..\\x.jpg"), "would leave its folder"),
        (_member("x.jpg", tarfile.SYMTYPE, 0, "/etc/passwd"), "a symbolic link"),
        (_member("x.jpg", tarfile.LNKTYPE, 0, "good.jpg"), "a hard link"),
        (_member("x.jpg", tarfile.CHRTYPE, 0), "a device"),
        (_member("x.jpg", tarfile.BLKTYPE, 0), "a device"),
        (_member("x.jpg", tarfile.FIFOTYPE, 0), "a pipe"),
        (_member("good.jpg"), "there twice"),
        (_member("x.jpg", size=1 << 40), "more than the file has left|damaged"),
    ],
)
def test_hostile_tar_files_are_refused(tmp_path: Path, member: tarfile.TarInfo, why: str) -> None:
    path = tmp_path / "bad.tar"
    with path.open("wb") as file:
        for info in (_member("folder", tarfile.DIRTYPE, 0), _member("good.jpg"), member):
            file.write(info.tobuf(tarfile.GNU_FORMAT) + (b"x" + b"\0" * 511 if info.size > 0 else b""))
        file.write(b"\0" * 1024)
    with pytest.raises(DataError, match=why):
        read_bytes(f"{path}#good.jpg")


def test_a_claimed_size_takes_no_memory(out: Path) -> None:
    huge = Place("a.jpg", 0, 1 << 36, 0)
    with pytest.raises(DataError, match="claims 68,719,476,736 bytes"):
        read_bytes(f"{out}/000000.tar#{huge}")


@pytest.mark.parametrize("url", ["pipe:cat a.tar", "zip::s3://a/b.tar", "ftp://host/b.tar", "git://x/b.tar"])
def test_refused_schemes_are_refused_for_shards_too(url: str) -> None:
    with pytest.raises(DataError, match="is not read from"):
        open_records(f"{url.rstrip('/')}/index.json")
    with pytest.raises(DataError, match="is not read from"):
        read_bytes(f"{url}#{Place('a.jpg', 0, 1, 0)}")


def test_a_member_is_one_request(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in out.iterdir():
        memory.pipe_file(f"/one/{path.name}", path.read_bytes())
    asked: list[tuple[int, int]] = []

    class Watched:
        def cat_file(self, path: str, start: int, end: int) -> bytes:
            asked.append((start, end))
            return bytes(memory.cat_file(path, start=start, end=end))

    records = open_records("memory://one")
    expected = [load_image(record.image) for record in open_records(out)]
    monkeypatch.setattr(storage, "file_system", lambda _: Watched())
    monkeypatch.setattr("onedepth.shards.place.file_system", lambda _: Watched())
    for record, image in zip(records, expected, strict=True):
        asked.clear()
        assert np.array_equal(load_image(record.image), image)
        place = place_of(record.image)
        assert asked == [(place.start, place.start + place.size)]


def test_a_request_that_fails_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [OSError("reset by peer"), b"datA", b"data"]
    place = Place("a.bin", 0, 4, zlib.crc32(b"data"))

    class Shaky:
        def cat_file(self, path: str, start: int, end: int) -> bytes:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return bytes(answer)

    monkeypatch.setattr("onedepth.shards.place.file_system", lambda _: Shaky())
    monkeypatch.setattr("onedepth.shards.place._PAUSES", (0.0, 0.0))
    assert read_bytes(f"memory://x.tar#{place}") == b"data"
    answers += [OSError("reset by peer")] * 3
    with pytest.raises(DataError, match="reset by peer"):
        read_bytes(f"memory://x.tar#{place}")


def test_webdataset_reads_our_shards(out: Path) -> None:
    wds = pytest.importorskip("webdataset")
    records = {place_of(r.image).name.split(".")[0]: r for r in open_records(out)}
    urls = sorted(str(path) for path in out.glob("*.tar"))
    samples = list(wds.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == sorted(records)
    for sample in samples:
        check_sample(sample, records[sample["__key__"]])


def check_sample(sample: dict[str, Any], record: Record) -> None:
    from PIL import Image

    assert sample["json"]["id"] == record.id
    image = sample.get("jpg", sample.get("png"))
    own = np.asarray(Image.open(io.BytesIO(read_bytes(record.image))).convert("RGB"))
    assert np.array_equal(image, own)
    assert ("right.png" in sample) == (record.right is not None)
    label = next((part for part in sample if part.startswith("label.")), None)
    assert (label is None) == (record.label is None)
    if label is not None and record.label is not None:
        assert sample["json"]["label"]["file"] == f"{sample['__key__']}.{label}"
    if label == "label.npz" and record.label is not None:
        stored = np.asarray(sample[label]["depth"])
        expected = load_label(record.label, record.camera)
        stored = np.where(np.nan_to_num(stored) > 0, stored * record.label.scale, np.nan)
        assert np.allclose(stored, expected, equal_nan=True)


def test_the_header_is_the_same_through_every_door(out: Path) -> None:
    assert [r.id for r in open_shards(out / "index.json")] == [r.id for r in open_records(str(out))]
    assert [r.id for r in open_records(out / "index.jsonl")] == [r.id for r in open_records(f"file://{out}")]
