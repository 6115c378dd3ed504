"""Manifests: what is written is read back, and what is wrong is named by line and field."""

import gzip
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import DataError, OneDepthError
from onedepth.manifest.jsonl import JsonLines
from onedepth.manifest.manifest import SUFFIXES, open_manifest, open_records, write_manifest
from onedepth.manifest.parquet import ParquetRows
from onedepth.manifest.record import Label, Record
from onedepth.manifest.subset import Subset
from scene_builder import write_scene

CAMERA = Camera(width=8, height=6, fx=7.1, fy=7, cx=4, cy=3)


def full(folder: Path) -> Record:
    """A record with every field set."""
    return Record(
        id="rooms/1",
        image=str(folder / "rooms/1.jpg"),
        label=Label(
            file=f"{folder}/rooms/all.h5#depth/1",
            kind="coarse",
            encoding="hdf5",
            quantity="distance",
            scale=0.001,
            offset=0.5,
            mask=str(folder / "1%23.png"),
            mask_at_least=2,
            sky_at=60000,
            to_camera=tuple(range(12)),
        ),
        camera=Camera(**{**_values(CAMERA), "distortion": RadialTangential(0.1, 0.2, 0.3, 0.4)}),
        scene="rooms",
        split="train",
        neighbours=(str(folder / "0.jpg"), "/elsewhere/2.jpg"),
        right="s3://bucket/right.jpg",
        baseline=0.1,
        pose=tuple(np.eye(4).ravel().tolist()),
        time=1.5,
        licence="CC0",
        source="mine",
    )


def _values(camera: Camera) -> dict[str, Any]:
    return {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}


def fisheye(folder: Path) -> Record:
    camera = Camera(**{**_values(CAMERA), "distortion": Fisheye(0.1, 0, 0, 0), "focal_source": "exif"})
    return Record(id="2", image=str(folder / "2.jpg"), camera=camera)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_back(suffix: str, tmp_path: Path) -> None:
    records = [full(tmp_path), fisheye(tmp_path), Record(id="é", image=str(tmp_path / "a.jpg"))]
    path = tmp_path / f"list{suffix}"
    assert write_manifest(iter(records), path) == 3
    manifest = open_manifest(path)
    assert list(manifest) == records
    assert list(pickle.loads(pickle.dumps(manifest))) == records
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_moves_as_a_whole(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_manifest([full(tmp_path / "one")], tmp_path / f"one/list{suffix}")
    shutil.move(tmp_path / "one", tmp_path / "two")
    (record,) = open_manifest(tmp_path / f"two/list{suffix}")
    assert record == full(tmp_path / "two")


def test_every_field_survives(tmp_path: Path) -> None:
    """So that a new field is not forgotten in the columns of Parquet."""
    values = full(tmp_path).model_dump(mode="json", exclude_defaults=True)
    assert set(values) == set(Record.model_fields)
    assert set(values["label"]) == set(Label.model_fields)


def test_the_same_list_gives_the_same_bytes(tmp_path: Path) -> None:
    for suffix in (".jsonl", ".jsonl.gz"):
        paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
        for path in paths:
            write_manifest([full(tmp_path)], path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.sampled_from(["record", "", "\r", "long"]), max_size=12), ends=st.booleans())
