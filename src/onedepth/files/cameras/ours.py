"""Our camera files: JSON with the fields of `Camera`, pixel centres at integer + 0.5 (nothing to convert)."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

from onedepth.camera import Camera
from onedepth.distortion import Distortion, Fisheye, RadialTangential
from onedepth.errors import CameraError
from onedepth.files.atomic import atomic_path

_LENSES: dict[str, type[Distortion]] = {"radial_tangential": RadialTangential, "fisheye": Fisheye}


def camera_to_dict(camera: Camera) -> dict[str, Any]:
    """The camera as plain JSON values; `camera_from_dict` undoes it exactly."""
    values: dict[str, Any] = {f.name: getattr(camera, f.name) for f in fields(camera)}
    lens = values.pop("distortion")
    if lens is not None:
        model = next(name for name, kind in _LENSES.items() if isinstance(lens, kind))
        values["distortion"] = {"model": model, **asdict(lens)}
    return values


def camera_from_dict(values: Any) -> Camera:
    """Make a camera of plain JSON values.

    Args:
        values: width, height, fx, fy, cx, cy, and optionally distortion ({"model": "radial_tangential" or
            "fisheye", and its coefficients}), focal_source and focal_uncertainty.

    Raises:
        CameraError: When a key is missing or unknown (the nearest known one is named) or a value is wrong.
    """
    checked = dict(_check_keys(values, Camera, "camera"))
    if checked.get("distortion") is not None:
        checked["distortion"] = _lens(checked["distortion"])
    return Camera(**checked)


def write_camera(camera: Camera, path: str | os.PathLike[str]) -> None:
    """Write a camera as JSON, whole or not at all; numbers keep all their digits.

    Raises:
        CameraError: When the name does not end in .json, by which the format is recognised.
        OneDepthError: When the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise CameraError(f"{path}: cameras are written as JSON; name it {path.with_suffix('.json').name}")
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(camera_to_dict(camera), indent=2) + "\n", encoding="utf-8")


def parse(text: str, name: str | None, size: tuple[int, int] | None) -> Camera:
    """Camera of the text of a file; there is only one in it, so `name` must be None."""
    if name is not None:
        raise CameraError(f"holds one camera, but camera {name!r} was asked for; leave the name out")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CameraError(f"not valid JSON ({error})") from error
    return camera_from_dict(values)


def _lens(values: Any) -> Distortion:
    if not isinstance(values, Mapping) or "model" not in values:
        raise CameraError(f'distortion must be {{"model": ..., coefficients}}, found {values!r}')
    coefficients = dict(values)
    model = coefficients.pop("model")
    if model not in list(_LENSES):
        raise CameraError(f"unknown distortion model {model!r}{_nearest(str(model), _LENSES)}")
    lens = _LENSES[model]
    return lens(**_check_keys(coefficients, lens, f"{model} distortion"))


def _check_keys(values: Any, kind: type, what: str) -> Mapping[str, Any]:
    """The values, when they have the fields of this dataclass: all that need one, and no others."""
    if not isinstance(values, Mapping):
        raise CameraError(f"{what} must be a JSON object, found {type(values).__name__}")
    known = {f.name: f.default is MISSING for f in fields(kind)}
    for key in values:
        if key not in known:
            raise CameraError(f"unknown {what} key {key!r}{_nearest(str(key), known)}")
    if missing := [key for key, needed in known.items() if needed and key not in values]:
        raise CameraError(f"{what} lacks {', '.join(missing)}; expected {', '.join(known)}")
    return values


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; expected {', '.join(known)}"
