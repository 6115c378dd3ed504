"""Raw drives of KITTI, wherever the download was unpacked: DATE/DRIVE_sync/image_0{2,3}/data below ROOT."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts._kitti import Calibration, Matrix, homogeneous, numbered, shifted
from onedepth.layouts.common import image_size
from onedepth.layouts.tables import read_text
from onedepth.layouts.walking import folders_in

_DATE = re.compile(r"\d{4}_\d\d_\d\d")
_DRIVE = re.compile(r"(\d{4}_\d\d_\d\d)_drive_\d{4}_sync")  # unlike _extract: rectified
_EXPECTED = "DATE/DRIVE_sync folders (2011_09_26/2011_09_26_drive_0001_sync/image_02/data)"


def date_folders(root: Path) -> dict[str, Path]:
    """Folders of recording days by name: in `root`, one level deeper, or `root` itself."""
    if _DATE.fullmatch(root.name):
        return {root.name: root}
    children = folders_in(root)
    nested = (folder for child in children if not _DATE.fullmatch(child.name) for folder in folders_in(child))
    days: dict[str, Path] = {}
    for folder in (*children, *nested):
        if _DATE.fullmatch(folder.name):
            days.setdefault(folder.name, folder)
    return days


@dataclass(frozen=True)
class Drive:
    """One drive: its folder, and what is in it, read when it is asked for."""

    folder: Path
    root: Path

    @property
    def name(self) -> str:
        """Such as 2011_09_26_drive_0001_sync."""
        return self.folder.name

    @cached_property
    def images(self) -> dict[int, dict[int, Path]]:
        """Camera 2 or 3 -> frame number -> image."""
        return {side: numbered(self.folder / f"image_0{side}" / "data", self.root) for side in (2, 3)}

    @cached_property
    def scans(self) -> dict[int, Path]:
        """Frame number -> LiDAR scan; a few frames of the original download have none."""
        return numbered(self.folder / "velodyne_points" / "data", self.root, (".bin",))

    @cached_property
    def calibration(self) -> Calibration:
        """The cameras of the recording day."""
        return Calibration.read(self.folder.parent / "calib_cam_to_cam.txt")

    @cached_property
    def sensor_to_rectified(self) -> Matrix:
        """Matrix (4, 4) from the LiDAR's axes to those of the rectified camera 0: R_rect_00 [R | T]."""
        velodyne = Calibration.read(self.folder.parent / "calib_velo_to_cam.txt")
        sensor = homogeneous(velodyne.matrix("R", 3, 3), velodyne.matrix("T", 3, 1))
        rectify = homogeneous(self.calibration.matrix("R_rect_00", 3, 3), sensor[:3, 3] * 0)
        product: Matrix = rectify @ sensor
        return product

    def to_camera(self, side: int) -> Matrix:
        """Matrix (4, 4) from the LiDAR's axes to those of the rectified camera 2 or 3."""
        product: Matrix = shifted(self.calibration.shift(f"P_rect_0{side}")) @ self.sensor_to_rectified
        return product

    def camera(self, side: int) -> Camera:
        """Camera of the rectified images; the size is that of the calibration, or of the first image."""
        sized = f"S_rect_0{side}:" in self.calibration.text
        first = next(iter(self.images[side].values()), None)
        size = None if sized or first is None else image_size(first)
        return self.calibration.camera(f"P_rect_0{side}", size)

    @cached_property
    def times(self) -> dict[int, list[float]]:
        """Camera -> seconds since 1970 of all its frames; empty where timestamps.txt is missing."""
        return {side: _times(self.folder / f"image_0{side}" / "timestamps.txt") for side in (2, 3)}

    def time(self, side: int, frame: int) -> float | None:
        """Seconds since 1970 of a frame, None where unknown."""
        times = self.times[side]
        return times[frame] if frame < len(times) else None


def all_drives(root: Path) -> Iterator[Drive]:
    """Yield every drive below `root`, by name.

    Raises:
        DataError: There is none.
    """
    days = date_folders(root)
    found = [
        Drive(folder, root)
        for day in sorted(days)
        for folder in folders_in(days[day], root=root)
        if _DRIVE.fullmatch(folder.name)
    ]
    if not found:
        raise DataError(f"{root}: no drive of KITTI in it; expected {_EXPECTED}")
    yield from found


def days_beside(root: Path) -> dict[str, Path]:
    """Folders of recording days in the folders beside `root`; a link to elsewhere counts as one of them."""
    days: dict[str, Path] = {}
    for name in sorted(os.listdir(root.parent)):
        folder = root.parent / name
        with contextlib.suppress(OSError):  # what cannot be listed has nothing for us
            for day in filter(_DATE.fullmatch, os.listdir(folder)):
                days.setdefault(day, folder / day)
    return days


def find_drive(name: str, days: dict[str, Path], where: str) -> Drive:
    """The drive of this name.

    Args:
        name: Such as 2011_09_26_drive_0001_sync.
        days: Folders of recording days by name.
        where: Who asks, for the message.

    Raises:
        DataError: Its folder is missing.
    """
    match = _DRIVE.fullmatch(name)
    day = days.get(match[1]) if match else None
    if day is None or not (day / name).is_dir():
        raise DataError(f"{where}: the raw drive {name} is not found; download it, or leave it off the list")
    return Drive(day / name, day.parent)


def _times(path: Path) -> list[float]:
    if not path.is_file():
        return []
    lines = read_text(path).split("\n")
    stamps: list[float] = []
    for number, line in enumerate(filter(None, map(str.strip, lines)), start=1):
        try:
            stamps.append(datetime.fromisoformat(line[:26]).replace(tzinfo=UTC).timestamp())
        except ValueError as error:
            raise DataError(f"{path}:{number}: found {line[:40]!r}, expected a date and time") from error
    return stamps
