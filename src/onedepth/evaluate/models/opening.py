"""From what `--model` names to a model: a table of ways, the first that fits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from onedepth.errors import ConfigError, ModelFileError
from onedepth.evaluate.models.adapter import ADAPTER, Adapter, OnnxAdapter, TransformersAdapter
from onedepth.evaluate.models.base import Model
from onedepth.evaluate.models.hub import HUB, open_transformers
from onedepth.evaluate.models.onnx_graph import open_onnx
from onedepth.evaluate.models.ours import open_checkpoint, open_model_file
from onedepth.evaluate.models.predictions import open_predictions
from onedepth.evaluate.strict import parse, read_yaml

_YAML = (".yaml", ".yml")


def open_models(specs: Sequence[str], device: str = "auto") -> list[Model]:
    """Open models to be compared; those of the same name are numbered.

    Raises:
        OneDepthError: As `open_model`.
    """
    models: list[Model] = []
    for spec in specs:
        model = open_model(spec, device)
        same = sum(other.name.split(" #")[0] == model.name for other in models)
        models.append(replace(model, name=f"{model.name} #{same + 1}") if same else model)
    return models


def open_model(spec: str, device: str = "auto") -> Model:
    """Open one model.

    Args:
        spec: Name or file of a OneDepth model (.onnx); a checkpoint (.safetensors); a description (.yaml), or
            DESCRIPTION=FILE with the name of one that is shipped or its file; a folder of a `transformers`
            model or of predictions; `hf:ORGANISATION/NAME`. Environment variables (`$NAME/...`) are
            expanded.
        device: As `onedepth predict` takes it.

    Raises:
        OneDepthError: There is no such model, or it cannot be opened.
    """
    path = os.path.expandvars(spec)
    way = next(open_it for fits, open_it in _WAYS if fits(path))
    return way(spec, path, device)


def adapter_names() -> list[str]:
    """Names of the descriptions that come with the package."""
    return sorted(Path(file.name).stem for file in _shipped().iterdir() if file.name.endswith(_YAML))


def _shipped() -> Path:
    return Path(str(files("onedepth.evaluate.models").joinpath("adapters")))


def _described(spec: str, path: str, device: str) -> Model:
    description, _, given = path.partition("=")
    file = Path(description) if description.endswith(_YAML) else _shipped() / f"{description}.yaml"
    if not description.endswith(_YAML) and description not in adapter_names():
        raise ConfigError(
            f"--model {spec}: no description {description!r}; shipped are {', '.join(adapter_names())}, or "
            "give a .yaml file"
        )
    adapter: Adapter = parse(ADAPTER, read_yaml(file), str(file))
    named = adapter.file if isinstance(adapter, OnnxAdapter) else adapter.folder
    if not given and named is None:
        raise ConfigError(f"--model {spec}: says not where the model is; give --model {description}=FILE")
    return _open_adapter(spec, adapter, Path(given) if given else file.parent / str(named), device)


def _open_adapter(spec: str, adapter: Adapter, target: Path, device: str) -> Model:
    if isinstance(adapter, OnnxAdapter):
        return open_onnx(spec, adapter, target, device)
    if isinstance(adapter, TransformersAdapter):
        return open_transformers(
            spec, str(target), device, name=adapter.name, kind=adapter.kind, quantity=adapter.quantity
        )
    _check_folder(spec, target)
    return open_predictions(
        spec, target, name=adapter.name, kind=adapter.kind, steps=adapter.steps, quantity=adapter.quantity
    )


def _folder(spec: str, path: str, device: str) -> Model:
    return open_predictions(spec, Path(path))


def _check_folder(spec: str, folder: Path) -> None:
    if not folder.is_dir():
        raise ModelFileError(f"--model {spec}: {folder} is no folder")


_WAYS: Sequence[tuple[Callable[[str], bool], Callable[[str, str, str], Model]]] = (
    (lambda path: path.startswith(HUB), open_transformers),
    (lambda path: path.endswith(_YAML) or ("=" in path and not Path(path).exists()), _described),
    (lambda path: path.endswith(".safetensors"), open_checkpoint),
    (lambda path: (Path(path) / "config.json").is_file(), open_transformers),
    (lambda path: Path(path).is_dir(), _folder),
    (lambda path: path in adapter_names() and not Path(path).exists(), _described),
    (lambda path: True, open_model_file),
)