def test_lines_are_found_whatever_lies_between_them(
    lines: list[str], ends: bool, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    texts = [
        json.dumps({"n": i, "x": "y" * (9 if kind == "record" else 70_000)}) if len(kind) > 1 else kind
        for i, kind in enumerate(lines)
    ]
    path.write_text("\n".join(texts) + "\n" * ends, newline="\n")
    rows = JsonLines(str(path))
    expected = [i for i, kind in enumerate(lines) if len(kind) > 1]
    assert [rows[i]["n"] for i in range(len(rows))] == expected
    assert [rows.where(i) for i in range(len(rows))] == [f"{path}:{n + 1}" for n in expected]


def test_a_list_behaves_like_a_list(tmp_path: Path) -> None:
    records = [Record(id=str(i), image=f"/{i}.jpg") for i in range(7)]
    write_manifest(records, tmp_path / "a.jsonl")
    manifest = open_manifest(tmp_path / "a.jsonl")
    assert len(manifest) == 7
    assert manifest[-1] == records[-1]
    assert list(manifest[1:6:2]) == records[1:6:2]
    assert list(manifest[::-1][2:4]) == records[::-1][2:4]
    assert list(Subset(manifest, np.array([5, 0]))) == [records[5], records[0]]
    for index in (7, -8):
        with pytest.raises(IndexError):
            manifest[index]


# --- What is wrong ---

GOOD = {"id": "a", "image": "a.jpg", "label": {"file": "a.png", "kind": "metric"}}
WRONG: dict[str, tuple[Any, str]] = {
    "no JSON": ('{"id": ', "is not valid JSON"),
    "a list": ("[1]", r"found '\[1\]', expected an object"),
    "unknown field": ({**GOOD, "depth": "a"}, "depth: unknown field; expected id, image"),
    "misspelt field": ({**GOOD, "imagee": "a"}, "imagee: unknown field; did you mean 'image'"),
    "misspelt in label": ({**GOOD, "label": {**GOOD["label"], "scael": 1}}, "label.scael: .* 'scale'"),  # type: ignore[dict-item]
    "no image": ({"id": "a"}, "image: is missing"),
    "no kind": ({**GOOD, "label": {"file": "a"}}, r"label\.kind: is missing"),
    "kind": (
        {**GOOD, "label": {"file": "a", "kind": "meters"}},
        r"label\.kind: .*'metric'.*, found 'meters'",
    ),
    "scale 0": ({**GOOD, "label": {"file": "a", "kind": "metric", "scale": 0}}, r"label\.scale: .*, found 0"),
    "scale NaN": ('{"id":"a","image":"b","label":{"file":"a","kind":"metric","scale":NaN}}', r"label\.scale"),
    "camera": ({**GOOD, "camera": {"width": 3}}, "camera: camera lacks height"),
    "focal": ({**GOOD, "camera": {**_values(CAMERA), "fx": -1}}, "camera: focal length must be > 0"),
    "pose": ({**GOOD, "pose": [1, 2]}, "pose: .*16"),
    "neighbours": ({**GOOD, "neighbours": "b.jpg"}, "neighbours: "),
    "image a number": ({**GOOD, "image": 3}, "image: .*string, found 3"),
    "image nothing": ({**GOOD, "image": ""}, "image: "),
    "leaves": ({**GOOD, "image": "../a.jpg"}, r"image: '\.\./a.jpg' leaves the folder"),
    "leaves inside": ({**GOOD, "label": {"file": "b/../../a", "kind": "metric"}}, r"label\.file: .* leaves"),
    "neighbour leaves": ({**GOOD, "neighbours": ["../b.jpg"]}, "neighbours: .* leaves"),
    "pipe": ({**GOOD, "right": "pipe:ls"}, "'pipe' is not read from"),
    "scheme": ({**GOOD, "image": "ftp://a/b.jpg"}, "'ftp' is not read from"),
    "deep": ("[" * 100_000, "is not valid JSON|expected an object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_by_line_and_field(case: str, tmp_path: Path) -> None:
    row, message = WRONG[case]
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(GOOD), "", row if isinstance(row, str) else json.dumps(row)]
    path.write_text("\n".join(lines))
    manifest = open_manifest(path)
    assert manifest[0].id == "a"
    with pytest.raises(DataError, match=message) as error:
        manifest[1]
    assert str(error.value).startswith(f"{path}:3: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_folders_may_be_left_and_entered_again(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "1", "image": "b/../c..d/1.jpg"}))
    assert open_manifest(tmp_path / "a.jsonl")[0].image == f"{tmp_path}/c..d/1.jpg"


def test_a_far_off_manifest_names_no_local_file() -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")

    def opened(image: str) -> Record:
        memory.pipe("/far/list.jsonl", json.dumps({"id": "a", "image": image}).encode())
        return open_manifest("memory://far/list.jsonl")[0]

    assert opened("1.jpg").image == "memory://far/1.jpg"
    assert opened("http://h/1.jpg").image == "http://h/1.jpg"
    for image in ("/etc/passwd", "file:///etc/passwd"):
        with pytest.raises(DataError, match="is a local file, which a manifest at memory://far may not name"):
            opened(image)


def test_what_is_no_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no manifest by its name; expected \.jsonl"):
        open_manifest(tmp_path / "list.txt")
    with pytest.raises(DataError, match="No such file"):
        open_manifest(tmp_path / "list.jsonl")
    (tmp_path / "a.jsonl").write_bytes(b"x" * (1 << 25))
    with pytest.raises(DataError, match=r"a\.jsonl:1: has 33,554,432 bytes in one line"):
        open_manifest(tmp_path / "a.jsonl")
    whole = gzip.compress(json.dumps(GOOD).encode() * 99)
    for name in ("a.jsonl.gz", "a.parquet"):
        (tmp_path / name).write_bytes(whole[:-9])
        with pytest.raises(DataError, match=rf"{name}: cannot be read"):
            open_manifest(tmp_path / name)


def test_two_records_of_one_id_are_not_written(tmp_path: Path) -> None:
    twice = [Record(id="a", image="/a.jpg"), Record(id="a", image="/b.jpg")]
    for suffix in SUFFIXES:
        with pytest.raises(DataError, match="record 'a': another one has this id"):
            write_manifest(twice, tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_manifest_is_written_where_manifests_can_be(tmp_path: Path) -> None:
    for path in (tmp_path / "a.txt", "s3://bucket/a.jsonl"):
        with pytest.raises(DataError, match="expected a local file"):
            write_manifest([], path)
    with pytest.raises(OneDepthError, match="create it first"):
        write_manifest([], tmp_path / "missing" / "a.jsonl")


def test_parquet_of_others_may_hold_json_text(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    label = {"file": "a.png", "kind": "metric"}
    table = pa.table({"id": ["a", "b"], "image": ["a.jpg", "b.jpg"], "label": [json.dumps(label), None]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    first, second = open_manifest(tmp_path / "a.parquet")
    assert first.label == Label(file=f"{tmp_path}/a.png", kind="metric")
    assert second.label is None
    assert ParquetRows(str(tmp_path / "a.parquet")).where(1).endswith("a.parquet: row 2")


# --- Whatever lists records ---


def test_a_folder_is_opened_by_what_is_in_it(tmp_path: Path) -> None:
    write_scene(tmp_path / "room", frames=2)
    records = open_records(tmp_path)
    assert [record.id for record in records] == ["room/000000", "room/000001"]
    write_manifest(records[:1], tmp_path / "manifest.jsonl")
    assert open_records(tmp_path)[0] == records[0]
    assert len(open_records(str(tmp_path))) == len(open_records(tmp_path / "manifest.jsonl")) == 1
    with pytest.raises(DataError, match="no such folder"):
        open_records(tmp_path / "missing")
    with pytest.raises(DataError, match=r"memory://bucket/folder/index\.json: cannot be read"):
        open_records("memory://bucket/folder")  # only shards can be opened by the name of their folder there


def test_a_million_lines_take_no_more_memory_than_their_positions(tmp_path: Path) -> None:
    """Measured in allocations: 24 bytes a line are kept, and nothing while lines are read."""
    import tracemalloc

    path = tmp_path / "a.jsonl"
    line = json.dumps({"id": "room/000000", "image": "room/000000.jpg", "label": GOOD["label"]}) + "\n"
    count = 1_000_000
    with path.open("w") as file:
        for _ in range(100):
            file.write(line * (count // 100))
    tracemalloc.start()
    try:
        manifest = open_manifest(path)
        opened, _ = tracemalloc.get_traced_memory()
        for index in range(0, count, 5000):
            assert manifest[index].id == "room/000000"
        read, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(manifest) == count
    assert opened < 24.5 * count + (8 << 20)
    assert read - opened < 1 << 20
