"""TartanAir: flights through rendered places, with dense depth and poses.

    ROOT/PLACE/{Easy,Hard}/P000/image_left/000000_left.png, image_right/ (optional)
                                depth_left/000000_left_depth.npy
                                pose_left.txt

(the archives unpack to PLACE/PLACE/Easy, which is found too). Depth is (480, 640) in metres; the
documentation turns it into disparity by 80 / depth = f * baseline / depth with f = 320 and a baseline of 0.25
m, so it is z-depth. The sky is a sphere far away ("e.g. 10000"): from 1000 m on it is no measurement. The
camera of all places is f = 320, centre (320, 240), 90 degrees: exact only from edge to edge of 640 pixels,
that is in our convention, and not with centres at integers. A line of `pose_left.txt` is tx ty tz qx qy qz
qw, camera to world in NED axes (x forward, y right, z down), metres (data_type.md of
github.com/castacks/tartanair_tools; Wang et al., IROS 2020). The camera's axes are turned into OpenCV's, the
world keeps NED: column k of R is the axis that is x right = NED y, y down = NED z, z forward = NED x.

`--split Easy` or `Hard` picks the difficulty. All flights through a place are one `scene`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    choose,
    image_size,
    locate,
    pair,
    pose_values,
    rotation_of,
)
from onedepth.layouts.tables import Row, read_rows
from onedepth.layouts.walking import data_root, existing, files_in, folders_with
from onedepth.manifest.record import Label, Record

_LEVELS = ("Easy", "Hard")
_CAMERA = Camera(width=640, height=480, fx=320.0, fy=320.0, cx=320.0, cy=240.0)
_BASELINE = 0.25
_SKY = 1000.0
_FROM_NED = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # OpenCV's axes as columns


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of all flights, or those of the difficulty `--split`.

    Raises:
        ConfigError: An option is of no use here, or the split is unknown.
        DataError: No flight is found, an image lacks its depth, or poses and images differ in number.
    """
    accept_only(options, "tartanair", "split")
    split = choose(options, "split", _LEVELS)
    root = data_root(root)
    flights = folders_with(root, "pose_left.txt", "PLACE/Easy/P000/pose_left.txt of TartanAir")
    wanted = [folder for folder in flights if split in (None, folder.parent.name)]
    if not wanted:
        raise DataError(f"{root}: no flight below a folder {split} in it")
    return (record for folder in wanted for record in _flight(folder, root))


def _flight(folder: Path, root: Path) -> Iterator[Record]:
    left = existing(folder / "image_left", "the left images")
    images = by_key(files_in(left, root=root), suffix="_left")
    depth_folder = existing(folder / "depth_left", "the depth of the left images")
    depths = by_key(files_in(depth_folder, (".npy",), root=root), suffix="_left_depth")
    right = folder / "image_right"
    others = by_key(files_in(right, root=root), suffix="_right") if right.is_dir() else {}
    pairs = list(pair(images, depths, left))
    poses = read_rows(folder / "pose_left.txt")
    if len(poses) != len(pairs):
        raise DataError(
            f"{folder / 'pose_left.txt'}: has {len(poses)} poses, but there are {len(pairs)} images"
        )
    level = folder.parent.name if folder.parent.name in _LEVELS else None
    place = (folder.parent if level else folder).parent.name
    camera = _CAMERA.resize(*image_size(pairs[0][1]))
    for position, (key, image, depth) in enumerate(pairs):
        around = [pairs[position - 1], pairs[position + 1]] if 0 < position < len(pairs) - 1 else []
        other = others.get(key)
        yield Record(
            id=f"{folder.relative_to(root).as_posix()}/{key}",
            image=locate(image),
            label=Label(file=locate(depth), kind="metric", encoding="npy", sky_at=_SKY),
            camera=camera,
            scene=place,
            neighbours=tuple(locate(frame) for _, frame, _ in around),
            right=None if other is None else locate(other),
            baseline=None if other is None else _BASELINE,
            pose=_pose(poses[position]),
            licence="CC BY 4.0",
            source="TartanAir",
        )


def _pose(row: Row) -> tuple[float, ...]:
    x, y, z, qx, qy, qz, qw = row.numbers(0, 7)
    pose = np.eye(4)
    pose[:3, :3] = rotation_of(qw, qx, qy, qz, row.where) @ _FROM_NED
    pose[:3, 3] = x, y, z
    return pose_values(pose, row.where)
