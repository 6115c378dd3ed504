"""What a model file is: the graph's inputs and output, and the metadata it carries.

The graph is the contract between `export`, which writes it, and `predict`, which runs it:

========  ===============  ==========================================================
input     ``image``        uint8 (H, W, 3), RGB, any height and width
input     ``focal``        float32 (2,), the focal lengths (fx, fy) of that image in pixels
output    ``depth``        float32 (H, W), z-depth in metres
metadata  ``onedepth``     JSON, the fields of `ModelInfo`
========  ===============  ==========================================================
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from onedepth.depthmap import KINDS, Kind
from onedepth.errors import ModelFileError
from onedepth.predict.depth_errors import ErrorRange, parse_errors

FORMAT_VERSION = 1
"""The newest layout of graph and metadata that this version of OneDepth reads and writes."""

METADATA_KEY = "onedepth"
"""Name of the entry of the ONNX file's `metadata_props` that holds the JSON of `ModelInfo`."""

INPUT_IMAGE, INPUT_FOCAL, OUTPUT_DEPTH = "image", "focal", "depth"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a model file says about itself.

    Attributes:
        name: Name of the model, such as `onedepth_v1`.
        version: Version of the model (not of the package).
        kind: What the graph's depth is good for: `metric` metres; `scaled` right up to one factor per photo;
            `affine_disparity` its inverse is right up to scale and shift.
        canonical_focal: Focal length in pixels of the camera whose depth the network predicts.
        input_sizes: The (width, height) pairs the network runs at; the one nearest in aspect is taken.
        network: Configuration of the network, as the recipe gave it.
        parameters: Number of weights.
        training_data: Names of the data sets the weights have seen.
        licence: Licence of the weights.
        depth_range: Smallest and largest training label in metres.
        created: ISO date of the export.
        onedepth: Version of the package that exported the file.
        format: Layout version of graph and metadata.
        depth_errors: Error by range of depth, measured on validation data; empty in files without it.
    """

    name: str
    version: str
    canonical_focal: float
    input_sizes: tuple[tuple[int, int], ...]
    network: Mapping[str, Any]
    parameters: int
    training_data: tuple[str, ...]
    licence: str
    depth_range: tuple[float, float]
    created: str
    onedepth: str
    kind: Kind = "metric"
    format: int = FORMAT_VERSION
    depth_errors: tuple[ErrorRange, ...] = ()

    @property
    def title(self) -> str:
        """Name and version for people, such as `onedepth_v1 (version 1)`."""
        return f"{self.name} (version {self.version})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values; optional ones only if they say something."""
        values = {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value or name not in _OPTIONAL}

    def to_json(self) -> str:
        """Return the text that belongs into the model file under `METADATA_KEY`."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, where: str = "model file") -> ModelInfo:
        """Read the metadata strictly: every needed field present, of the right type, and none unknown.

        Args:
            text: The JSON text.
            where: Name of the file, for the error message.

        Raises:
            ModelFileError: If the text is not such JSON, or is of a newer format version.
        """
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise ModelFileError(
                f"{where}: its OneDepth metadata is not JSON ({error}); export it again"
            ) from None
        if not isinstance(fields, dict):
            raise ModelFileError(f"{where}: its OneDepth metadata is not a JSON object; export it again")
        return cls.from_dict(fields, where)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], where: str = "model file") -> ModelInfo:
        """Like `from_json`, from the parsed JSON object."""
        _check_format(fields.get("format"), where)
        names = {field.name for field in dataclasses.fields(cls)}
        for title, odd in (("lacks", names - _OPTIONAL - set(fields)), ("has unknown", set(fields) - names)):
            if odd:
                raise ModelFileError(
                    f"{where}: its OneDepth metadata {title} {', '.join(sorted(odd))}; export it again"
                )
        values: dict[str, Any] = {}
        for name, parse in _FIELDS.items():
            if name not in fields:
                continue
            try:
                values[name] = parse(fields[name])
            except (TypeError, ValueError) as error:
                raise ModelFileError(
                    f"{where}: metadata field {name!r} is {fields[name]!r}, {error}"
                ) from None
        return cls(**values)


def _check_format(found: object, where: str) -> None:
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ModelFileError(f"{where}: metadata field 'format' is {found!r}, expected a version number")
    if found > FORMAT_VERSION:
        raise ModelFileError(
            f"{where}: model format {found} is newer than {FORMAT_VERSION}, the newest that this version "
            "of OneDepth reads; get a newer one (in a checkout: update it, then `pip install --upgrade .`)"
        )


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("expected a whole number above 0")
    return value


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("expected a number above 0")
    return float(value)


def _items(value: object) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list")
    return list(value)


def _pair(value: object) -> tuple[Any, Any]:
    items = _items(value)
    if len(items) != 2:
        raise ValueError("expected two values")
    return items[0], items[1]


def _sizes(value: object) -> tuple[tuple[int, int], ...]:
    sizes = tuple((_count(width), _count(height)) for width, height in map(_pair, _items(value)))
    if not sizes:
        raise ValueError("expected at least one [width, height]")
    return sizes


def _range(value: object) -> tuple[float, float]:
    low, high = map(_positive, _pair(value))
    if low >= high:
        raise ValueError("expected [smallest, largest] metres")
    return low, high


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("expected an object")
    return dict(value)


def _kind(value: object) -> Kind:
    if value not in KINDS:
        raise ValueError(f"expected one of {', '.join(KINDS)}")
    return value


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "format": _count,
    "name": _text,
    "version": _text,
    "kind": _kind,
    "canonical_focal": _positive,
    "input_sizes": _sizes,
    "network": _object,
    "parameters": _count,
    "training_data": lambda value: tuple(map(_text, _items(value))),
    "licence": _text,
    "depth_range": _range,
    "created": _text,
    "onedepth": _text,
    "depth_errors": parse_errors,
}

_OPTIONAL = {"depth_errors"}
