"""`onedepth data index`: a manifest of what lies there, a summary, and one line about what is wrong."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from onedepth.apps.cli import app
from onedepth.apps.cli._data_index import metres_per_step
from onedepth.errors import ConfigError
from onedepth.layouts import LAYOUTS
from onedepth.manifest.manifest import open_manifest
from scene_builder import write_scene


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, words)])


def test_a_folder_becomes_a_manifest(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", clips="xxxx", without_camera=[3])
    write_scene(tmp_path / "b", "scaled", frames=2)
    done = run("index", "scenes", tmp_path, "-o", tmp_path / "list.jsonl")
    assert done.exit_code == 0, done.output
    facts = {" ".join(line.split()) for line in done.output.splitlines()}
    assert {"records 6", "labels metric 4, scaled 2", "with camera 5", "with both neighbours 2"} <= facts
    assert {"scenes 2", "splits none 6"} <= facts
    assert "1 records with metres have no camera" in done.output
    manifest = open_manifest(tmp_path / "list.jsonl")
    assert [record.id for record in manifest] == [*(f"a/00000{i}" for i in range(4)), "b/000000", "b/000001"]
    assert all(Path(record.image).is_file() for record in manifest)


def test_a_limit_ends_the_list(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", frames=5)
    assert run("index", "scenes", tmp_path, "-o", tmp_path / "l.parquet", "--limit", 2).exit_code == 0
    assert len(open_manifest(tmp_path / "l.parquet")) == 2


def test_a_manifest_is_replaced_only_when_asked(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", frames=5)
    path = tmp_path / "l.jsonl"
    path.write_text("mine\n")
    refused = run("index", "scenes", tmp_path, "-o", path)
    assert (refused.exit_code, path.read_text()) == (2, "mine\n")
    assert "l.jsonl: exists; name another file, or add --overwrite" in refused.stderr
    assert run("index", "scenes", tmp_path, "-o", path, "--overwrite").exit_code == 0
    assert len(open_manifest(path)) == 5


def test_the_table_names_every_layout() -> None:
    done = run("layouts")
    assert done.exit_code == 0
    assert all(name in done.output for name in LAYOUTS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["scenez", "."], "layout 'scenez' is unknown; did you mean 'scenes'?"),
        (["scenes", "missing"], "missing: no such folder"),
        (["scenes", ".", "--kind", "metrik"], "--kind is 'metrik'; did you mean 'metric'?"),
        (["scenes", ".", "--encoding", "?"], "--encoding is '?'; expected one of png16"),
        (["scenes", ".", "--scale", "mmm"], "--scale is 'mmm'; expected metres per step such as 0.001"),
        (["scenes", ".", "--scale", "mm"], "--scale was given, but the layout scenes fixes it"),
        (["scenes", ".", "--camera", "none.json"], "none.json: cannot read camera file"),
        (["scenes", ".", "-o", "list.txt"], "list.txt: expected a local file of the name X.jsonl"),
        (["scenes", ".", "-o", "no/where.jsonl"], "create it first"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scene(tmp_path / "a")
    done = run("index", *words)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_nothing_to_list_writes_nothing(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", frames=0)
    done = run("index", "scenes", tmp_path, "-o", tmp_path / "list.jsonl")
    assert done.exit_code == 2
    assert "nothing to list" in done.stderr
    assert not (tmp_path / "list.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "metres"), [("0.001", 0.001), ("1/256", 1 / 256), ("mm", 0.001), ("tum", 0.0002), ("2", 2.0)]
)
def test_a_step_has_a_length(text: str, metres: float) -> None:
    assert metres_per_step(text) == pytest.approx(metres)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1/0", "", "a/b", "1/2/3"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--scale is"):
        metres_per_step(text)
