"""Model files are found, checked and opened, or refused in one line."""

from pathlib import Path

import pytest

from onedepth.errors import ConfigError, ModelFileError
from onedepth.predict.devices import PROVIDERS, available_devices, providers_for
from onedepth.predict.modelfile import MODEL_VARIABLE, find_model, open_session, read_info
from tiny_model import METADATA, write_tiny_model


def test_a_good_file_opens(tiny_model: Path) -> None:
    session = open_session(tiny_model, "cpu", threads=1)
    assert read_info(session, tiny_model).name == "tiny"


def test_the_variable_names_the_default(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))
    assert find_model() == tiny_model


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"none\.onnx: no such model file"):
        find_model(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match="is a folder"):
        find_model(tmp_path)


def _refused(path: Path, reason: str) -> None:
    with pytest.raises(ModelFileError, match=reason) as caught:
        open_session(path, "cpu")
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path: Path, tiny_model: Path) -> None:
    whole = tiny_model.read_bytes()
    contents = {"text": b"Hello\n" * 99, "empty": b"", "cut": whole[: len(whole) // 2], "cut1": whole[:-1]}
    for name, content in contents.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        _refused(path, "not a whole ONNX model|not a OneDepth model|metadata")


def test_models_of_others_are_refused(tmp_path: Path) -> None:
    _refused(write_tiny_model(tmp_path / "foreign.onnx", None), "not a OneDepth model")


def test_newer_formats_are_refused(tmp_path: Path) -> None:
    _refused(write_tiny_model(tmp_path / "new.onnx", {**METADATA, "format": 99}), "newer")


def test_a_graph_with_other_inputs_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    import onnx

    model = onnx.load(tiny_model)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    path = tmp_path / "float.onnx"
    path.write_bytes(model.SerializeToString())
    _refused(path, r"tensor\(float\)|not a whole")


def test_devices() -> None:
    assert "cpu" in available_devices()
    assert providers_for("cpu") == [PROVIDERS["cpu"]]
    assert providers_for("auto")[-1] == PROVIDERS["cpu"]
    with pytest.raises(ConfigError, match=r"device 'tpu' is unknown; available: auto, .*cpu"):
        providers_for("tpu")


def test_an_absent_device_is_not_silently_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match="device 'cuda' is not available here; available: auto, cpu"):
        providers_for("cuda")
