"""Reader of scene folders: `scene.json` beside `<id>.jpg` and 16-bit `<id>.png` labels.

`scene.json` names the label, `depth_unit_m` (metres, or units, per PNG step) and the frames with their
cameras. Cameras there count pixel centres at integers; they are converted here, once.
"""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from onedepth.camera import Camera
from onedepth.data.sample import Label, Record
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
    """Records of one scene folder, in the order of the file; frames of a video know their neighbours.

    Raises:
        DataError: `scene.json` is not valid JSON, lacks a field, or has one of the wrong kind.
    """
    path = folder / "scene.json"
    try:
        scene = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    label = _field(scene, "label", path, (str, NoneType))
    if label not in (*get_args(Label), None):
        raise DataError(f"{path}: label is {label!r}, expected one of {', '.join(get_args(Label))} or null")
    unit = _field(scene, "depth_unit_m", path, (int, float)) if label else 1.0
    if not 0 < unit < math.inf:
        raise DataError(f"{path}: depth_unit_m is {unit!r}, expected metres (or units) per step, > 0")
    records = [_record(folder, frame, label, unit, path) for frame in _field(scene, "frames", path, list)]
    return _with_neighbours(records) if scene.get("video") else records


def _record(folder: Path, frame: Any, label: Label | None, unit: float, path: Path) -> Record:
    name = _field(frame, "id", path, str)
    camera = None
    if frame.get("camera") is not None:
        try:
            camera = camera_at_integers(frame["camera"])
        except KeyError as error:
            raise DataError(f"{path}: camera of frame {name!r}: field {error} is missing") from error
        except (CameraError, TypeError) as error:
            raise DataError(f"{path}: camera of frame {name!r} is not valid: {error}") from error
    return Record(
        id=f"{folder.parent.name}/{folder.name}/{name}",
        image=folder / f"{name}.jpg",
        label=folder / f"{name}.png" if label else None,
        means=label,
        unit=unit,
        camera=camera,
        scene=f"{folder.name}/{frame.get('scene', '')}",
    )


def _with_neighbours(records: list[Record]) -> list[Record]:
    """Give every frame the images before and after it, where both belong to the same clip."""
    between = [
        replace(now, neighbours=(before.image, after.image))
        if before.scene == now.scene == after.scene
        else now
        for before, now, after in zip(records, records[1:], records[2:], strict=False)
    ]
    return [*records[:1], *between, *records[1:][-1:]] if len(records) > 1 else records


def camera_at_integers(values: dict[str, Any]) -> Camera:
    """Translate intrinsics that count pixel centres at integers into our convention, integer + 0.5."""
    return Camera(
        width=values["width"],
        height=values["height"],
        fx=values["fx"],
        fy=values["fy"],
        cx=values["cx"] + 0.5,
        cy=values["cy"] + 0.5,
    )


def _field(values: Any, key: str, path: Path, kinds: type | tuple[type, ...]) -> Any:
    if not isinstance(values, dict):
        raise DataError(f"{path}: found {str(values)[:40]!r}, expected an object with a field {key!r}")
    if key not in values:
        raise DataError(f"{path}: field {key!r} is missing")
    value = values[key]
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise DataError(f"{path}: field {key!r} is of the wrong kind: {str(value)[:40]!r}")
    return value
