"""Hypersim: rendered rooms with distances along the rays.

    ROOT/ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg
                    images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5   (data set `dataset`)
                    _detail/metadata_scene.csv, _detail/cam_00/camera_keyframe_{positions,orientations}.hdf5
    ROOT/metadata_camera_parameters.csv        (contrib/mikeroberts3000 of the repository; strongly advised)
    ROOT/metadata_images_split_scene_v1.csv    (evermotion_dataset/analysis of the repository; for --split)

The scenes may lie one or two folders deeper, the two tables in ROOT, beside it, or as in the repository. The
numbers are "Euclidean distances (in meters) to the optical center of the camera", NaN where there is nothing;
camera axes are x right, y up, z backwards, positions in asset units (README of github.com/apple/ml-hypersim;
Roberts et al., ICCV 2021). Metres come from the artists' asset units by meters_per_asset_unit, which is not
plausible for every scene: `onedepth data check` shows the medians. Poses are left out where the files of
`_detail` are.

Cameras: every scene has its own, some with shifted and tilted lenses (`_hypersim_cameras`). Without the table
the camera is the one that the README states for all: 60 degrees horizontally, square pixels.

`--split`: train, val or test of the table; without it all frames are listed.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts._hypersim_cameras import (
    Parameters,
    View,
    default_view,
    read_parameters,
    trajectory,
    view_of,
)
from onedepth.layouts.common import accept_only, choose, image_size, locate, with_neighbours
from onedepth.layouts.tables import read_text
from onedepth.layouts.walking import data_root, existing, files_in, folders_in
from onedepth.manifest.record import Label, Record

_SCENE = re.compile(r"ai_\d{3}_\d{3}")
_TRAJECTORY = re.compile(r"scene_(cam_\d\d)_final_preview")
_FRAME = re.compile(r"frame\.(\d{4})\.tonemap")
_SPLITS = ("train", "val", "test")
_CAMERAS = ("metadata_camera_parameters.csv", "contrib/mikeroberts3000/metadata_camera_parameters.csv")
_LISTS = (
    "metadata_images_split_scene_v1.csv",
    "evermotion_dataset/analysis/metadata_images_split_scene_v1.csv",
)
Frame = tuple[str, str, int]


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of all scenes, or those of `--split`.

    Raises:
        ConfigError: An option is of no use here, or the split is unknown or its table missing.
        DataError: No scene is found, a frame lacks its distances, or a table cannot be read.
    """
    accept_only(options, "hypersim", "split")
    split = choose(options, "split", _SPLITS)
    root = data_root(root)
    table = _beside(root, _CAMERAS)
    cameras = {} if table is None else read_parameters(table)
    splits = _splits(root, split)
    scenes = list(_scenes(root, 2))
    if not scenes:
        raise DataError(f"{root}: no scene ai_VVV_NNN in it; expected the unpacked archives of Hypersim")
    records = (record for scene in scenes for record in _scene(scene, cameras, splits, root))
    return (record for record in records if split in (None, record.split))


def _scenes(folder: Path, levels: int) -> Iterator[Path]:
    for child in folders_in(folder):
        if _SCENE.fullmatch(child.name):
            yield child
        elif levels:
            yield from _scenes(child, levels - 1)


def _scene(
    folder: Path, cameras: dict[str, Parameters], splits: dict[Frame, str], root: Path
) -> Iterator[Record]:
    if cameras and folder.name not in cameras:
        raise DataError(f"{folder}: the table of cameras has no scene of this name; get it whole")
    view = view_of(cameras[folder.name]) if cameras else None
    for images in folders_in(existing(folder / "images", "the images of the scene"), root=root):
        match = _TRAJECTORY.fullmatch(images.name)
        if match:
            frames = list(_frames(folder, match[1], view, splits, root))
            yield from with_neighbours(frames)


def _frames(
    folder: Path, camera: str, view: View | None, splits: dict[Frame, str], root: Path
) -> Iterator[Record]:
    images = files_in(folder / "images" / f"scene_{camera}_final_preview", (".tonemap.jpg",), root=root)
    distances = folder / "images" / f"scene_{camera}_geometry_hdf5"
    size = image_size(images[0]) if images else (1, 1)
    view = view or default_view(*size)
    if images and size != view.camera.size:
        expected = "x".join(map(str, view.camera.size))
        raise DataError(f"{images[0]}: is {size[0]}x{size[1]}, but its camera is of {expected}")
    poses = trajectory(folder, camera, view) if images else {}
    for image in images:
        match = _FRAME.fullmatch(image.stem)
        if match is None:
            raise DataError(f"{image}: expected a name such as frame.0000.tonemap.jpg")
        number = int(match[1])
        file = existing(distances / f"frame.{match[1]}.depth_meters.hdf5", "the distances of the frame")
        yield Record(
            id=f"{folder.name}/{camera}/{match[1]}",
            image=locate(image),
            label=Label(file=locate(file, "dataset"), kind="metric", encoding="hdf5", quantity="distance"),
            camera=view.camera,
            scene=folder.name,
            split=splits.get((folder.name, camera, number)),
            pose=poses.get(number),
            licence="CC BY-SA 3.0",
            source="Hypersim",
        )


def _splits(root: Path, wanted: str | None) -> dict[Frame, str]:
    """Frame -> part, of the released frames in the table of splits."""
    path = _beside(root, _LISTS)
    if path is None:
        if wanted is not None:
            raise ConfigError(
                f"--split {wanted}: {root / _LISTS[0]} is missing; copy it from apple/ml-hypersim"
            )
        return {}
    found: dict[Frame, str] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(read_text(path))), start=2):
        try:
            frame = row["scene_name"], row["camera_name"], int(row["frame_id"])
            part = row["split_partition_name"]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}:{number}: expected scene_name, camera_name, frame_id and split_partition_name"
            ) from error
        if part in _SPLITS:
            found[frame] = part
    return found


def _beside(root: Path, names: tuple[str, ...]) -> Path | None:
    paths = (folder / name for folder in (root, root.parent) for name in names)
    return next((path for path in paths if path.is_file()), None)
