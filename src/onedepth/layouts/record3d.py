"""Record3D: frames of phone LiDAR or face camera, exported as EXR + RGB or unpacked from .r3d, as `coarse`.

Source: the Record3D readers of nerfstudio (`record3d_utils.py`, `record3d_dataparser.py`) and of public
projects that use the app; the app itself has no specification. Read are

- "EXR + JPG sequence": `EXR_RGBD/` with `metadata.json`, `rgb/N.jpg` (or .png) and `depth/N.exr` in metres;
- the same with `depth/N.png`, 16 bits, for which `--scale` must say the metres per step;
- an unpacked .r3d (it is a zip file) with `metadata` and `rgbd/N.jpg` + `N.depth` (+ `N.conf`): float32
  rows, packed by Apple's LZFSE, which needs the package pyliblzfse when labels are loaded. `N.conf` is not
  read.

`metadata.json` holds `w` and `h` of the colour image, `K` (3 x 3, column by column), or
`perFrameIntrinsicCoeffs` (fx, fy, cx, cy a frame), `fps`, `frameTimestamps`, and `poses` (qx qy qz qw x y z,
camera to world, ARKit's axes: y up, looking along -z). The principal point counts from the image's corner
(Apple, `ARCamera.intrinsics`). `dw`, `dh` is the size of the depth map, 192 x 256 (LiDAR) where it is
missing. We had no original recording to check this against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    check_size,
    from_opengl,
    locate,
    make_camera,
    pair,
    pose_values,
    rotation_of,
    with_neighbours,
)
from onedepth.layouts.tables import field, read_json
from onedepth.layouts.walking import data_root, existing, files_in, name_below, walk
from onedepth.manifest.record import Label, Record

_NUMBER = (int, float)
_LIDAR = (192, 256)  # width and height of the depth maps of phones held upright
_LONGEST_GAP = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class _Recording:
    """A folder below the root, with its metadata (path and object), its colour images and its depth files."""

    root: Path
    folder: Path
    path: Path
    meta: dict[str, Any]
    images: Path
    depths: Path
    suffixes: tuple[str, ...]


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of every recording at or below `root`.

    Raises:
        ConfigError: Depth is PNG and `--scale` was not given, or it was and depth is not.
        DataError: There is no recording, or a frame lacks its twin, or a file is broken.
    """
    accept_only(options, "record3d", "scale")
    root = data_root(root)
    recordings = [found for folder in walk(root) if (found := _recording(folder, root)) is not None]
    if not recordings:
        packed = next(
            (path for folder in walk(root) for path in files_in(folder, (".r3d",), root=root)), None
        )
        hint = f"; {packed.name} is a zip file: unpack it" if packed else ""
        raise DataError(f"{root}: no metadata.json beside rgb/ and depth/, or metadata beside rgbd/{hint}")
    for recording in recordings:
        yield from with_neighbours(list(_frames(recording, options.scale)), longest_gap=_LONGEST_GAP)


def _recording(folder: Path, root: Path) -> _Recording | None:
    exported, raw = folder / "metadata.json", folder / "metadata"
    if exported.is_file() and (folder / "rgb").is_dir():
        depth = existing(folder / "depth", "the depth maps; export EXR + JPG, not JPG alone")
        return _Recording(
            root, folder, exported, read_json(exported), folder / "rgb", depth, (".exr", ".png")
        )
    if raw.is_file() and (folder / "rgbd").is_dir():
        return _Recording(root, folder, raw, read_json(raw), folder / "rgbd", folder / "rgbd", (".depth",))
    return None


def _frames(recording: _Recording, scale: float | None) -> Iterator[Record]:
    images = by_key(files_in(recording.images, (".jpg", ".png"), root=recording.root))
    depths = by_key(files_in(recording.depths, recording.suffixes, root=recording.root))
    scene = name_below(recording.folder, recording.root)
    for key, image, depth in pair(images, depths, recording.images):
        number = _number(image)
        yield Record(
            id=f"{scene}/{key}",
            image=locate(image),
            label=_label(recording, depth, scale),
            camera=check_size(_camera(recording, number), image),
            scene=scene,
            pose=_pose(recording, number),
            time=_time(recording, number),
            source="record3d",
        )


def _number(image: Path) -> int:
    if not image.stem.isdecimal():
        raise DataError(f"{image}: expected a name such as 12{image.suffix}, the number of the frame")
    return int(image.stem)


def _label(recording: _Recording, depth: Path, scale: float | None) -> Label:
    suffix = depth.suffix.lower()
    if (suffix == ".png") != (scale is not None):
        raise ConfigError(
            f"{depth}: --scale (metres per step) goes with depth in PNG files, and only with these"
        )
    if suffix == ".png":
        return Label(file=locate(depth), kind="coarse", scale=scale or 1.0)
    if suffix == ".exr":
        return Label(file=locate(depth), kind="coarse", encoding="exr")
    width = recording.meta.get("dw", _LIDAR[0])
    height = recording.meta.get("dh", _LIDAR[1])
    return Label(file=locate(depth, f"{width}x{height}"), kind="coarse", encoding="float32")


def _camera(recording: _Recording, number: int) -> Camera:
    meta, where = recording.meta, f"{recording.path}: frame {number}"
    size = {"width": field(meta, "w", recording.path, int), "height": field(meta, "h", recording.path, int)}
    if "perFrameIntrinsicCoeffs" in meta:
        fx, fy, cx, cy = _row(recording, "perFrameIntrinsicCoeffs", number, 4)
    else:
        k = _numbers(field(meta, "K", recording.path, list), 9, f"{recording.path}: K")
        fx, fy, cx, cy = k[0], k[4], k[6], k[7]  # column by column
    return make_camera(where, first_centre=0.5, fx=fx, fy=fy, cx=cx, cy=cy, **size)


def _pose(recording: _Recording, number: int) -> tuple[float, ...] | None:
    if "poses" not in recording.meta:
        return None
    x, y, z, w, *translation = _row(recording, "poses", number, 7)
    where = f"{recording.path}: poses {number}"
    return pose_values(from_opengl(np.column_stack([rotation_of(w, x, y, z, where), translation])), where)


def _time(recording: _Recording, number: int) -> float | None:
    times = recording.meta.get("frameTimestamps")
    if isinstance(times, list) and number < len(times):
        return _numbers([times[number]], 1, f"{recording.path}: frameTimestamps {number}")[0]
    rate = recording.meta.get("fps")
    return number / rate if isinstance(rate, int | float) and rate > 0 else None


def _row(recording: _Recording, key: str, number: int, length: int) -> list[float]:
    rows = field(recording.meta, key, recording.path, list)
    if number >= len(rows):
        raise DataError(f"{recording.path}: {key} has {len(rows)} entries, but there is an image {number}")
    return _numbers(rows[number], length, f"{recording.path}: {key} {number}")


def _numbers(values: Any, length: int, where: str) -> list[float]:
    good = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
    if not good or len(values) != length or not np.isfinite(values).all():
        raise DataError(f"{where}: found {str(values)[:60]}, expected {length} numbers")
    return [float(value) for value in values]
