"""`onedepth info` and `onedepth doctor` tell the truth and fail clearly."""

import json
import re
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from onedepth import __version__
from onedepth.apps.cli import app, doctor
from onedepth.predict.modelfile import MODEL_VARIABLE
from tiny_model import METADATA


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
