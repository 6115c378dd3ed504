"""`onedepth info`: what a file is: a model, a photo and its camera, a depth map, or a camera file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from onedepth.camera import Camera

_Facts = tuple[dict[str, Any], dict[str, Any]]
"""What is shown to people, and what to programs."""

_DEPTH_SUFFIXES = (".npz", ".exr", ".pfm", ".ply", ".glb")
_CAMERA_SUFFIXES = (".json", ".yaml", ".yml", ".txt")


def info(
    target: Annotated[
        str | None,
        typer.Argument(help="A model file, photo, depth file or camera file; without it the shipped model."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a file is: a model, a photo (and its camera), a depth map, or a camera file."""
    from onedepth.apps.cli._table import print_facts, print_json

    facts, json_facts = _model_facts(None) if target is None else _teller(Path(target))(Path(target))
    if as_json:
        print_json(json_facts)
    else:
        print_facts(str(json_facts["path"]), facts)


def _teller(path: Path) -> Callable[[Path], _Facts]:
    """Choose who describes a file: by content for what our depth maps and photos are, else by its suffix."""
    from onedepth.files.image_kinds import is_depth_image

    if not path.is_file():
        return _photo_facts if _is_photo(path) else _model_facts
    if path.suffix.lower() in _DEPTH_SUFFIXES or is_depth_image(path):
        return _depth_facts
    if _is_photo(path):
        return _photo_facts
    return _camera_facts if path.suffix.lower() in _CAMERA_SUFFIXES else _model_facts


def _depth_facts(path: Path) -> _Facts:
    import numpy as np

    from onedepth.files.cameras import camera_to_dict
    from onedepth.files.depth_formats import read_depth

    depth = read_depth(path)
    height, width = depth.shape
    known = depth.values[depth.valid]
    levels = [float(level) for level in np.percentile(known, (0, 50, 100))] if known.size else None
    facts: dict[str, Any] = {
        "depth map": f"{depth.kind}, in {depth.unit}",
        "size": f"{width} x {height} pixels",
        "with depth": f"{100 * depth.valid.mean():.4g} % of pixels",
        "values": "none" if levels is None else "{0:.4g} to {2:.4g}, median {1:.4g}".format(*levels),
        "from": depth.source,
    }
    data = {
        "path": str(path), "kind": depth.kind, "unit": depth.unit, "width": width, "height": height,
        "valid": float(depth.valid.mean()), "range": levels and [levels[0], levels[2]],
        "median": levels and levels[1], "source": depth.source,
        "camera": None if depth.camera is None else camera_to_dict(depth.camera),
    }  # fmt: skip
    if depth.camera is None:
        return {**facts, "camera": "not in the file"}, data
    return facts | _camera_lines(depth.camera), data


def _camera_facts(path: Path) -> _Facts:
    from onedepth.files.cameras import camera_to_dict, read_camera

    camera = read_camera(path)
    facts = {"camera file": f"for photos of {camera.width} x {camera.height} pixels", **_camera_lines(camera)}
    return facts, {"path": str(path), "fov": camera.fov, "camera": camera_to_dict(camera)}


def _camera_lines(camera: Camera) -> dict[str, Any]:
    from onedepth.apps.summary import source_text

    return {
        "focal length": f"{camera.focal:.5g} pixels",
        "its source": source_text(camera),
        "field of view": f"{camera.fov:.1f} degrees horizontal",
        "principal point": f"{camera.cx:g}, {camera.cy:g}",
        "lens distortion": "none" if camera.distortion is None else str(camera.distortion),
    }


def _is_photo(path: Path) -> bool:
    """Whether to read a path as a photo: by content, and where that says nothing by its name."""
    from onedepth.files.image_kinds import IMAGE_SUFFIXES, image_kind

    try:
        with path.open("rb") as file:
            if image_kind(file.read(64)):
                return True
    except OSError:
        pass
    return path.suffix.lower() in IMAGE_SUFFIXES


def _photo_facts(path: Path) -> _Facts:
    from onedepth.files.cameras import camera_to_dict
    from onedepth.files.images import read_photo
    from onedepth.predict.predictor import choose_camera

    photo = read_photo(path)
    camera = choose_camera(photo, None)
    width, height = photo.size
    facts: dict[str, Any] = {
        "photo": f"{width} x {height} pixels ({width * height / 1e6:.1f} megapixels)",
        **_camera_lines(camera),
    }
    if photo.notes:
        facts["notes"] = photo.notes
    data = {"path": str(path), "width": width, "height": height, "notes": list(photo.notes)}
    return facts, {**data, "fov": camera.fov, "camera": camera_to_dict(camera)}


def _model_facts(target: Path | None) -> _Facts:
    from onedepth.depthmap import UNITS
    from onedepth.predict.modelfile import find_model, open_session, read_info

    path = find_model(target)
    model = read_info(open_session(path, "cpu"), path)
    near, far = model.depth_range
    facts: dict[str, Any] = {
        "model": model.title,
        "gives": f"{model.kind}, in {UNITS[model.kind]}",
        "file": f"{path.stat().st_size / 2**20:.1f} MiB, {model.parameters / 1e6:.2f} million parameters",
        "trained on": model.training_data,
        "depths seen": f"{near:g} to {far:g} m",
        "licence": model.licence,
        "network sizes": [f"{width} x {height}" for width, height in model.input_sizes],
        "canonical focal": f"{model.canonical_focal:g} pixels",
        "network": {name: value for name, value in model.network.items() if _is_new(name, value)},
        "exported": f"{model.created} by OneDepth {model.onedepth}, format {model.format}",
    }
    return facts, {"path": str(path), "bytes": path.stat().st_size, **model.to_dict()}


def _is_new(name: str, value: object) -> bool:
    """Whether an entry of the network's configuration says what no other fact does, in one line."""
    from onedepth.predict.metadata import ModelInfo

    return name not in ModelInfo.__dataclass_fields__ and not isinstance(value, dict)
