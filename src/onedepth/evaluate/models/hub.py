"""Depth models of `transformers`, from a local folder or, if asked for by name, from the hub."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.depthmap import Kind
from onedepth.errors import ConfigError, ModelFileError
from onedepth.evaluate.models.base import Model, Raster, View, depth_of

HUB = "hf:"
_HUB_ADDRESS = "https://huggingface.co"
_PATIENCE = 5.0  # seconds until a hub that does not answer counts as out of reach
_BY_TYPE: dict[str, Kind] = {"zoedepth": "metric", "glpn": "metric", "depth_pro": "metric"}
_NEEDS_MORE = {"prompt_depth_anything": "a depth prompt beside the photo"}


def kind_of(config: dict[str, Any], where: str) -> Kind:
    """What a model puts out, read from its configuration; never guessed.

    Depth Anything states it. ZoeDepth, GLPN and Depth Pro put out metres after their post-processing. DPT
    puts out disparity with MiDaS's own backbones, and whatever it was trained for with others.

    Raises:
        ConfigError: The configuration does not say; the message says how to.
    """
    architecture = config.get("model_type")
    if architecture == "depth_anything":
        metric = config.get("depth_estimation_type", "relative") == "metric"
        return "metric" if metric else "affine_disparity"
    if architecture in _BY_TYPE:
        return _BY_TYPE[architecture]
    if architecture == "dpt" and config.get("backbone_config") is None and not config.get("backbone"):
        return "affine_disparity"
    needs = _NEEDS_MORE.get(str(architecture))
    if needs:
        raise ConfigError(f"{where}: {architecture} needs {needs}, which evaluation does not have")
    raise ConfigError(
        f"{where}: model type {architecture!r} does not say whether it puts out metres or disparity; write a "
        "description with `type: transformers`, `kind` and `quantity`, and give it as --model FILE.yaml"
    )


def open_transformers(
    spec: str,
    source: str,
    device: str,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    quantity: str | None = None,
) -> Model:
    """Open a depth model of `transformers`.

    Nothing is fetched for a local folder. Metres of disparity are inverted; maps keep the size that the
    processor's own post-processing gives them for the photo.

    Args:
        spec: As `--model` takes it.
        source: A folder with `config.json`, or `hf:ORGANISATION/NAME`.
        device: auto, cpu, cuda or mps.
        name: In tables; without it the last part of the source.
        kind: What it puts out, where its configuration does not say.
        quantity: Depth or disparity, with `kind`.

    Raises:
        ConfigError: The configuration does not say what comes out, or `transformers` is not installed.
        ModelFileError: The folder cannot be loaded.
    """
    where = source.removeprefix(HUB)
    local = not source.startswith(HUB)
    processor, network, place = _load(where, local, device)
    kind = kind or kind_of(network.config.to_dict(), source)
    invert = quantity == "disparity" and kind != "affine_disparity"

    def predict(view: View) -> Raster:
        try:
            values = _run(processor, network, place, view)
        except (
            RuntimeError,
            ValueError,
            TypeError,
        ) as error:  # what torch and transformers raise for a photo
            raise ModelFileError(f"{source}: cannot predict {view.id} ({error})") from error
        return depth_of(values) if invert else values

    weights = sorted(Path(where).glob("*")) if local else []
    files = tuple(path for path in weights if path.suffix in (".safetensors", ".json"))
    return Model(name or Path(where).name, kind, spec, files, predict)


def _load(where: str, local: bool, device: str) -> tuple[Any, Any, str]:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when transformers is imported
    try:
        import torch
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    except ModuleNotFoundError as error:
        raise ConfigError(f"{where}: needs {error.name}; run `pip install torch transformers`") from error
    if local:
        _check_folder(Path(where))
    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    reached = not local and _hub_answers()
    options: dict[str, Any] = {"local_files_only": not reached, "trust_remote_code": False}
    try:
        processor = AutoImageProcessor.from_pretrained(where, **options)  # type: ignore[no-untyped-call]
        network = AutoModelForDepthEstimation.from_pretrained(where, use_safetensors=True, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = f"transformers cannot load it ({str(error).splitlines()[0]})"
        if not local:
            reason = _NO_MODEL if reached else _NO_NETWORK
        raise ModelFileError(f"{where if local else HUB + where}: {reason}") from error
    return processor, network.eval().to(place), place


_NO_NETWORK = (
    "cannot be loaded: the hub cannot be reached and the cache does not hold it; check the network, or give "
    "a local folder of the model as --model FOLDER"
)
_NO_MODEL = (
    "cannot be loaded: the hub has no depth model of that name that may be read from here; check the name "
    "(and the login, if it is private), or give a local folder as --model FOLDER"
)


def _hub_answers() -> bool:
    """Whether the hub can be reached; asked once, because its client retries for minutes where it cannot."""
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    address = os.environ.get("HF_ENDPOINT", _HUB_ADDRESS)
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE).close()
    except urllib.error.HTTPError:
        return True  # an answer, if not a friendly one
    except (OSError, ValueError):
        return False
    return True


def _check_folder(folder: Path) -> None:
    path = folder / "config.json"
    try:
        json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: cannot be read as JSON ({error})") from error


def _run(processor: Any, network: Any, place: str, view: View) -> Raster:
    import torch

    inputs = processor(images=view.pixels, return_tensors="pt").to(place)
    with torch.inference_mode():
        outputs = network(**inputs)
    height, width = view.pixels.shape[:2]
    arguments: dict[str, Any] = {"target_sizes": [(height, width)]}
    if network.config.model_type == "zoedepth":
        arguments["source_sizes"] = [(height, width)]
    done = processor.post_process_depth_estimation(outputs, **arguments)
    return np.asarray(done[0]["predicted_depth"].float().cpu().numpy(), np.float32)
