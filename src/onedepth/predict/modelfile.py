"""Open a model file: find it, check that it is ours and whole, start ONNX Runtime on the device asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onedepth.errors import ConfigError, ModelFileError
from onedepth.predict.devices import providers_for
from onedepth.predict.metadata import (
    FORMAT_VERSION,
    INPUT_FOCAL,
    INPUT_IMAGE,
    METADATA_KEY,
    OUTPUT_DEPTH,
    ModelInfo,
)

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "FORMAT_VERSION",
    "INPUT_FOCAL",
    "INPUT_IMAGE",
    "METADATA_KEY",
    "OUTPUT_DEPTH",
    "ModelInfo",
    "find_model",
    "open_session",
    "read_info",
]

SHIPPED_MODEL = "onedepth_v1"
MODEL_FOLDER = Path(__file__).resolve().parent.parent / "models"
MODEL_VARIABLE = "ONEDEPTH_MODEL"

_SIGNATURE = {
    INPUT_IMAGE: ("tensor(uint8)", 3),
    INPUT_FOCAL: ("tensor(float)", 1),
    OUTPUT_DEPTH: ("tensor(float)", 2),
}


def find_model(model: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of a model file.

    Args:
        model: A path, the name of a shipped model, or None for the file named by the environment variable
            `ONEDEPTH_MODEL` and, without it, the model that comes with the package.

    Raises:
        ModelFileError: If there is no such file.
    """
    if not isinstance(model, str | os.PathLike | None):
        raise ModelFileError(
            f"model is a {type(model).__name__} ({model!r:.40}), expected the path of a model file or "
            "the name of a shipped model"
        )
    wanted = os.fspath(model) if model is not None else os.environ.get(MODEL_VARIABLE) or SHIPPED_MODEL
    path = Path(wanted)
    if path.is_file():
        return path
    shipped = MODEL_FOLDER / f"{wanted}.onnx"
    if path.name == wanted and shipped.is_file():
        return shipped
    if path.is_dir():
        raise ModelFileError(f"{path}: is a folder, expected a model file (.onnx)")
    names = ", ".join(sorted(file.stem for file in MODEL_FOLDER.glob("*.onnx"))) or "none"
    raise ModelFileError(f"{wanted}: no such model file; shipped with this installation: {names}")


def open_session(
    path: str | os.PathLike[str], device: str = "auto", *, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Load a model file into ONNX Runtime.

    Args:
        path: The model file.
        device: `auto`, `cpu`, `cuda`, `coreml` or another name of `devices.PROVIDERS`.
        threads: Threads per operator; by default as many as this process may use cores.

    Raises:
        ModelFileError: If the file is missing, damaged, not ours or of a newer format version.
        ConfigError: If the device is unknown or this build of ONNX Runtime does not have it, or `threads` is
            no whole number above 0.
    """
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    _check_threads(threads)
    providers = providers_for(device)
    path = find_model(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = usable_cores() if threads is None else threads
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(os.fspath(path), options, providers=providers)
    except (
        errors.InvalidProtobuf,
        errors.NoModel,
        errors.InvalidGraph,
        errors.InvalidArgument,
        errors.Fail,
    ) as error:
        raise ModelFileError(f"{path}: not a whole ONNX model ({_first_line(error)})") from None
    except errors.NotImplemented as error:
        raise ModelFileError(
            f"{path}: needs operators that this ONNX Runtime lacks ({_first_line(error)})"
        ) from None
    _check_signature(session, path)
    return session


def read_info(session: onnxruntime.InferenceSession, where: str | os.PathLike[str]) -> ModelInfo:
    """Return the metadata of an opened model file; `where` names it in errors.

    Raises:
        ModelFileError: If the file has no OneDepth metadata, or broken metadata.
    """
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{where}: an ONNX file, but not a OneDepth model (no {METADATA_KEY!r} metadata); "
            "make one with `onedepth export`"
        )
    return ModelInfo.from_json(text, os.fspath(where))


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _check_threads(threads: object) -> None:
    if threads is not None and (not isinstance(threads, int) or isinstance(threads, bool) or threads < 1):
        raise ConfigError(f"threads is {threads!r}, expected a whole number above 0, or None for all cores")


def _check_signature(session: onnxruntime.InferenceSession, path: Path) -> None:
    """Refuse a graph whose inputs and output are not those of the contract; metadata problems come first."""
    read_info(session, path)
    values: dict[str, Any] = {value.name: value for value in [*session.get_inputs(), *session.get_outputs()]}
    found = {name: (value.type, len(value.shape)) for name, value in values.items()}
    if found != _SIGNATURE:
        text = ", ".join(f"{name} {kind} with {rank} axes" for name, (kind, rank) in found.items())
        raise ModelFileError(
            f"{path}: inputs and outputs are {text}; expected image, focal and depth of format 1"
        )


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.split(" : ")[-1][:160]
