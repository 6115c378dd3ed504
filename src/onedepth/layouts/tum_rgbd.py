"""TUM RGB-D: `rgb.txt`, `depth.txt` and `groundtruth.txt` of a sequence, joined by time.

Format (Sturm et al., "A benchmark for the evaluation of RGB-D SLAM systems", IROS 2012, and the benchmark's
page "File Formats"): lines `time file`, or `time tx ty tz qx qy qz qw` (camera to world, optical axes); 640
x 480; 16-bit depth registered to the colour image, 5000 steps a metre, 0 = nothing measured. Colour and
depth are joined as the benchmark's `associate.py` does: nearest first, at most 0.02 s apart, each used once.

Intrinsics per Kinect are the page's calibration (digits as in the yaml files of ORB-SLAM and OpenVSLAM), by
OpenCV, so centres count from integers. fr1 and fr2 images are distorted, fr3 images were rectified. The page
also lists corrections of depth (1.035, 1.031, 1.000); we could not confirm whether the files still need them
and, as the format says, use 5000 for all.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from onedepth.camera import Camera
from onedepth.distortion import RadialTangential
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    locate,
    make_camera,
    pose_values,
    rotation_of,
    with_neighbours,
)
from onedepth.layouts.tables import Row, read_rows
from onedepth.layouts.walking import data_root, existing, folders_with, inside, name_below
from onedepth.manifest.record import Label, Record

FARTHEST = 0.02  # seconds between files that belong together (default of associate.py)
_LONGEST_GAP = 0.2  # seconds: six frames lost in a row end a clip

_CAMERAS = {
    "1": (517.306408, 516.469215, 318.643040, 255.313989),
    "2": (520.908620, 521.007327, 325.141442, 249.701764),
    "3": (535.4, 539.2, 320.1, 247.6),
}
_LENSES = {
    "1": RadialTangential(k1=0.262383, k2=-0.953104, p1=-0.005358, p2=0.002628, k3=1.163314),
    "2": RadialTangential(k1=0.231222, k2=-0.784899, p1=-0.003257, p2=-0.000105, k3=0.917205),
}


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames with colour and depth of every sequence at or below `root`; poses where known.

    Raises:
        DataError: A list is missing or broken, names a file that is not there, no times match, or the
            folder's name does not tell the Kinect and no camera was given.
    """
    accept_only(options, "tum-rgbd", "camera")
    root = data_root(root)
    for folder in folders_with(root, "rgb.txt", "a sequence with rgb.txt, depth.txt and groundtruth.txt"):
        yield from with_neighbours(list(_sequence(folder, root, options)), longest_gap=_LONGEST_GAP)


def associate(first: Sequence[float], second: Sequence[float], farthest: float) -> list[tuple[int, int]]:
    """Pairs (i, j) of times at most `farthest` apart, nearest first, each time used once; sorted by i.

    Args:
        first: Times in seconds, ascending.
        second: Times in seconds, ascending.
        farthest: Seconds.
    """
    near = [
        (abs(time - second[j]), i, j)
        for i, time in enumerate(first)
        for j in range(
            bisect.bisect_left(second, time - farthest), bisect.bisect_right(second, time + farthest)
        )
    ]
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for _, i, j in sorted(near):
        if i not in pairs and j not in used:
            pairs[i] = j
            used.add(j)
    return sorted(pairs.items())


def _sequence(folder: Path, root: Path, options: LayoutOptions) -> Iterator[Record]:
    camera = options.camera or kinect(folder)
    colour = _stamped(folder / "rgb.txt")
    depth = _stamped(existing(folder / "depth.txt", "lines of `time file`"))
    pairs = associate([time for time, _ in colour], [time for time, _ in depth], FARTHEST)
    if not pairs:
        raise DataError(
            f"{folder}: no time of rgb.txt is within {FARTHEST} s of one of depth.txt "
            f"(they begin at {_begin(colour)} and {_begin(depth)}); are both of one recording?"
        )
    poses = _poses(folder, [colour[i][0] for i, _ in pairs])
    for (i, j), pose in zip(pairs, poses, strict=True):
        time, row = colour[i]
        yield Record(
            id=f"{name_below(folder, root)}/{row.words[0]}",
            image=_file(folder, row, root),
            label=Label(file=_file(folder, depth[j][1], root), kind="metric", scale=1 / 5000),
            camera=camera,
            scene=folder.name,
            pose=pose,
            time=time,
            source="tum-rgbd",
            licence="CC BY 4.0",
        )


def kinect(folder: Path) -> Camera:
    """Camera by the name of the sequence: freiburg1, freiburg2 or freiburg3 (or fr1 ...).

    Raises:
        DataError: The name does not tell.
    """
    match = re.search(r"(?:freiburg|fr)([123])", folder.name)
    if match is None:
        raise DataError(
            f"{folder}: its name holds no freiburg1, freiburg2 or freiburg3, so that the camera is unknown; "
            "give --camera"
        )
    fx, fy, cx, cy = _CAMERAS[match[1]]
    lens = _LENSES.get(match[1])
    numbers = {"width": 640, "height": 480, "fx": fx, "fy": fy, "cx": cx, "cy": cy}
    return make_camera(folder, first_centre=0.0, distortion=lens, **numbers)


def _poses(folder: Path, times: list[float]) -> list[tuple[float, ...] | None]:
    """Pose of each time, None where the motion capture lost the camera or there is none."""
    path = folder / "groundtruth.txt"
    truth = _stamped(path) if path.exists() else []
    found = dict(associate(times, [time for time, _ in truth], FARTHEST))
    return [_pose(truth[found[i]][1]) if i in found else None for i in range(len(times))]


def _pose(row: Row) -> tuple[float, ...]:
    tx, ty, tz, qx, qy, qz, qw = row.numbers(1, 8)
    rotation = rotation_of(qw, qx, qy, qz, row.where)
    return pose_values([[*r, t] for r, t in zip(rotation, (tx, ty, tz), strict=True)], row.where)


def _stamped(path: Path) -> list[tuple[float, Row]]:
    rows = read_rows(path)
    if not rows:
        raise DataError(f"{path}: has no lines; expected `time ...` on each")
    return sorted(((row.number(0), row) for row in rows), key=lambda pair: pair[0])


def _begin(stamped: list[tuple[float, Row]]) -> str:
    return f"{stamped[0][0]:.2f} s"


def _file(folder: Path, row: Row, root: Path) -> str:
    if len(row.words) < 2:
        raise DataError(f"{row.where}: found {row.words[0]!r}, expected `time file`")
    return locate(inside(existing(folder / row.words[1], f"the file that {row.where} names"), root))
