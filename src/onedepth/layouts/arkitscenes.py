"""ARKitScenes: the tablet's low-resolution LiDAR depth as `coarse` labels.

Source: DATA.md, raw/README.md, depth_upsampling/README.md and `tenFpsDataLoader.py` of
github.com/apple/ARKitScenes. Read are the trees of the raw data, of 3dod and of depth upsampling: a folder
per video with `lowres_depth/` and the images to go with it, `wide/` (or `color/`, 1920 x 1440) where it is
there, else `lowres_wide/` (256 x 192). Depth is 256 x 192, millimetres; `confidence/` is 0, 1 or 2, of which
0 is left out. A .pincam is `width height fx fy cx cy`; the loader counts its centres from 0.
`lowres_wide.traj` is `time axis-angle translation`, world to camera, OpenCV axes. Files go together by video
and time; those of intrinsics may be 1 ms off, poses 5 ms, as in the loader.

Not read: the laser scanner's `highres_depth`. Images lie as the sensor sees them, whatever way is up.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    choose,
    inverted,
    locate,
    make_camera,
    pose_values,
    with_neighbours,
)
from onedepth.layouts.tables import Row, read_rows
from onedepth.layouts.walking import data_root, existing, files_in, folders_with, name_below
from onedepth.manifest.record import Label, Record

_IMAGES = ("wide", "color", "lowres_wide")  # best first
_FOLDS = {"Training": "train", "Validation": "val"}
_LEAST_CONFIDENCE = 1  # 0 = low is "quite unreliable" (Polycam, of the same maps); 1 = medium, 2 = high
_LONGEST_GAP = 0.25  # seconds between frames of one clip
_CAMERA_OFF, _POSE_OFF = 0.0015, 0.005  # seconds


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Timed(Generic[T]):
    """Things and their times, ascending."""

    times: list[float]
    things: list[T]

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, T]]) -> _Timed[T]:
        ordered = sorted(pairs, key=lambda pair: pair[0])
        return cls([time for time, _ in ordered], [thing for _, thing in ordered])

    def at(self, time: float, farthest: float) -> T | None:
        """The thing nearest in time, None if it is more than `farthest` seconds away."""
        after = bisect.bisect_left(self.times, time)
        near = [i for i in (after - 1, after) if 0 <= i < len(self.times)]
        best = min(near, key=lambda i: abs(self.times[i] - time), default=None)
        return self.things[best] if best is not None and abs(self.times[best] - time) <= farthest else None


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames with image and depth of every video at or below `root`.

    Raises:
        DataError: There is no video, no image goes with any depth, or a file is missing or broken.
    """
    accept_only(options, "arkitscenes", "split")
    wanted = choose(options, "split", _FOLDS.values())
    root = data_root(root)
    for folder in folders_with(root, "lowres_depth", "videos with lowres_depth/ and lowres_wide/ or wide/"):
        split = next((_FOLDS[part] for part in reversed(folder.parts) if part in _FOLDS), None)
        if wanted is None or split == wanted:
            yield from with_neighbours(list(_video(folder, root, split)), longest_gap=_LONGEST_GAP)


def _video(folder: Path, root: Path, split: str | None) -> Iterator[Record]:
    depths = _files(folder / "lowres_depth", root)
    kind, images = _images(folder, root, depths)
    confidences = _files(folder / "confidence", root)
    lenses = _lenses(folder / f"{kind}_intrinsics", root)
    poses = _poses(folder / "lowres_wide.traj")
    name = folder.name.removesuffix("_frames")
    for key in (key for key in images if key in depths):
        time = _time(depths[key])
        trusted = confidences.get(key)
        if confidences and trusted is None:
            raise DataError(f"{depths[key]}: has no confidence/{depths[key].name}; unpack the download again")
        yield Record(
            id=f"{name_below(folder, root)}/{key}",
            image=locate(images[key]),
            label=Label(
                file=locate(depths[key]),
                kind="coarse",
                scale=0.001,
                mask=locate(trusted) if trusted is not None else None,
                mask_at_least=_LEAST_CONFIDENCE,
            ),
            camera=_camera(lenses, time, images[key]),
            scene=name,
            split=split,
            pose=_pose(poses, time),
            time=time,
            source="arkitscenes",
            licence="Apple ARKitScenes: non-commercial",
        )


def _files(folder: Path, root: Path) -> dict[str, Path]:
    """Pictures by video and time; none where there is no such folder."""
    return by_key(files_in(folder, (".png", ".jpg"), root=root)) if folder.is_dir() else {}


def _images(folder: Path, root: Path, depths: dict[str, Path]) -> tuple[str, dict[str, Path]]:
    """The best kind of images of which some go with a depth map."""
    for kind in _IMAGES:
        images = _files(folder / kind, root)
        if images.keys() & depths.keys():
            return kind, images
    raise DataError(
        f"{folder}: no image in {', '.join(f'{kind}/' for kind in _IMAGES)} has the name of a map in "
        "lowres_depth/; download the images of this video too"
    )


def _lenses(folder: Path, root: Path) -> _Timed[Path]:
    paths = files_in(existing(folder, "the .pincam files of the images"), (".pincam",), root=root)
    return _Timed.of((_time(path), path) for path in paths)


def _time(path: Path) -> float:
    """Seconds in a name such as 41069021_305.244.png."""
    try:
        return float(path.stem.rpartition("_")[2])
    except ValueError as error:
        raise DataError(f"{path}: expected a name such as 41069021_305.244{path.suffix}") from error


def _camera(lenses: _Timed[Path], time: float, image: Path) -> Camera:
    path = lenses.at(time, _CAMERA_OFF)
    if path is None:
        raise DataError(f"{image}: no .pincam within 1 ms of it; unpack the intrinsics again")
    rows = read_rows(path)
    if len(rows) != 1:
        raise DataError(f"{path}: has {len(rows)} lines, expected one: width height fx fy cx cy")
    width, height, fx, fy, cx, cy = rows[0].numbers(0, 6)
    return make_camera(
        path, first_centre=0.0, width=int(width), height=int(height), fx=fx, fy=fy, cx=cx, cy=cy
    )


def _poses(path: Path) -> _Timed[Row]:
    return _Timed.of((row.number(0), row) for row in (read_rows(path) if path.exists() else []))


def _pose(poses: _Timed[Row], time: float) -> tuple[float, ...] | None:
    row = poses.at(time, _POSE_OFF)
    if row is None:
        return None
    numbers = np.array(row.numbers(1, 7))
    rotation = cv2.Rodrigues(numbers[:3])[0]
    return pose_values(inverted(np.column_stack([rotation, numbers[3:]])), row.where)
