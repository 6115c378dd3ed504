"""A camera's path, and the two text formats that everybody reads: TUM and KITTI.

TUM: `time tx ty tz qx qy qz qw`, seconds, camera to world, `#` begins a comment. KITTI: the upper three rows
of the 4 x 4 camera-to-world matrix, row by row, one line per frame and no times.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from onedepth.errors import ConfigError, DataError
from onedepth.files.atomic import write_bytes
from onedepth.rotations import quaternions, rotations
from onedepth.track.poses import Floats, rigid

_LOST = "# lost frames, where the pose is a guess: "
_FOCAL = "# focal length in pixels: "
_RIGID = 1e-3  # how far a rotation read from a file may be from orthonormal


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where a camera was.

    Attributes:
        poses: (N, 4, 4) float64, camera to world, metres (any unit for a scale-free path).
        times: (N,) seconds, strictly rising.
        lost: Numbers of the frames whose pose is a guess.
        timed: Whether the times are more than numbers of lines.
        focal: Focal length in pixels that the path was made with, if it is known.

    Raises:
        DataError: Shapes that do not fit, numbers that are not finite, times that do not rise.
    """

    poses: Floats
    times: Floats
    lost: frozenset[int] = field(default_factory=frozenset)
    timed: bool = True
    focal: float | None = None

    def __post_init__(self) -> None:
        if self.poses.shape != (len(self.times), 4, 4):
            raise DataError(
                f"path: {self.poses.shape} poses for {len(self.times)} times; expected (N, 4, 4) and (N,)"
            )
        if not (np.isfinite(self.poses).all() and np.isfinite(self.times).all()):
            raise DataError("path: has numbers that are not finite; expected metres and seconds")
        falls = np.flatnonzero(np.diff(self.times) <= 0)
        if len(falls):
            at = int(falls[0])
            raise DataError(
                f"path: time {self.times[at + 1]:.9g} follows {self.times[at]:.9g}; times must rise"
            )

    def __len__(self) -> int:
        return len(self.times)

    @property
    def length(self) -> float:
        """Length of the path in metres, from pose to pose."""
        return float(np.linalg.norm(np.diff(self.poses[:, :3, 3], axis=0), axis=1).sum())


def _tum_lines(path: Trajectory) -> list[str]:
    turned, places = quaternions(path.poses[:, :3, :3]), path.poses[:, :3, 3]
    comments = ["# time tx ty tz qx qy qz qw (camera to world)"]
    if path.focal is not None:
        comments.append(f"{_FOCAL}{path.focal:.6g}")
    if path.lost:
        comments.append(_LOST + " ".join(map(str, sorted(path.lost))))
    rows = np.concatenate([places, turned], axis=1)
    return comments + [
        f"{time:.9f} " + " ".join(f"{value:.9g}" for value in row)
        for time, row in zip(path.times, rows, strict=True)
    ]


def _kitti_lines(path: Trajectory) -> list[str]:
    return [" ".join(f"{value:.9g}" for value in row) for row in path.poses[:, :3].reshape(-1, 12)]


WRITERS: dict[str, Callable[[Trajectory], list[str]]] = {"tum": _tum_lines, "kitti": _kitti_lines}


def write_trajectory(trajectory: Trajectory, path: str | os.PathLike[str], format: str = "tum") -> None:
    """Write a path, whole or not at all.

    Args:
        trajectory: The path; KITTI files keep no times, no focal length and no list of lost frames.
        path: The file.
        format: `tum` or `kitti`.

    Raises:
        ConfigError: The format is another.
        OneDepthError: The file cannot be written.
    """
    if format not in WRITERS:
        raise ConfigError(f"--format {format}: unknown; expected one of {', '.join(WRITERS)}")
    write_bytes(path, ("\n".join(WRITERS[format](trajectory)) + "\n").encode())


def read_trajectory(path: str | os.PathLike[str]) -> Trajectory:
    """Read a path in TUM or KITTI format, told apart by the count of numbers in a line (8 or 12).

    Raises:
        DataError: No such file, or a line that is neither; it is named.
    """
    lost: frozenset[int] = frozenset()
    focal: float | None = None
    rows: list[list[float]] = []
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise DataError(f"{path}: cannot be read as a path ({reason})") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_LOST):
            lost = frozenset(int(word) for word in line[len(_LOST) :].split() if word.isdecimal())
        if line.startswith(_FOCAL):
            focal = _number(line[len(_FOCAL) :])
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        expected = (8, 12) if not rows else (len(rows[0]),)
        if len(row) not in expected or not np.isfinite(row).all():
            raise DataError(
                f"{path}:{number}: found {line[:60]!r}, expected {' or '.join(map(str, expected))} numbers "
                "(TUM: time tx ty tz qx qy qz qw; KITTI: a 3x4 matrix)"
            )
        rows.append(row)
    if not rows:
        raise DataError(f"{path}: holds no pose; expected lines in TUM or KITTI format")
    try:
        found = (_from_tum if len(rows[0]) == 8 else _from_kitti)(np.array(rows), lost)
        return replace(found, focal=focal)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _number(text: str) -> float | None:
    """A number above 0 in a comment; comments of others are no error."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _from_tum(rows: Floats, lost: frozenset[int]) -> Trajectory:
    sizes = np.linalg.norm(rows[:, 4:], axis=1)
    wrong = np.flatnonzero(np.abs(sizes - 1) > _RIGID)
    if len(wrong):
        raise DataError(f"pose {wrong[0]}: its quaternion has length {sizes[wrong[0]]:.4g}, expected 1")
    turned = rotations(rows[:, 4:])
    poses = np.stack([rigid(r, t) for r, t in zip(turned, rows[:, 1:4], strict=True)])
    return Trajectory(poses, rows[:, 0], lost)


def _from_kitti(rows: Floats, lost: frozenset[int]) -> Trajectory:
    upper = rows.reshape(-1, 3, 4)
    r = upper[..., :3]
    off = np.abs(r @ np.swapaxes(r, 1, 2) - np.eye(3)).max(axis=(1, 2)) + (np.linalg.det(r) < 0)
    if (off > _RIGID).any():
        raise DataError(f"pose {np.flatnonzero(off > _RIGID)[0]}: its 3x3 part is no rotation")
    poses = np.stack([rigid(pose[:, :3], pose[:, 3]) for pose in upper])
    return Trajectory(poses, np.arange(len(rows), dtype=np.float64), lost, timed=False)
