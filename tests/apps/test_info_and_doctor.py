"""`onedepth info` and `onedepth doctor` tell the truth and fail clearly."""

import json
import re
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from onedepth import Camera, DepthMap, __version__
from onedepth.apps.cli import app, doctor
from onedepth.distortion import Fisheye
from onedepth.files.cameras import camera_from_dict, write_camera
from onedepth.predict.modelfile import MODEL_VARIABLE
from tiny_model import METADATA, write_tiny_model


def _run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def _json(*arguments: object) -> Any:
    code, out, err = _run(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.fixture(autouse=True)
def _model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))


def test_version() -> None:
    assert _run("--version")[:2] == (0, f"onedepth {__version__}\n")


def test_info_of_a_model(tiny_model: Path) -> None:
    facts = _json("info", tiny_model)
    assert facts.items() >= METADATA.items()
    assert facts["path"] == str(tiny_model)
    assert _json("info") == facts
    code, out, _ = _run("info")
    assert code == 0
    assert all(word in out for word in ("tiny (version 1.0)", "Apache-2.0", "64 x 48", "0.1 to 10 m"))


@pytest.mark.parametrize(("film", "source"), [(26, "exif"), (None, "assumed")])
def test_info_of_a_photo(tmp_path: Path, film: int | None, source: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    if film:
        exif.get_ifd(0x8769)[0xA405] = film
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (80, 60)).save(path, exif=exif.tobytes())
    facts = _json("info", path)
    assert (facts["width"], facts["height"]) == (60, 80)
    assert facts["camera"]["focal_source"] == source
    code, out, _ = _run("info", path)
    assert code == 0
    assert ("from EXIF, ±3 %" if film else "assumed, ±30 %") in out


def test_info_says_nothing_of_a_model_twice(tmp_path: Path) -> None:
    network = {"encoder": "small", "input_sizes": [[64, 48]], "canonical_focal": 100.0, "nested": {"a": 1}}
    path = write_tiny_model(tmp_path / "model.onnx", {**METADATA, "network": network})
    code, out, _ = _run("info", path)
    assert code == 0
    assert "small" in out
    assert "input_sizes" not in out
    assert "canonical_focal" not in out


@pytest.mark.parametrize("suffix", [".png", ".npz", ".exr", ".tiff", ".pfm"])
def test_info_of_a_depth_file(tmp_path: Path, suffix: str) -> None:
    values = np.full((40, 60), 2, np.float32)
    values[:10] = 0
    camera = Camera.from_focal(50, 60, 40)
    path = tmp_path / f"depth{suffix}"
    DepthMap(values, "metric", camera, source="tiny 1.0").save(path)
    facts = _json("info", path)
    assert (facts["kind"], facts["width"], facts["height"]) == ("metric", 60, 40)
    assert (facts["valid"], facts["median"], facts["source"]) == (0.75, 2, "tiny 1.0")
    assert facts["camera"]["fx"] == 50
    code, out, _ = _run("info", path)
    assert code == 0
    assert all(word in out for word in ("metric, in m", "75 % of pixels", "2 to 2", "tiny 1.0", "50 pixels"))


def test_info_of_a_depth_map_without_depth_or_camera(tmp_path: Path) -> None:
    DepthMap(np.zeros((4, 6), np.float32), "scaled").save(tmp_path / "none.npz")
    facts = _json("info", tmp_path / "none.npz")
    assert (facts["valid"], facts["median"], facts["camera"]) == (0, None, None)
    assert "not in the file" in _run("info", tmp_path / "none.npz")[1]


def test_info_of_a_camera_file(tmp_path: Path) -> None:
    camera = Camera.from_focal(50, 60, 40, distortion=Fisheye(0.1, 0, 0, 0))
    write_camera(camera, tmp_path / "camera.json")
    assert camera_from_dict(_json("info", tmp_path / "camera.json")["camera"]) == camera
    code, out, _ = _run("info", tmp_path / "camera.json")
    assert code == 0
    assert all(word in out for word in ("camera file", "60 x 40", "50 pixels", "Fisheye(k1=0.1"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cloud.ply", "ply", "ply is written only"),
        ("notes.txt", "hello", "not a camera file of a known format"),
        ("foreign.npz", "PK", "cannot be read as npz"),
        ("calib.txt", "P2: 50 0 30 0 0 50 20 0 0 0 1 0", "does not carry the image size"),
    ],
)
def test_info_of_other_files_is_one_plain_line(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content)
    code, out, err = _run("info", tmp_path / name)
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("none.jpg", "no such file"), ("none.onnx", "no such model file")]
)
def test_info_of_what_is_not_there(tmp_path: Path, name: str, reason: str) -> None:
    code, out, err = _run("info", tmp_path / name)
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_info_of_a_text_named_photo(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    code, _, err = _run("info", tmp_path / "text.jpg")
    assert code == 2
    assert "not an image" in err


def test_doctor_is_content_with_a_whole_installation(tiny_model: Path) -> None:
    facts = _json("doctor")
    assert facts["problems"] == []
    assert facts["onedepth"] == __version__
    assert "cpu" in facts["devices"]
    assert facts["threads"] >= 1
    assert str(tiny_model) in facts["model"]
    assert {"numpy", "onnxruntime", "pillow"} <= facts["libraries"].keys()
    code, out, _ = _run("doctor")
    assert code == 0
    assert "onnxruntime" in out


def test_doctor_misses_a_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "none.onnx"))
    code, _, err = _run("doctor")
    assert code == 1
    assert "no such model file" in err


def test_doctor_misses_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    code, out, _ = _run("doctor", "--json")
    assert code == 1
    assert any("tifffile" in problem for problem in json.loads(out)["problems"])


def test_doctor_reads_the_list_of_needs_from_the_package() -> None:
    """What doctor checks is what the base install asks for."""
    base = [line for line in requires("onedepth") or [] if "extra ==" not in line]
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in base}
    assert names == set(doctor._BASE)


def test_unknown_commands_are_wrong_usage() -> None:
    code, _, err = _run("predcit")
    assert code == 2
    assert "predict" in err  # the suggestion


def test_every_command_has_help() -> None:
    code, out, _ = _run("--help")
    assert code == 0
    for name in ("predict", "info", "doctor"):
        assert name in out
        assert _run(name, "--help")[0] == 0


def test_a_missing_training_library_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onedepth.predict.modelfile", None)
    with pytest.raises(ModuleNotFoundError):  # a hole in the base install is a bug and not hidden
        _run("info")
    monkeypatch.undo()

    def lacking(*arguments: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("onedepth.apps.cli.info._model_facts", lacking)
    code, _, err = _run("info")
    assert code == 2
    assert "pip install 'onedepth[train]'" in err
