"""KITTI odometry: 22 sequences with LiDAR scans, of which 00 to 10 have poses.

    ROOT/sequences/NN/image_2/000000.png, image_3/, velodyne/000000.bin, times.txt
    ROOT/sequences/NN/calib.txt                       (P0 to P3 and Tr)
    ROOT/poses/NN.txt

`calib.txt`: rectified projections P0 (left grey) to P3 (right colour), and Tr, which takes points from the
LiDAR's axes to those of camera 0; a line of `poses/NN.txt` is the 3 x 4 matrix from camera 0 of that frame to
camera 0 of the first, metres, x right, y down, z forward (devkit readme.txt of the odometry benchmark; Geiger
et al., "Are we ready for Autonomous Driving?", CVPR 2012). Labels and poses are moved to the camera listed:
image_2 (colour) or, where it was not downloaded, image_0 (grey). Without scans there are no labels.

`--split train` lists sequences 00 to 08, `test` 09 and 10 (Zhou et al., CVPR 2017); without it all are.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts._kitti import (
    LICENCE,
    Calibration,
    Matrix,
    homogeneous,
    neighbours,
    numbered,
    shifted,
    twelve,
)
from onedepth.layouts.common import accept_only, choose, image_size, inverted, locate, pose_values
from onedepth.layouts.tables import read_rows
from onedepth.layouts.walking import data_root, folders_in
from onedepth.manifest.record import Label, Record

_SPLITS = {"train": range(9), "test": range(9, 11)}


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of all sequences, or those of `--split`.

    Raises:
        ConfigError: An option is of no use here, or the split is unknown.
        DataError: A calibration is missing, a file has another number of lines than there are frames, or
            nothing is found.
    """
    accept_only(options, "kitti-odometry", "split")
    split = choose(options, "split", _SPLITS)
    root = data_root(root)
    home = next((path for path in (root, root / "dataset") if (path / "sequences").is_dir()), None)
    if home is None:
        raise DataError(f"{root}: no folder sequences/ in it; expected sequences/00/calib.txt and so on")
    folders = [folder for folder in folders_in(home / "sequences", root=root) if folder.name.isdecimal()]
    wanted = [folder for folder in folders if split is None or int(folder.name) in _SPLITS[split]]
    if not wanted:
        raise DataError(f"{home / 'sequences'}: none of the sequences of --split {split or 'all'} is in it")
    return (record for folder in wanted for record in _sequence(folder, home, root))


def _sequence(folder: Path, home: Path, root: Path) -> Iterator[Record]:
    left, right = (2, 3) if (folder / "image_2").is_dir() else (0, 1)
    images, others = (numbered(folder / f"image_{side}", root) for side in (left, right))
    if not images:
        raise DataError(f"{folder}: no images in image_2 or image_0")
    scans = numbered(folder / "velodyne", root, (".bin",))
    table = Calibration.read(folder / "calib.txt")
    first = images[min(images)]
    camera = table.camera(f"P{left}", image_size(first))
    moved = shifted(table.shift(f"P{left}"))
    to_camera = twelve(moved @ _rigid(table.matrix("Tr", 3, 4))) if scans else None
    baseline = table.baseline(f"P{left}", f"P{right}")
    poses, times = _poses(home / "poses" / f"{folder.name}.txt"), _times(folder / "times.txt")
    for name, lines in (("poses", poses), ("times", times)):
        if lines and len(lines) <= max(images):
            raise DataError(
                f"{folder}: {name} has {len(lines)} lines, but there is an image {max(images):06d}"
            )
    back = inverted(moved)
    for frame, image in images.items():
        scan, other = scans.get(frame), others.get(frame) if baseline else None
        where = f"{folder.name}/image_{left}/{frame:06d}"
        yield Record(
            id=where,
            image=locate(image),
            label=Label(file=locate(scan), kind="metric", encoding="velodyne", to_camera=to_camera)
            if scan
            else None,
            camera=camera,
            scene=folder.name,
            split=next((name for name, numbers in _SPLITS.items() if int(folder.name) in numbers), None),
            neighbours=neighbours(images, frame),
            right=None if other is None else locate(other),
            baseline=None if other is None else baseline,
            pose=pose_values(poses[frame] @ back, where) if poses else None,
            time=times[frame] if times else None,
            licence=LICENCE,
            source="KITTI odometry",
        )


def _poses(path: Path) -> list[Matrix]:
    """Poses of camera 0; none for the sequences that have no file."""
    rows = read_rows(path) if path.is_file() else []
    return [_rigid(np.reshape(row.numbers(0, 12), (3, 4))) for row in rows]


def _rigid(matrix: Matrix) -> Matrix:
    """The (4, 4) of a (3, 4)."""
    return homogeneous(matrix[:, :3], matrix[:, 3])


def _times(path: Path) -> list[float]:
    return [row.number(0) for row in read_rows(path)] if path.is_file() else []
