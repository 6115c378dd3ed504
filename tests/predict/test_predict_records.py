"""Photos of a manifest or of shards: the listed camera is used, and names are safe, whatever the ids are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner, Result

from onedepth import Camera, DepthMap
from onedepth.apps.cli import app
from onedepth.manifest.manifest import SUFFIXES, write_manifest
from onedepth.manifest.record import Record
from onedepth.predict.modelfile import MODEL_VARIABLE
from onedepth.predict.records import MANIFESTS, lists_records, result_name
from onedepth.shards.pack import pack
from tiny_model import metres

WIDTH, HEIGHT = 60, 40


@pytest.fixture(autouse=True)
def _model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    (tmp_path / "in").mkdir()
    listed = []
    for index in range(5):
        path = tmp_path / "in" / f"{index}.png"
        Image.new("RGB", (WIDTH, HEIGHT), (50 * index,) * 3).save(path)
        camera = Camera.from_focal(40.0 + index, WIDTH, HEIGHT) if index else None
        listed.append(Record(id=f"room/{index}", image=str(path), camera=camera))
    return listed


def predict(*words: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("form", ["manifest", "shards", "index"])
def test_records_are_predicted_with_their_cameras(tmp_path: Path, records: list[Record], form: str) -> None:
    path = tmp_path / "in" / "list.jsonl"
    write_manifest(records, path)
    if form != "manifest":
        pack(records, str(tmp_path / "shards"))
        path = tmp_path / "shards" / ("" if form == "shards" else "index.json")
    done = predict(path, "-o", tmp_path / "out", "--format", "npz")
    assert done.exit_code == 0, done.output
    assert f"5 photos, 5 files in {tmp_path / 'out'}" in done.output
    for index, record in enumerate(records):
        found = DepthMap.load(tmp_path / "out" / "room" / f"{index}.npz")
        camera = record.camera or Camera.assumed(WIDTH, HEIGHT)
        assert found.camera == camera
        assert np.allclose(
            found.depth, metres(50 * index / 255, camera.fx, camera.fy, WIDTH, HEIGHT), rtol=1e-4
        )
    again = predict(path, "-o", tmp_path / "out", "--format", "npz")
    assert "5 already had their results" in again.output


def test_a_focal_length_given_comes_before_the_listed_one(tmp_path: Path, records: list[Record]) -> None:
    write_manifest(records, tmp_path / "list.jsonl")
    assert predict(tmp_path / "list.jsonl", "-o", tmp_path / "out", "--focal", 99).exit_code == 0
    assert DepthMap.load(tmp_path / "out" / "room" / "1.png").camera.focal == 99


def test_one_bad_record_does_not_stop_the_rest(tmp_path: Path, records: list[Record]) -> None:
    Path(records[1].image).write_bytes(b"no photo")
    records[3] = records[3].model_copy(update={"camera": Camera.from_focal(40.0, 10, 10)})
    write_manifest(records, tmp_path / "list.jsonl")
    done = predict(tmp_path / "list.jsonl", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert len(list((tmp_path / "out" / "room").glob("*_picture.png"))) == 3
    assert "1.png: damaged or not an image" in done.stderr
    assert f"the image is {WIDTH}x{HEIGHT}, its camera 10x10" in done.stderr


def test_a_broken_line_names_the_command_that_mends_the_list(tmp_path: Path, records: list[Record]) -> None:
    write_manifest(records, tmp_path / "list.jsonl")
    with (tmp_path / "list.jsonl").open("a") as file:
        file.write("{broken\n")
    done = predict(tmp_path / "list.jsonl", "-o", tmp_path / "out")
    assert done.exit_code != 0
    assert f"list.jsonl:{len(records) + 1}: is not valid JSON" in done.stderr
    assert "onedepth data check --fix" in done.stderr


def test_wrong_usage_is_one_line(tmp_path: Path, records: list[Record]) -> None:
    write_manifest(records, tmp_path / "list.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    listed, photo = tmp_path / "list.jsonl", records[0].image
    for words, message in {
        (listed, photo): "a manifest or shards are predicted alone",
        (photo, "--runner", "ray"): "--runner ray predicts one manifest or shards",
        (listed, "--runner", "spark"): "expected local or ray",
        (listed, "--workers", "2"): "--workers is for --runner ray",
        (listed, "--shards", "2"): "--shards is for --runner ray",
        (listed, "--runner", "ray", "--html"): "--html is for --runner local",
        ("pipe:cat.jsonl",): "'pipe' is not read from",
        (tmp_path / "empty.jsonl",): "empty.jsonl: lists no record",
        (tmp_path / "none.jsonl",): "none.jsonl: cannot be read",
    }.items():
        done = predict(*words, "-o", tmp_path / "out")
        assert (done.exit_code, message in done.stderr) == (2, True), (words, done.stderr)
    assert not (tmp_path / "out").exists()


def test_what_lists_records() -> None:
    assert MANIFESTS == SUFFIXES
    assert all(map(lists_records, ("a.jsonl", "b/index.json", "index.json", "s3://x/y", "c.PARQUET")))
    assert not any(map(lists_records, ("a.jpg", "folder", "*.png", "camera.json")))


@given(st.lists(st.text(max_size=200), unique=True, max_size=30))
def test_names_stay_in_the_folder_and_differ(ids: list[str]) -> None:
    names = [result_name(identity) for identity in ids]
    for name in names:
        assert name.parts
        assert not name.is_absolute()
        assert not set(name.parts) & {"", ".", ".."}
        assert all(len(part.encode()) < 150 and "\0" not in part for part in name.parts)
    assert len(set(names)) == len(names)


def test_plain_ids_are_names() -> None:
    assert result_name("room/0001.left") == Path("room/0001.left")
    assert result_name("../../etc/passwd").parts[0] == "etc"
    assert result_name("a_picture") != Path("a_picture")
