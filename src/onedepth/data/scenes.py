"""Reader of scene folders: `scene.json` beside `<id>.jpg` and 16-bit `<id>.png` labels.

`scene.json` names the label (`metric`), `depth_unit_m` (metres per PNG step) and the frames with their cameras.
Cameras there count pixel centres at integers; they are converted here, once.
"""

import json
from pathlib import Path
from typing import Any

from onedepth.camera import Camera
from onedepth.data.sample import Record
from onedepth.errors import CameraError, DataError


def find_scenes(root: Path) -> list[Path]:
    """Folders with a `scene.json` at or below `root`, sorted.

    Raises:
        DataError: `root` is missing or holds no scene.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one with scene.json in it or below it")
    scenes = sorted(path.parent for path in root.rglob("scene.json"))
    if not scenes:
        raise DataError(f"{root}: no scene.json in it or below it")
    return scenes


def read_scene(folder: Path) -> list[Record]:
    """Records of one scene folder; frames without a camera or a label are left out.

    A metric label says nothing without a focal length, so such a frame is no sample rather than a guess.

    Raises:
        DataError: `scene.json` is not valid JSON, lacks a field, or its label is not metric depth.
    """
    path = folder / "scene.json"
    try:
        scene = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    label = _field(scene, "label", path)
    if label != "metric":
        raise DataError(f"{path}: label is {label!r}, expected 'metric'")
    unit = _field(scene, "depth_unit_m", path)
    return [
        _record(folder, frame, unit, path) for frame in _field(scene, "frames", path) if frame.get("camera")
    ]


def _record(folder: Path, frame: dict[str, Any], unit: float, path: Path) -> Record:
    name = _field(frame, "id", path)
    try:
        camera = camera_at_integers(frame["camera"])
    except (CameraError, KeyError, TypeError) as error:
        raise DataError(f"{path}: camera of frame {name!r} is not valid: {error}") from error
    return Record(
        id=f"{folder.parent.name}/{folder.name}/{name}",
        image=folder / f"{name}.jpg",
        label=folder / f"{name}.png",
        depth_unit=unit,
        camera=camera,
        scene=f"{folder.name}/{frame.get('scene', '')}",
    )


def camera_at_integers(values: dict[str, Any]) -> Camera:
    """A camera whose source counts pixel centres at integers, in our convention (centres at integer + 0.5)."""
    return Camera(
        width=values["width"],
        height=values["height"],
        fx=values["fx"],
        fy=values["fy"],
        cx=values["cx"] + 0.5,
        cy=values["cy"] + 0.5,
    )


def _field(values: dict[str, Any], key: str, path: Path) -> Any:
    if key not in values:
        raise DataError(f"{path}: field {key!r} is missing")
    return values[key]
