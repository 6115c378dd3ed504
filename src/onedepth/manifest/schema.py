"""The JSON Schema of a line of a manifest, for other programs; published as docs/manifest.schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from onedepth.files.atomic import atomic_path
from onedepth.manifest.record import Record

_NUMBER = {"type": "number"}
_ABOVE_0 = {"type": "number", "exclusiveMinimum": 0}
_SIDE = {"type": "integer", "minimum": 1}
_CAMERA = {
    "type": "object",
    "description": "In pixels of the stored image, pixel centres at integer + 0.5; and the lens distortion.",
    "properties": {
        "width": _SIDE,
        "height": _SIDE,
        "fx": _ABOVE_0,
        "fy": _ABOVE_0,
        "cx": _NUMBER,
        "cy": _NUMBER,
        "distortion": {
            "type": "object",
            "properties": {
                "model": {"enum": ["radial_tangential", "fisheye"]},
                **{name: _NUMBER for name in ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")},
            },
            "required": ["model"],
            "additionalProperties": False,
        },
        "focal_source": {"enum": ["given", "exif", "assumed"]},
        "focal_uncertainty": {"type": "number", "minimum": 0},
    },
    "required": ["width", "height", "fx", "fy", "cx", "cy"],
    "additionalProperties": False,
}


def manifest_schema() -> dict[str, Any]:
    """The schema of one line, draft 2020-12; `Record` says what the fields mean."""
    schema = Record.model_json_schema()
    schema["properties"]["camera"]["anyOf"][0] = {"$ref": "#/$defs/Camera"}
    schema["$defs"]["Camera"] = _CAMERA
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema(path: Path) -> None:
    """Write the schema as it is published.

    Raises:
        OneDepthError: The file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(manifest_schema(), indent=2) + "\n", encoding="utf-8")
