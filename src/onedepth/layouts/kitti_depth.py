"""KITTI depth prediction and completion: dense LiDAR labels of eleven scans, checked against stereo.

    ROOT/{train,val}/DRIVE_sync/proj_depth/groundtruth/image_0{2,3}/0000000005.png   (data_depth_annotated)
    ROOT/depth_selection/val_selection_cropped/{image,groundtruth_depth,intrinsics}/ (data_depth_selection)
    ROOT/depth_selection/test_depth_prediction_anonymous/{image,intrinsics}/

Labels are 16-bit PNG, metres * 256, 0 = no measurement (devkit readme.txt of the depth benchmark; Uhrig et
al., "Sparsity Invariant CNNs", 3DV 2017). The images of train and val are those of the raw drives, which are
another download: looked for as DATE/DRIVE_sync below ROOT, ROOT/raw and the folders beside ROOT, or as
{train,val}/DRIVE_sync/image_02/data. The first and last five frames of a drive have no label and are left
out, of `--split` lists too (697 Eigen test frames become the 652 of eigen-benchmark).

`--split`: train, val, selection (the 1000 crops of val, 1216 x 352, with the intrinsics of each), test (crops
without labels), or a list of `_kitti_splits`. Without it train and val; the selection when there is neither.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts._kitti import LICENCE, Calibration, neighbours, numbered
from onedepth.layouts._kitti_drives import Drive, date_folders, days_beside, find_drive
from onedepth.layouts._kitti_splits import entries
from onedepth.layouts.common import accept_only, image_size, locate, make_camera
from onedepth.layouts.tables import read_matrix
from onedepth.layouts.walking import data_root, existing, files_in, folders_in
from onedepth.manifest.record import Label, Record

_PARTS = ("train", "val")
_STEP = 1 / 256
_CROP = re.compile(r"(?P<drive>\d{4}_\d\d_\d\d_drive_\d{4}_sync)_image_\d{10}_image_0[23]")


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield labelled frames, both cameras of a drive one after the other.

    Raises:
        ConfigError: An option is of no use here, or the split is unknown or not found.
        DataError: A raw image, a calibration or a listed drive is missing, or nothing is found.
    """
    accept_only(options, "kitti-depth", "split")
    root, split = data_root(root), options.split
    if split is None:
        split = "train" if (root / "train").is_dir() else "val" if (root / "val").is_dir() else "selection"
        rest = ["val"] if split == "train" and (root / "val").is_dir() else []
        return (record for part in (split, *rest) for record in _part(root, part))
    return _part(root, split) if split in (*_PARTS, "selection", "test") else _listed(root, split)


def _part(root: Path, part: str) -> Iterator[Record]:
    if part == "selection":
        return _crops(root, "val_selection_cropped", "groundtruth_depth")
    if part == "test":
        return _crops(root, "test_depth_prediction_anonymous", None)
    return _annotated(root, part)


def _annotated(root: Path, part: str) -> Iterator[Record]:
    folder = existing(root / part, "a folder of drives with proj_depth/groundtruth")
    finder = _Finder(root)
    drives = [drive for drive in folders_in(folder, root=root) if (drive / "proj_depth").is_dir()]
    if not drives:
        raise DataError(f"{folder}: no drive with proj_depth/groundtruth in it; unpack data_depth_annotated")
    for drive in drives:
        for side in (2, 3):
            view = _View(finder, drive, side, str(drive))
            yield from (view.record(frame, part) for frame in view.labels)


def _listed(root: Path, split: str) -> Iterator[Record]:
    finder = _Finder(root)
    views: dict[tuple[str, int], _View] = {}
    for entry in entries(split, root):
        key = entry.drive, entry.side
        if key not in views:
            folders = [root / part / entry.drive for part in _PARTS]
            folder = next((folder for folder in folders if folder.is_dir()), None)
            if folder is None:
                raise DataError(f"{entry.where}: drive {entry.drive} is in neither train/ nor val/ of {root}")
            views[key] = _View(finder, folder, entry.side, entry.where)
        if entry.frame in views[key].labels:
            yield views[key].record(entry.frame, entry.part)


