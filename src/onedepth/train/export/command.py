"""From a checkpoint to a model file: export, join, compare, and only then put it in place."""

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onedepth import __version__
from onedepth.depthmap import Kind
from onedepth.errors import ConfigError, ModelFileError
from onedepth.files.atomic import atomic_path
from onedepth.files.image_search import find_images
from onedepth.files.images import read_photo
from onedepth.networks import DepthNet, load_checkpoint
from onedepth.networks.checkpoint import read_header
from onedepth.predict.metadata import ModelInfo
from onedepth.train.export.graph import build_model
from onedepth.train.export.network import export_network
from onedepth.train.export.verify import (
    GREY_LEVELS,
    TOLERANCE,
    Difference,
    Pixels,
    compare,
    generated_photos,
)

SUFFIX = ".onnx"
EXAMPLES = Path(__file__).resolve().parents[4] / "examples"  # of a source checkout
_NO_LICENCE = "unspecified"

# What a network may claim: the first row whose kinds of supervision one of its sources had.
_CLAIMS: tuple[tuple[Kind, frozenset[str]], ...] = (
    ("metric", frozenset({"metric", "coarse"})),
    ("scaled", frozenset({"scaled", "video"})),
    ("affine_disparity", frozenset({"affine"})),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to export and how.

    Attributes:
        checkpoint: Written by `onedepth train`.
        output: The model file to write, `*.onnx`.
        name: Name of the model; by default that of the recipe, without one that of the output file.
        version: Version of the model.
        licence: Licence of the weights; by default that of the recipe.
        tolerance: Largest relative difference of metres between the file and torch.
        overwrite: Replace an existing file.
        images: Photos, folders or patterns to compare on, beside the generated pictures; by default the
            example photos of a source checkout, where there is one.
    """

    checkpoint: Path
    output: Path
    name: str | None = None
    version: str = "1"
    licence: str | None = None
    tolerance: float = TOLERANCE
    overwrite: bool = False
    images: Sequence[str | os.PathLike[str]] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how near it is to torch on every photo."""

    path: Path
    info: ModelInfo
    photos: int
    differences: tuple[Difference, ...]

    @property
    def pictures(self) -> int:
        """How many generated pictures it was compared on, beside the photos."""
        return len(self.differences) - self.photos

    @property
    def worst(self) -> Difference:
        """The photo with the largest difference of metres."""
        return max(self.differences, key=lambda difference: difference.metres)


def export_checkpoint(request: Request) -> Exported:
    """Write a model file that agrees with torch, or nothing.

    Raises:
        ConfigError: The tolerance or the output's name cannot be used, or the output exists.
        ModelFileError: The checkpoint cannot be read, the network cannot be exported, or the file differs
            from torch by more than the tolerance.
        ImageError: A photo cannot be read.
    """
    _check(request)
    images = find_images(request.images) if request.images else sorted(EXAMPLES.glob("*.jpg"))
    photos = [(str(path), read_photo(path).pixels) for path in images]
    network = load_checkpoint(request.checkpoint)
    info = describe(network, read_header(request.checkpoint), request)
    model = build_model(export_network(network), network.config, info)
    with atomic_path(request.output) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        differences = _verify(temporary, network, photos, request)
    return Exported(request.output, info, len(photos), differences)


def describe(network: DepthNet, header: Mapping[str, Any], request: Request) -> ModelInfo:
    """What the model file will say about itself, from the checkpoint's header and the request."""
    recipe = _object(header.get("recipe"))
    sources = _items(header.get("sources") or recipe.get("sources"))
    config = network.config
    return ModelInfo(
        name=request.name or str(recipe.get("name") or request.output.stem),
        version=request.version,
        kind=_claim(sources),
        canonical_focal=config.canonical_focal,
        input_sizes=config.input_sizes,
        network=config.model_dump(mode="json"),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        training_data=tuple(dict.fromkeys(_title(source) for source in sources)),
        licence=request.licence or str(recipe.get("licence") or _NO_LICENCE),
        depth_range=config.depth_range,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        onedepth=__version__,
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _check(request: Request) -> None:
    if request.output.suffix != SUFFIX:
        raise ConfigError(f"{request.output}: a model file's name ends in {SUFFIX}")
    if request.output.exists() and not request.overwrite:
        raise ConfigError(f"{request.output}: exists already; add --overwrite to replace it")
    if not request.version:
        raise ConfigError("model version is empty; expected a text such as 1.0")
    if not 0 < request.tolerance < 1:
        raise ConfigError(f"tolerance {request.tolerance:g}: expected a number between 0 and 1")


def _verify(
    path: Path, network: DepthNet, photos: Sequence[tuple[str, Pixels]], request: Request
) -> tuple[Difference, ...]:
    differences = tuple(compare(path, network, [*photos, *generated_photos(network.config)]))
    for found in differences:
        if not found.within(request.tolerance):
            raise ModelFileError(
                f"{request.output}: not written, its metres differ from torch by {found.metres:.2g} relative "
                f"and its resized photo by {found.grey_levels} grey levels on {found.photo}; allowed are "
                f"{request.tolerance:g} and {GREY_LEVELS}"
            )
    return differences


def _claim(sources: Sequence[Any]) -> Kind:
    """The kind of depth that the labels of a training vouch for; metres only where some were in metres."""
    taught = {str(_object(source).get("kind", "metric")) for source in sources}
    return next((kind for kind, teachers in _CLAIMS if taught & teachers), "metric")


def _title(source: Any) -> str:
    """What people call a data set: the title of a source, else its name."""
    fields = _object(source)
    return str(fields.get("title") or fields.get("name") or source)
