"""KITTI raw: drives as downloaded, with the LiDAR scan of every frame as sparse metric depth.

    ROOT/2011_09_26/calib_cam_to_cam.txt, calib_velo_to_cam.txt, calib_imu_to_velo.txt
    ROOT/2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000000.png (or .jpg), image_02/timestamps.txt
                                               image_03/ (optional: right views)
                                               velodyne_points/data/0000000000.bin
                                               oxts/data/0000000000.txt (optional: poses)

ROOT may also be one day, or lie one folder higher; `_extract` drives are not rectified and left out. A scan
is float32 x, y, z, reflectance in metres (x forward, y left, z up); a point p falls on P_rect_02 R_rect_00
[R|T] p (readme.txt of the devkit; Geiger et al., "Vision meets Robotics", IJRR 2013, eq. 8), of which the
label holds everything but the intrinsics. Depth is not projected here but when a sample is loaded. Unlike
generate_depth_map of monodepth2, which subtracts 1 from rounded pixels to imitate the Matlab devkit, a point
belongs to the pixel that it falls into.

Without `--split` all frames of the left colour camera are listed, image_03 as their right view. With it (see
`_kitti_splits`) those of the list, of either camera. Frames without a scan (some lack one in the original
download, drive 0009 of 2011_09_26 for one) have no label.
"""

from collections.abc import Iterator
from pathlib import Path

from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts._kitti import LICENCE, Matrix, neighbours, twelve
from onedepth.layouts._kitti_drives import Drive, all_drives, date_folders, find_drive
from onedepth.layouts._kitti_oxts import camera_poses
from onedepth.layouts._kitti_splits import Entry, entries
from onedepth.layouts.common import accept_only, locate, pose_values
from onedepth.layouts.walking import data_root
from onedepth.manifest.record import Label, Record


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of all drives, or those of `--split`.

    Raises:
        ConfigError: An option is of no use here, or the split is unknown or not found.
        DataError: A calibration, a listed drive or a listed image is missing or cannot be read.
    """
    accept_only(options, "kitti-raw", "split")
    root = data_root(root)
    return _listed(root, options.split) if options.split is not None else _everything(root)


def _everything(root: Path) -> Iterator[Record]:
    drives = [drive for drive in all_drives(root) if drive.images[2]]
    if not drives:
        raise DataError(f"{root}: no drive has images in image_02/data")
    for drive in drives:
        view = _View(drive, 2)
        yield from (view.record(frame, None) for frame in view.images)


def _listed(root: Path, split: str) -> Iterator[Record]:
    days = date_folders(root)
    views: dict[tuple[str, int], _View] = {}
    for entry in entries(split, root):
        key = entry.drive, entry.side
        if key not in views:
            views[key] = _View(find_drive(entry.drive, days, entry.where), entry.side)
        yield views[key].listed(entry)


class _View:
    """One camera of one drive: what its frames have in common."""

    def __init__(self, drive: Drive, side: int) -> None:
        self.drive, self.side = drive, side
        self.images = drive.images[side]
        self.camera = drive.camera(side)
        self.to_camera = twelve(drive.to_camera(side)) if drive.scans else None
        self.poses: dict[int, Matrix] = camera_poses(drive, side)
        self.baseline = drive.calibration.baseline("P_rect_02", "P_rect_03") if side == 2 else None

    def listed(self, entry: Entry) -> Record:
        if entry.frame not in self.images:
            folder = self.drive.folder / f"image_0{self.side}" / "data"
            raise DataError(
                f"{entry.where}: frame {entry.frame} is not in {folder}; download the whole drive"
            )
        return self.record(entry.frame, entry.part)

    def record(self, frame: int, split: str | None) -> Record:
        scan = self.drive.scans.get(frame)
        right = self.drive.images[3].get(frame) if self.baseline is not None else None
        pose = self.poses.get(frame)
        name = f"{self.drive.name}/image_0{self.side}/{frame:010d}"
        return Record(
            id=name,
            image=locate(self.images[frame]),
            label=None
            if scan is None
            else Label(file=locate(scan), kind="metric", encoding="velodyne", to_camera=self.to_camera),
            camera=self.camera,
            scene=self.drive.name,
            split=split,
            neighbours=neighbours(self.images, frame),
            right=None if right is None else locate(right),
            baseline=None if right is None else self.baseline,
            pose=None if pose is None else pose_values(pose, name),
            time=self.drive.time(self.side, frame),
            licence=LICENCE,
            source="KITTI raw",
        )
