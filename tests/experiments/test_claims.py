"""The experiments: recipes are valid, a run goes through once only, and the page shows what was stored."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from claims import copies, harness, report, scoring
from claims.harness import Experiment, Variant

from onedepth.data.sources import SourceConfig
from onedepth.errors import OneDepthError
from onedepth.manifest.manifest import open_manifest
from onedepth.train.recipe import parse_recipe
from train_cases import NETWORK, write_scene

NAMES = (
    "midas_losses",
    "midas_mixing",
    "metric3d_camera",
    "metric3d_losses",
    "resolution",
    "zoom",
    "union",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_a_recipe_and_shown(name: str) -> None:
    experiment: Experiment = importlib.import_module(name).EXPERIMENT
    tables = importlib.import_module("report").TABLES
    assert experiment.name == name
    tests = {test.name for test in experiment.tests}
    assert {column.test.split(", ")[0] for column in tables[name]} <= {t.split(", ")[0] for t in tests} | {
        "*"
    }
    for variant in experiment.variants.values():
        if variant.trained_as is not None:
            assert variant.trained_as in experiment.variants
            continue
        values = harness.merged({"name": "x", "steps": 3}, harness.merged(experiment.common, variant.recipe))
        recipe = parse_recipe(values, name)
        sizes = {(size.width, size.height) for size in recipe.sizes}
        assert sizes == set(recipe.network.input_sizes)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    write_scene(tmp_path / "data" / "wall", frames=6)
    monkeypatch.setattr(harness, "ROOT", tmp_path)
    recipe = {
        "batch": 2,
        "sizes": [{"width": 64, "height": 64}],
        "network": NETWORK,
        "pretrained": False,
        "validate_every": 0,
        "sources": [{"name": "wall", "path": "wall"}],
    }
    return Experiment(
        name="tiny",
        question="Does it run?",
        common=recipe,
        variants={"plain": Variant(), "enlarged": Variant(trained_as="plain", low=2)},
        tests=(scoring.TestSet("wall", "wall", count=2, edges=True, zoom=True),),
        steps=2,
    )


def call(experiment: Experiment, folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    command = ["experiments/tiny.py", "--data", str(folder / "data"), "--work", str(folder / "work"), *words]
    monkeypatch.setattr("sys.argv", command)
    harness.main(experiment)


def test_a_run_is_trained_scored_and_kept_once(
    tiny: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(tiny, tmp_path, monkeypatch)
    path = tmp_path / "results" / "claims" / "tiny.json"
    told = json.loads(path.read_text())
    assert [(run["variant"], run["seed"], run["steps"]) for run in told["runs"]] == [
        ("plain", 0, 2),
        ("enlarged", 0, 2),
    ]
    scores = told["runs"][0]["scores"]["wall"]
    assert {"none/abs_rel", "median/delta1", "zoom_change", "zoom_rms_log"} <= set(scores)
    assert all(np.isfinite(value) for value in scores.values())
    assert scores != told["runs"][1]["scores"]["wall"]
    assert "python experiments/tiny.py" in told["command"]
    checkpoint = next((tmp_path / "work" / "tiny").glob("plain_0_2/*.safetensors"))
    made = checkpoint.stat().st_mtime_ns
    path.unlink()
    call(tiny, tmp_path, monkeypatch)
    assert not path.exists()
    assert checkpoint.stat().st_mtime_ns == made
    call(tiny, tmp_path, monkeypatch, "--seeds", "1", "--only", "plain")
    assert [run["seed"] for run in json.loads(path.read_text())["runs"]] == [1]


def test_spoilt_labels_are_wrong_in_their_share_and_else_a_line() -> None:
    spoil = importlib.import_module("midas_losses").spoil
    disparity = np.linspace(0.1, 1.0, 144 * 192, dtype=np.float32).reshape(144, 192)
    clean = spoil(disparity, 0.0, np.random.default_rng(0))
    slope = np.diff(clean.ravel()) / np.diff(disparity.ravel())
    assert np.allclose(slope, slope[0], rtol=0.05)
    wrong = spoil(disparity, 0.3, np.random.default_rng(0))
    line = np.polyfit(disparity.ravel(), wrong.ravel(), 1)
    far_off = np.abs(np.polyval(line, disparity) - wrong) > 0.05
    assert 0.1 < far_off.mean() < 0.6
    assert wrong.min() > 0


def test_copies_know_their_cameras_or_only_one(tmp_path: Path) -> None:
    write_scene(tmp_path / "wall", frames=3)
    source = SourceConfig(name="wall", path="wall")
    path = tmp_path / "small.jsonl"
    copies.write_copies(tmp_path, source, path, count=2, zooms=(1.0, 2.0), blind=250.0)
    true, blind = (list(open_manifest(p)) for p in (path, copies.blinded(path)))
    focals = [record.camera.focal for record in true if record.camera]
    assert focals[1] / focals[0] == pytest.approx(2.0, rel=0.05)
    assert [record.camera.focal for record in blind if record.camera] == [250.0] * 4
    assert [record.image for record in true] == [record.image for record in blind]


def test_where_no_line_fits_the_median_stands_for_the_prediction(
    tiny: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "predict", lambda *_, **__: np.full((64, 64), 30.0, np.float32))
    network = importlib.import_module("onedepth.networks").DepthNet(
        parse_recipe({"name": "x", "steps": 1, **tiny.common}, "x").network
    )
    test = scoring.TestSet("wall", "wall", count=1)
    found = scoring.score(network.eval(), test, tmp_path / "data")
    assert found["scale_shift_disparity/abs_rel"] < 0.5 < found["none/abs_rel"]


def test_a_page_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for zoom"):
        report.put("# Nothing here", "zoom", "|")
    page = "a\n<!-- zoom -->\n\nold\n\n<!-- end of zoom -->\nb"
    assert report.put(page, "zoom", "new") == "a\n<!-- zoom -->\n\nnew\n\n<!-- end of zoom -->\nb"


def test_the_page_shows_what_is_stored() -> None:
    page, tables = report.PAGE.read_text(), importlib.import_module("report").TABLES
    for name, columns in tables.items():
        if (report.RESULTS / f"{name}.json").exists():
            assert report.put(page, name, report.table(report.shown_rows(name), columns)) == page, name
            assert (report.PICTURES / f"claim_{name}.png").exists()


def test_a_table_has_means_spreads_and_the_best_in_bold() -> None:
    rows = {
        "a": [{"t": {"x": 0.1}}, {"t": {"x": 0.3}}],
        "b": [{"t": {"x": 0.1}}],
    }
    lines = report.table(rows, [report.Column("X", "t", "x"), report.Column("all", "*", "x", less=False)])
    assert lines.splitlines()[2:] == [
        "| a (2 seeds) | 0.200 ± 0.100 | **0.200 ± 0.100** |",
        "| b | **0.100** | 0.100 |",
    ]


def test_an_unknown_teacher_is_refused(tmp_path: Path) -> None:
    recipe = importlib.import_module("resolution").EXPERIMENT.variants["x8 all + affinity"].recipe
    common = importlib.import_module("resolution").EXPERIMENT.common
    values = harness.merged({"name": "x", "steps": 1}, harness.merged(common, recipe))
    with pytest.raises(OneDepthError):
        importlib.import_module("onedepth.train.loop").train(
            parse_recipe(harness.located(values, tmp_path), "x"), data_root=tmp_path, folder=tmp_path / "run"
        )
