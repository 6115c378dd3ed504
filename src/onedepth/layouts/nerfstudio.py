"""nerfstudio: `transforms.json` with `depth_file_path`.

Source: docs.nerf.studio/quickstart/data_conventions and `nerfstudio_dataparser.py`. Camera to world with
OpenGL axes (y up, looking along -z), turned into OpenCV's here. `cx`, `cy` count from the image's edge, as
here (nerfstudio shoots its rays through pixel + 0.5 and takes COLMAP's numbers as they are). Intrinsics
stand at the top or in each frame; of `k1` to `k6`, `p1`, `p2` the camera model decides: OPENCV_FISHEYE is
our fisheye, anything else OpenCV's model. Depth is z-depth, stored numbers (PNG or npy) times
`depth_unit_scale_factor`, 0.001 unless the file or `--scale` says otherwise. A label narrower than its image
is `coarse` (phones), others are `metric`; `--kind scaled` is right where the depth is not in metres. Poses
are divided by `applied_scale`. Splits are `train_filenames`, `val_filenames` and `test_filenames`.

Not read: masks, and neighbours, because the order of frames need not be that of time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.camera import Camera
from onedepth.distortion import Distortion, Fisheye, RadialTangential
from onedepth.errors import CameraError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    check_size,
    choose,
    from_opengl,
    image_size,
    kind_by_size,
    locate,
    make_camera,
    pose_values,
)
from onedepth.layouts.tables import field, read_json
from onedepth.layouts.walking import data_root, existing, folders_with, inside
from onedepth.manifest.record import Encoding, Label, LabelKind, Record

_NUMBER = (int, float)
_SPLITS = ("train", "val", "test")
_PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
_ENCODINGS: Mapping[str, Encoding] = {
    ".png": "png16",
    ".npy": "npy",
    ".exr": "exr",
    ".tiff": "tiff",
    ".tif": "tiff",
}
_UNIT = 0.001  # metres per step: default of nerfstudio


@dataclass(frozen=True, slots=True)
class _Capture:
    """One transforms.json: its path, its object, the splits of its files, and what was asked for."""

    path: Path
    root: Path
    top: dict[str, Any]
    splits: dict[str, str]
    options: LayoutOptions


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of every transforms.json at or below `root`.

    Raises:
        DataError: There is none, it is broken, or it names a file that is not there or outside `root`.
    """
    accept_only(options, "nerfstudio", "split", "kind", "scale", "camera")
    choose(options, "split", _SPLITS)
    choose(options, "kind", ("metric", "scaled", "coarse"))
    root = data_root(root)
    for folder in folders_with(root, "transforms.json", "a nerfstudio capture"):
        yield from _capture(folder / "transforms.json", root, options)


def _capture(path: Path, root: Path, options: LayoutOptions) -> Iterator[Record]:
    top = read_json(path)
    frames = field(top, "frames", path, list)
    lists = {split: top.get(f"{split}_filenames") or [] for split in _SPLITS}
    if not all(isinstance(names, list) for names in lists.values()):
        raise DataError(f"{path}: train_filenames, val_filenames and test_filenames must be lists")
    splits = {_plain(str(name)): split for split, names in lists.items() for name in names}
    if options.split is not None and options.split not in splits.values():
        raise DataError(f"{path}: has no {options.split}_filenames, which --split {options.split} needs")
    capture = _Capture(path, root, top, splits, options)
    for number, frame in enumerate(frames):
        record = _record(capture, frame, f"{path}: frame {number}")
        if options.split is None or record.split == options.split:
            yield record


def _record(capture: _Capture, frame: Any, where: str) -> Record:
    folder = capture.path.parent
    name = field(frame, "file_path", where, str)
    image = _file(capture, name, where)
    pose = from_opengl(pose_matrix(field(frame, "transform_matrix", where, list), where))
    pose[:3, 3] /= _factor(capture, "applied_scale", 1.0)
    scene = folder.relative_to(capture.root.parent).as_posix()
    return Record(
        id=f"{scene}/{_plain(name)}",
        image=locate(image),
        label=_label(capture, frame, image, where),
        camera=capture.options.camera or _camera({**capture.top, **frame}, image, where),
        scene=scene,
        split=capture.splits.get(_plain(name)),
        pose=pose_values(pose, where),
        source="nerfstudio",
    )


