"""7-Scenes: `seq-NN/frame-NNNNNN.{color.png,depth.png,pose.txt}`, TrainSplit.txt and TestSplit.txt.

Source: readme of the data set (Shotton et al., "Scene coordinate regression forests", CVPR 2013): depth in
millimetres, 65535 = invalid; camera to world; lines `sequenceN` in the split files; "the RGB and depth
camera have not been calibrated ... default intrinsics for the depth camera: principle point (320,240), focal
length (585,585)".

The depth of the download is that of the depth camera. Laid over the colour image as it is, it would be up to
35 pixels off, so it is moved into the colour camera when it is decoded (encoding `seven_scenes`, calibration
there). Depth that was registered by others (`.depth.proj.png`, as SimpleRecon's 7scenes_preprocessing.py
writes) is taken instead where it lies beside. The colour camera is then 525 pixels, centre of the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, choose, locate, pose_values, with_neighbours
from onedepth.layouts.tables import read_matrix, read_rows
from onedepth.layouts.walking import data_root, existing, files_in, walk
from onedepth.manifest.record import Label, Record

CAMERA = Camera(width=640, height=480, fx=525.0, fy=525.0, cx=320.0, cy=240.0)

_SPLITS = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}
_SKY = 65535  # the readme's number for invalid


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of every sequence at or below `root` (a sequence, a scene, or all of them).

    Raises:
        DataError: There is no sequence, or a file is missing or broken.
    """
    accept_only(options, "seven-scenes", "split", "camera")
    wanted = choose(options, "split", _SPLITS)
    root = data_root(root)
    sequences = [folder for folder in walk(root) if _is_sequence(folder)]
    if not sequences:
        raise DataError(f"{root}: no seq-NN folder with frame-NNNNNN.color.png in it or below it")
    splits: dict[Path, dict[str, str]] = {}
    for folder in sequences:
        scene = folder.parent
        if scene not in splits:
            splits[scene] = _splits(scene)
        split = splits[scene].get(folder.name)
        if wanted is not None and not splits[scene]:
            raise DataError(
                f"{scene / _SPLITS[wanted]}: missing; --split needs the split files of the download"
            )
        if wanted is None or split == wanted:
            yield from with_neighbours(list(_sequence(folder, root, split, options.camera or CAMERA)))


def _is_sequence(folder: Path) -> bool:
    return folder.name.startswith("seq-") and any(folder.glob("frame-*.color.png"))


def _splits(scene: Path) -> dict[str, str]:
    """Split by the name of the sequence's folder; empty where the scene has no split files."""
    found: dict[str, str] = {}
    for split, name in _SPLITS.items():
        path = scene / name
        for row in read_rows(path) if path.exists() else []:
            number = re.search(r"([0-9]+)$", row.words[0])
            if number is None:
                raise DataError(f"{row.where}: found {row.words[0]!r}, expected sequenceN")
            found[f"seq-{int(number[1]):02d}"] = split
    return found


def _sequence(folder: Path, root: Path, split: str | None, camera: Camera) -> Iterator[Record]:
    scene = f"{folder.parent.name}/{folder.name}"
    for image in files_in(folder, (".color.png",), root=root):
        stem = image.name.removesuffix(".color.png")
        pose = existing(folder / f"{stem}.pose.txt", "the pose of the frame")
        yield Record(
            id=f"{scene}/{stem}",
            image=locate(image),
            label=_label(folder, stem),
            camera=camera,
            scene=scene,
            split=split,
            pose=pose_values(read_matrix(pose, [(4, 4)]), str(pose)),
            source="seven-scenes",
            licence="Microsoft 7-Scenes: non-commercial",
        )


def _label(folder: Path, stem: str) -> Label:
    registered = folder / f"{stem}.depth.proj.png"
    if registered.exists():
        return Label(file=locate(registered), kind="metric", scale=0.001, sky_at=_SKY)
    path = existing(folder / f"{stem}.depth.png", "the depth of the frame")
    return Label(file=locate(path), kind="metric", encoding="seven_scenes", scale=0.001)
