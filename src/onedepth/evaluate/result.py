"""The file of a result: every number with all that is needed to trust it, and to get it again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from onedepth import __version__
from onedepth.errors import ConfigError
from onedepth.evaluate.bootstrap import CONFIDENCE, RESAMPLES
from onedepth.evaluate.models.base import Model
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.run import Outcome
from onedepth.evaluate.strict import parse
from onedepth.evaluate.summary import Duel, Line
from onedepth.evaluate.table import Table
from onedepth.files.atomic import write_bytes

FORMAT = 1
_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow")
_TORCH = ("torch", "transformers")  # stated only when a model needed them
_VARIABLES = "ONEDEPTH_"


@dataclass(frozen=True)
class Setting:
    """What was asked for.

    Attributes:
        data: Manifest or folder, with environment variables unexpanded.
        stride: Every how many images.
        limit: At most how many.
        command: The command line.
        device: Where models ran.
    """

    data: str
    stride: int
    limit: int | None
    command: str
    device: str = "auto"


@dataclass(frozen=True)
class Result:
    """A result file, read back.

    Attributes:
        path: Of the file.
        values: All of it.
        protocol: As it was then.
        setting: As it was then.
        table: Numbers of the images.
    """

    path: Path
    values: dict[str, Any]
    protocol: Protocol
    setting: Setting
    table: Table


def build(
    setting: Setting,
    protocol: Protocol,
    models: Sequence[Model],
    outcome: Outcome,
    summary: tuple[list[Line], list[Duel]],
) -> dict[str, Any]:
    """The content of a result file."""
    lines, duels = summary
    return {
        "format": FORMAT,
        "command": setting.command,
        "versions": _versions(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": protocol.model_dump(mode="json"),
        "data": {
            "path": setting.data,
            "stride": setting.stride,
            "limit": setting.limit,
            "device": setting.device,
            "images": len(outcome.table.ids),
            "sha256": outcome.data_sha256,
        },
        "models": {model.name: describe(model) for model in models},
        "bootstrap": {"resamples": RESAMPLES, "confidence": CONFIDENCE, "seed": 0},
        "scores": [_line(line) for line in lines],
        "comparisons": [asdict(duel) for duel in duels],
        "warnings": outcome.warnings,
        "failures": outcome.failures,
        "per_image": outcome.table.to_json(),
    }


def write(path: Path, values: dict[str, Any]) -> None:
    """Write a result file, whole or not at all: one short list a line, so that changes can be read.

    Raises:
        OneDepthError: It cannot be written.
    """
    write_bytes(path, (_pretty(values) + "\n").encode())


def read(path: Path) -> Result:
    """Read a result file.

    Raises:
        ConfigError: It is missing, no result file, or of a newer format.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(values, dict) or "per_image" not in values or "protocol" not in values:
        raise ConfigError(f"{path}: is no result of `onedepth eval`")
    if values.get("format") != FORMAT:
        raise ConfigError(f"{path}: is of format {values.get('format')!r}, this version reads {FORMAT}")
    try:
        data = values["data"]
        setting = Setting(data["path"], data["stride"], data["limit"], values["command"], data["device"])
        table = Table.from_json(values["per_image"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: is damaged ({error!r})") from error
    return Result(path, values, parse(Protocol, values["protocol"], str(path)), setting, table)


def describe(model: Model) -> dict[str, Any]:
    """A model as a result states it."""
    return {
        "spec": model.spec,
        "kind": model.kind,
        "files": len(model.files),
        "sha256": files_sha256(model.files) if model.files else None,
    }


def files_sha256(files: Sequence[Path]) -> str:
    """SHA-256 of one file; of several, that over their names and hashes."""
    if len(files) == 1:
        return _digest(files[0])
    lines = "".join(f"{_digest(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def portable(text: str) -> str:
    """A path with the longest ONEDEPTH_... variable that holds its beginning, so that it works elsewhere."""
    folders = {
        value.rstrip("/"): name
        for name, value in os.environ.items()
        if name.startswith(_VARIABLES) and os.path.isabs(value) and os.path.isdir(value)
    }
    for folder in sorted(folders, key=len, reverse=True):
        if folder and f"{folder}/" in f"{text}/":
            return text.replace(folder, f"${folders[folder]}", 1)
    return text


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def _versions() -> dict[str, str]:
    import sys

    found = {"onedepth": __version__, "python": platform.python_version()}
    for package in (*_PACKAGES, *(name for name in _TORCH if name in sys.modules)):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _line(line: Line) -> dict[str, Any]:
    values = asdict(line)
    values["intervals"] = {name: [span.low, span.high] for name, span in line.intervals.items()}
    return values


def _pretty(value: Any, indent: int = 0) -> str:
    """JSON with one key a line, but lists of plain values on one line."""
    space = "  " * (indent + 1)
    if isinstance(value, dict) and value:
        pairs = ((json.dumps(key), _pretty(item, indent + 1)) for key, item in value.items())
        inner = ",\n".join(f"{space}{key}: {item}" for key, item in pairs)
        return f"{{\n{inner}\n{'  ' * indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        inner = ",\n".join(f"{space}{_pretty(item, indent + 1)}" for item in value)
        return f"[\n{inner}\n{'  ' * indent}]"
    return json.dumps(value)
