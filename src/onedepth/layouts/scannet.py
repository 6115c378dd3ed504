"""ScanNet as `SensReader` exports it: color/N.jpg, depth/N.png, pose/N.txt and intrinsic/ in each scene.

Source: `SensReader/python` of github.com/ScanNet/ScanNet. Poses are camera to world, OpenCV axes, -inf where
tracking was lost (the frame is kept, its pose is not). Depth is in millimetres. `intrinsic_color.txt` is for
the colour image as exported; its pixel convention is not documented, and like the public loaders we count
centres from integers.

Colour is 1296 x 968 and depth 640 x 480, so labels are `coarse`; where the colour images were exported at
the size of the depth maps they are `metric`. The two rasters differ by 0.4 % in aspect (2 pixels of colour
at the upper and lower edge). Splits come from `scannetv2_train.txt`, `_val.txt` and `_test.txt` in the root,
if they are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    choose,
    image_size,
    kind_by_size,
    locate,
    pair,
    pose_values,
    with_neighbours,
)
from onedepth.layouts.tables import read_matrix, read_rows
from onedepth.layouts.walking import data_root, existing, files_in, folders_with, name_below
from onedepth.manifest.record import Label, LabelKind, Record

_SPLITS = ("train", "val", "test")


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of every exported scene at or below `root`.

    Raises:
        DataError: A folder or file is missing or broken, or `--split` is asked for without the lists.
    """
    accept_only(options, "scannet", "split", "camera")
    root = data_root(root)
    wanted = choose(options, "split", _SPLITS)
    splits = _splits(root)
    if wanted is not None and wanted not in splits.values():
        raise DataError(
            f"{root / f'scannetv2_{wanted}.txt'}: missing or empty; --split needs this list of scenes"
        )
    for folder in folders_with(root, "intrinsic", "scenes with color/, depth/, pose/ and intrinsic/"):
        split = splits.get(folder.name)
        if wanted is None or split == wanted:
            frames = _scene(folder, root, split, options.camera)
            yield from with_neighbours(list(frames))


def _splits(root: Path) -> dict[str, str]:
    lists = {split: root / f"scannetv2_{split}.txt" for split in _SPLITS}
    return {row.words[0]: split for split, path in lists.items() if path.exists() for row in read_rows(path)}


def _scene(folder: Path, root: Path, split: str | None, given: Camera | None) -> Iterator[Record]:
    images = by_key(files_in(existing(folder / "color", "colour images N.jpg"), root=root))
    labels = by_key(files_in(existing(folder / "depth", "depth maps N.png"), (".png",), root=root))
    camera: Camera | None = None
    kind: LabelKind = "metric"
    for key, image, label in pair(images, labels, folder / "color"):
        if camera is None:  # all frames of a scene are alike
            camera = given or _camera(folder / "intrinsic" / "intrinsic_color.txt", image)
            kind = kind_by_size(image, label)
        yield Record(
            id=f"{name_below(folder, root)}/{key}",
            image=locate(image),
            label=Label(file=locate(label), kind=kind, scale=0.001),
            camera=camera,
            scene=folder.name,
            split=split,
            pose=_pose(folder / "pose" / f"{key}.txt"),
            source="scannet",
            licence="ScanNet terms of use: non-commercial",
        )


def _camera(path: Path, image: Path) -> Camera:
    matrix = read_matrix(existing(path, "the 4 x 4 intrinsic matrix of the colour camera"), [(4, 4), (3, 3)])
    width, height = image_size(image)
    try:
        return Camera.from_matrix(matrix[:3, :3], width, height, first_centre=0.0)
    except CameraError as error:
        raise DataError(f"{path}: {error}") from error


def _pose(path: Path) -> tuple[float, ...] | None:
    if not path.exists():
        return None
    matrix = read_matrix(path, [(4, 4)])
    return pose_values(matrix, str(path)) if np.isfinite(matrix).all() else None
