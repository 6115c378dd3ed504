"""From a checkpoint to a model file: export, join, compare, and only then put it in place."""

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnx import ModelProto, helper

from onedepth import __version__
from onedepth.depthmap import Kind
from onedepth.errors import ConfigError, ModelFileError
from onedepth.files.atomic import atomic_path
from onedepth.files.image_search import find_images
from onedepth.files.images import read_photo
from onedepth.networks import DepthNet, load_checkpoint
from onedepth.networks.checkpoint import read_header
from onedepth.predict.metadata import METADATA_KEY, ModelInfo
from onedepth.train.export.calibration import CalibrationSet, find_photos
from onedepth.train.export.gate import INT8_TOLERANCE, Int8Report, compare_int8
from onedepth.train.export.graph import build_model
from onedepth.train.export.int8 import quantise
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
class Int8:
    """How to make a file in 8 bits.

    Attributes:
        photos: Manifests, folders of scenes, or photos to calibrate on; every fourth is compared on instead.
        count: How many photos, all together.
        tolerance: Largest mean relative difference of metres from the float model.
    """

    photos: Sequence[str | os.PathLike[str]]
    count: int = 96
    tolerance: float = INT8_TOLERANCE


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
        int8: Write the file in 8 bits.
    """

    checkpoint: Path
    output: Path
    name: str | None = None
    version: str = "1"
    licence: str | None = None
    tolerance: float = TOLERANCE
    overwrite: bool = False
    images: Sequence[str | os.PathLike[str]] = ()
    int8: Int8 | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, how near it is to torch on every photo, and for int8 how near to float."""

    path: Path
    info: ModelInfo
    photos: int
    differences: tuple[Difference, ...]
    int8: Int8Report | None = None

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
        ConfigError: A tolerance or the output's name cannot be used, the output exists, or there are too few
            photos to calibrate on.
        ModelFileError: The checkpoint cannot be read, the network cannot be exported or quantised, or the
            file differs from torch, or the one in int8 from that in float, by more than the tolerance.
        ImageError: A photo cannot be read.
    """
    _check(request)
    images = find_images(request.images) if request.images else sorted(EXAMPLES.glob("*.jpg"))
    photos = [(str(path), read_photo(path).pixels) for path in images]
    calibration = find_photos(request.int8.photos, request.int8.count) if request.int8 else None
    network = load_checkpoint(request.checkpoint)
    info = describe(network, read_header(request.checkpoint), request)
    model = build_model(export_network(network), network.config, info)
    report = None
    with atomic_path(request.output) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        differences = _verify(temporary, network, photos, request)
        if calibration is not None:
            model, info, report = _to_int8(model, info, calibration, request)
            temporary.write_bytes(model.SerializeToString(deterministic=True))
    return Exported(request.output, info, len(photos), differences, report)


def describe(network: DepthNet, header: Mapping[str, Any], request: Request) -> ModelInfo:
    """What the model file will say about itself, from the checkpoint's header and the request."""
    recipe = _object(header.get("recipe"))
    sources = _items(header.get("sources") or recipe.get("sources"))
    config = network.config
    by_default = str(recipe.get("name") or request.output.stem)
    return ModelInfo(
        name=request.name or (by_default if request.int8 is None else _int8_name(by_default)),
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


def _int8_name(name: str) -> str:
    """Two files of one training must not look alike in results."""
    return name if "int8" in name else f"{name}_int8"


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
    for tolerance in (request.tolerance, request.int8.tolerance if request.int8 else INT8_TOLERANCE):
        if not 0 < tolerance < 1:
            raise ConfigError(f"tolerance {tolerance:g}: expected a number between 0 and 1")


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


def _to_int8(
    model: ModelProto, info: ModelInfo, calibration: CalibrationSet, request: Request
) -> tuple[ModelProto, ModelInfo, Int8Report]:
    """Quantise, compare with float, and note both in the metadata."""
    assert request.int8 is not None
    quantised = quantise(model, calibration.used)
    report = compare_int8(quantised, model, calibration.held_back, len(calibration.used))
    if not report.within(request.int8.tolerance):
        raise ModelFileError(
            f"{request.output}: not written, its metres in int8 differ from float by {report.difference:.2g} "
            f"relative in the mean of {report.held_back} photos held back (worst {report.worst:.2g}: "
            f"{report.worst_photo}); allowed are {request.int8.tolerance:g}; calibrate on more photos of the "
            "kind it is for, or export it without int8"
        )
    noted = {
        **info.network,
        "precision": "int8",
        "int8": {
            "weights": "int8 per channel, 7 bits used",
            "activations": "uint8",
            "calibrated_on": report.calibrated,
            "compared_on": report.held_back,
            "mean_difference_from_float": round(report.difference, 5),
        },
    }
    info = replace(info, network=noted)
    helper.set_model_props(quantised, {METADATA_KEY: info.to_json()})
    return quantised, info, report


def _claim(sources: Sequence[Any]) -> Kind:
    """The kind of depth that the labels of a training vouch for; metres only where some were in metres."""
    taught = {str(_object(source).get("kind", "metric")) for source in sources}
    return next((kind for kind, teachers in _CLAIMS if taught & teachers), "metric")


def _title(source: Any) -> str:
    """What people call a data set: the title of a source, else its name."""
    fields = _object(source)
    return str(fields.get("title") or fields.get("name") or source)