class _Finder:
    """Where the raw drives are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.days = days_beside(root) | date_folders(root)

    def drive(self, annotated: Path, where: str) -> Drive:
        """The raw drive with the images of an annotated one."""
        if not (annotated / "image_02").is_dir() and not (annotated / "image_03").is_dir():
            return find_drive(annotated.name, self.days, where)
        return Drive(annotated, self.root)

    def calibration(self, drive: Drive, where: str) -> Calibration:
        """Calibration of the day, which may lie with raw drives that are elsewhere."""
        day = drive.name[:10]
        if (drive.folder / "calib_cam_to_cam.txt").is_file():
            return Calibration.read(drive.folder / "calib_cam_to_cam.txt")
        if day not in self.days:
            raise DataError(f"{where}: {day}/calib_cam_to_cam.txt is not found below or beside {self.root}")
        return Calibration.read(self.days[day] / "calib_cam_to_cam.txt")


class _View:
    """One camera of one annotated drive."""

    def __init__(self, finder: _Finder, folder: Path, side: int, where: str) -> None:
        self.side, self.drive = side, finder.drive(folder, where)
        self.labels = numbered(folder / f"proj_depth/groundtruth/image_0{side}", finder.root, (".png",))
        self.images = self.drive.images[side]
        self.calibration = finder.calibration(self.drive, where)
        self.camera = self._camera() if self.images else None
        self.baseline = self.calibration.baseline("P_rect_02", "P_rect_03") if side == 2 else None

    def _camera(self) -> Camera:
        size = image_size(next(iter(self.images.values())))
        return self.calibration.camera(f"P_rect_0{self.side}", size)

    def record(self, frame: int, split: str | None) -> Record:
        if frame not in self.images:
            raise DataError(
                f"{self.labels[frame]}: its image is missing in {self.drive.folder}/image_0{self.side}/data; "
                "download the raw drive"
            )
        right = self.drive.images[3].get(frame) if self.baseline is not None else None
        return Record(
            id=f"{self.drive.name}/image_0{self.side}/{frame:010d}",
            image=locate(self.images[frame]),
            label=Label(file=locate(self.labels[frame]), kind="metric", scale=_STEP),
            camera=self.camera,
            scene=self.drive.name,
            split=split,
            neighbours=neighbours(self.images, frame),
            right=None if right is None else locate(right),
            baseline=None if right is None else self.baseline,
            time=self.drive.time(self.side, frame),
            licence=LICENCE,
            source="KITTI depth",
        )


def _crops(root: Path, name: str, labels: str | None) -> Iterator[Record]:
    folders = [root / "depth_selection" / name, root / name]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise DataError(f"{root}: no train/, val/ or depth_selection/{name} in it; expected KITTI depth")
    images = files_in(existing(folder / "image", "the cropped images"), (".png",), root=root)
    if not images:
        raise DataError(f"{folder / 'image'}: no images in it")
    for image in images:
        match = _CROP.fullmatch(image.stem)
        if labels is not None and match is None:
            raise DataError(f"{image}: expected a name such as DRIVE_sync_image_0000000005_image_02.png")
        twin = image.stem.replace("_image_", f"_{labels}_", 1)
        label = None if labels is None else existing(folder / labels / f"{twin}.png", "the image's label")
        yield Record(
            id=f"{name}/{image.stem}",
            image=locate(image),
            label=None if label is None else Label(file=locate(label), kind="metric", scale=_STEP),
            camera=_crop_camera(folder / "intrinsics" / f"{image.stem}.txt", image),
            scene=match["drive"] if match else "",
            split="val" if labels is not None else "test",
            licence=LICENCE,
            source="KITTI depth",
        )


def _crop_camera(path: Path, image: Path) -> Camera:
    matrix = read_matrix(path, ((1, 9), (3, 3))).reshape(3, 3)
    (fx, _, cx), (_, fy, cy), _ = matrix.tolist()
    width, height = image_size(image)
    return make_camera(path, first_centre=0.0, width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)
