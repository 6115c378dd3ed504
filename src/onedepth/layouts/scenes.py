"""Scene folders: `scene.json` beside `<id>.jpg` and 16-bit `<id>.png`, right views in `right/<id>.jpg`.

`scene.json` names the label, `depth_unit_m` (metres, or units, per PNG step) and the frames with their
cameras. Cameras there count pixel centres at integers; they are converted here, once.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, locate, pose_values, with_neighbours
from onedepth.layouts.walking import walk
from onedepth.manifest.record import Label, LabelKind, Record


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the records of all scenes at or below a folder, scene by scene in the order of their paths.

    Raises:
        DataError: No scene, or a broken one.
        ConfigError: An option was given: `scene.json` says everything.
    """
    accept_only(options, "scenes")
    for folder in find_scenes(root):
        below = folder.relative_to(root).as_posix()
        yield from read_scene(folder, f"{folder.parent.name}/{folder.name}" if below == "." else below)


def find_scenes(root: Path) -> list[Path]:
    """Folders with a `scene.json` at or below `root`, sorted.

    Raises:
        DataError: `root` is missing or holds no scene, or a link below it leaves it or leads in a circle.
    """
    if root.exists() and not root.is_dir():
        raise DataError(
            f"{root}: is a file, and by its name neither manifest (.jsonl, .jsonl.gz, .parquet) nor "
            "index.json of shards; expected one of these, or a folder of scenes"
        )
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one with scene.json in it or below it")
    scenes = sorted(folder for folder in walk(root) if (folder / "scene.json").is_file())
    if not scenes:
        raise DataError(f"{root}: no scene.json in it or below it")
    return scenes


def read_scene(folder: Path, name: str | None = None) -> list[Record]:
    """Records of one scene folder, in the order of the file; frames of a video know their neighbours.

    Args:
        folder: With `scene.json`.
        name: What the ids begin with; the last two parts of the folder's path unless given.

    Raises:
        DataError: `scene.json` is not valid JSON, lacks a field, or has one of the wrong kind.
    """
    path = folder / "scene.json"
    try:
        values = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    label = _field(values, "label", path, (str, NoneType))
    if label not in (*get_args(LabelKind), None):
        raise DataError(
            f"{path}: label is {label!r}, expected one of {', '.join(get_args(LabelKind))} or null"
        )
    unit = _field(values, "depth_unit_m", path, (int, float)) if label else 1.0
    if not 0 < unit < math.inf:
        raise DataError(f"{path}: depth_unit_m is {unit!r}, expected metres (or units) per step, > 0")
    rights = folder / "right"
    scene = _Scene(
        folder=folder,
        name=name or f"{folder.parent.name}/{folder.name}",
        means=label,
        unit=float(unit),
        rights=frozenset(file.name for file in rights.iterdir()) if rights.is_dir() else frozenset(),
        licence=_text(values, "licence"),
        source=_text(values, "source"),
    )
    records = [_record(scene, frame) for frame in _field(values, "frames", path, list)]
    return list(with_neighbours(records)) if values.get("video") else records


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the frames of a scene share."""

    folder: Path
    name: str
    means: LabelKind | None
    unit: float
    rights: frozenset[str]
    licence: str | None
    source: str | None


def _record(scene: _Scene, frame: Any) -> Record:
    path = scene.folder / "scene.json"
    name = _field(frame, "id", path, str)
    where = f"{path}: frame {name!r}"
    right, baseline, pose = (
        f"{name}.jpg" in scene.rights,
        frame.get("baseline_m"),
        frame.get("camera_to_world"),
    )
    if baseline is not None and not (isinstance(baseline, int | float) and 0 < baseline < math.inf):
        raise DataError(f"{where}: baseline_m is {baseline!r}, expected metres > 0")
    return Record(
        id=f"{scene.name}/{name}",
        image=locate(scene.folder / f"{name}.jpg"),
        label=_label(scene, name),
        camera=_camera(frame.get("camera"), f"{path}: camera of frame {name!r}"),
        scene=f"{scene.name}/{frame.get('scene', '')}".rstrip("/"),
        right=locate(scene.folder / "right" / f"{name}.jpg") if right else None,
        baseline=baseline if right else None,
        pose=None if pose is None else pose_values(pose, where),
        licence=scene.licence,
        source=scene.source,
    )


def _label(scene: _Scene, name: str) -> Label | None:
    if scene.means is None:
        return None
    return Label(
        file=locate(scene.folder / f"{name}.png"),
        kind=scene.means,
        quantity="disparity" if scene.means == "affine" else "depth",
        scale=scene.unit,
    )


def _camera(values: Any, where: str) -> Camera | None:
    if values is None:
        return None
    try:
        return camera_at_integers(values)
    except KeyError as error:
        raise DataError(f"{where}: field {error} is missing") from error
    except (CameraError, TypeError) as error:
        raise DataError(f"{where} is not valid: {error}") from error


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


def _text(values: dict[str, Any], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) and value else None


def _field(values: Any, key: str, path: Path, kinds: type | tuple[type, ...]) -> Any:
    if not isinstance(values, dict):
        raise DataError(f"{path}: found {str(values)[:40]!r}, expected an object with a field {key!r}")
    if key not in values:
        raise DataError(f"{path}: field {key!r} is missing")
    value = values[key]
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise DataError(f"{path}: field {key!r} is of the wrong kind: {str(value)[:40]!r}")
    return value