def pose_matrix(rows: Any, where: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A matrix of JSON lists as an array, with the usual complaint; shape is checked by `pose_values`."""
    return np.array(pose_values(rows, where)).reshape(4, 4)


def _label(capture: _Capture, frame: dict[str, Any], image: Path, where: str) -> Label | None:
    if frame.get("depth_file_path") is None:
        return None
    depth = _file(capture, field(frame, "depth_file_path", where, str), where)
    if depth.suffix.lower() not in _ENCODINGS:
        raise DataError(f"{where}: depth {depth.name!r} is none of {', '.join(_ENCODINGS)}")
    kind: LabelKind = capture.options.kind or kind_by_size(image, depth)
    unit = capture.options.scale or _factor(capture, "depth_unit_scale_factor", _UNIT)
    return Label(file=locate(depth), kind=kind, encoding=_ENCODINGS[depth.suffix.lower()], scale=unit)


def _factor(capture: _Capture, key: str, default: float) -> float:
    """A number above 0 at the top of the file."""
    if key not in capture.top:
        return default
    value = float(field(capture.top, key, capture.path, _NUMBER))
    if value <= 0:
        raise DataError(f"{capture.path}: {key} is {value:g}, expected a number > 0")
    return value


def _camera(values: dict[str, Any], image: Path, where: str) -> Camera:
    model = values.get("camera_model", "OPENCV")
    if model not in (*_PINHOLES, "OPENCV_FISHEYE"):
        known = ", ".join((*_PINHOLES, "OPENCV_FISHEYE"))
        raise DataError(f"{where}: camera_model {model!r} is not supported; expected {known}")
    width, height = image_size(image)
    size = {"w": width, "h": height, **{key: values[key] for key in ("w", "h") if key in values}}
    focal = values.get("camera_angle_x")
    if "fl_x" not in values and isinstance(focal, float) and 0 < focal < math.pi:
        values = {**values, "fl_x": width / 2 / math.tan(focal / 2)}
    values = {"cx": size["w"] / 2, "cy": size["h"] / 2, "fl_y": values.get("fl_x"), **values}
    numbers = {key: field(values, key, where, _NUMBER) for key in ("fl_x", "fl_y", "cx", "cy")}
    camera = make_camera(
        where,
        first_centre=0.5,
        width=int(field(size, "w", where, _NUMBER)),
        height=int(field(size, "h", where, _NUMBER)),
        fx=numbers["fl_x"],
        fy=numbers["fl_y"],
        cx=numbers["cx"],
        cy=numbers["cy"],
        distortion=_lens(values, model == "OPENCV_FISHEYE", where),
    )
    return check_size(camera, image)


def _lens(values: dict[str, Any], fisheye: bool, where: str) -> Distortion | None:
    keys = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
    numbers = {key: float(field(values, key, where, _NUMBER)) for key in keys if key in values}
    try:
        if fisheye:
            return Fisheye(**{key: numbers.get(key, 0.0) for key in keys})
        if any(map(numbers.get, keys[5:])) and values.get("camera_model") != "FULL_OPENCV":
            raise DataError(
                f"{where}: k4 to k6 have no agreed meaning but in FULL_OPENCV; undistort the images"
            )
        coefficients = {key: numbers.get(key, 0.0) for key in keys}
        return RadialTangential(**coefficients) if any(coefficients.values()) else None
    except CameraError as error:
        raise DataError(f"{where}: {error}") from error


def _file(capture: _Capture, name: str, where: str) -> Path:
    """The file of a frame; names without suffix (Blender) are PNG."""
    path = capture.path.parent / name
    if not path.exists() and not path.suffix:
        path = path.with_suffix(".png")
    return inside(existing(path, f"the file that {where} names"), capture.root)


def _plain(name: str) -> str:
    return name.removeprefix("./")
