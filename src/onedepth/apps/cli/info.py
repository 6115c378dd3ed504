"""`onedepth info`: what a model file is, or what a photo tells about its camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def info(
    target: Annotated[
        str | None, typer.Argument(help="A model file or a photo; without it the shipped model.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a model file is, or what is known of a photo's camera."""
    from onedepth.apps.cli._table import print_facts, print_json

    if target is not None and _is_photo(Path(target)):
        facts, json_facts = _photo_facts(Path(target))
    else:
        facts, json_facts = _model_facts(target)
    if as_json:
        print_json(json_facts)
    else:
        print_facts(str(json_facts["path"]), facts)


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


def _photo_facts(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from onedepth.apps.summary import source_text
    from onedepth.files.cameras import camera_to_dict
    from onedepth.files.images import read_photo
    from onedepth.predict.predictor import choose_camera

    photo = read_photo(path)
    camera = choose_camera(photo, None)
    width, height = photo.size
    facts: dict[str, Any] = {
        "size": f"{width} x {height} pixels ({width * height / 1e6:.1f} megapixels)",
        "focal length": f"{camera.focal:.5g} pixels",
        "its source": source_text(camera),
        "field of view": f"{camera.fov:.1f} degrees horizontal",
        "principal point": f"{camera.cx:g}, {camera.cy:g}",
    }
    if photo.notes:
        facts["notes"] = photo.notes
    data = {"path": str(path), "width": width, "height": height, "notes": list(photo.notes)}
    return facts, {**data, "fov": camera.fov, "camera": camera_to_dict(camera)}


def _model_facts(target: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    from onedepth.predict.modelfile import find_model, open_session, read_info

    path = find_model(target)
    model = read_info(open_session(path, "cpu"), path)
    near, far = model.depth_range
    facts: dict[str, Any] = {
        "model": model.title,
        "gives": "metric depth" if model.kind == "metric" else model.kind,
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
