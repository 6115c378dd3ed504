"""MPI Sintel: frames of the open film with depth and cameras (training set).

    ROOT/training/{clean,final}/alley_1/frame_0001.png       (MPI-Sintel-complete or -training_images)
    ROOT/training/depth/alley_1/frame_0001.dpt               (MPI-Sintel-depth-training)
    ROOT/training/camdata_left/alley_1/frame_0001.cam

A .dpt is a float32 tag 202021.25, int32 width and height, float32 z-depth; a .cam the same tag, then float64
3 x 3 intrinsics and 3 x 4 world-to-camera, OpenCV axes (sdk/python/sintel_io.py of the download: x = M N X).
Units: Blender units, taken as metres. The stereo release states a baseline of 10 cm, which fits, but the film
is a cartoon and evaluations align scale (MiDaS) or cut at 72 m: `--kind scaled` for who wants no metres. The
principal point of the files is (511.5, 217.5) for 1024 x 436, so pixel centres lie at integers (read off the
numbers; the documentation does not say it). Sky and far backdrops are geometry too and have large depths.

`--split clean` or `final` picks the pass; without it both are listed, of the same scenes.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    choose,
    image_size,
    inverted,
    locate,
    make_camera,
    pair,
    pose_values,
    with_neighbours,
)
from onedepth.layouts.walking import data_root, existing, files_in, folders_in
from onedepth.manifest.record import Label, LabelKind, Record

_PASSES = ("clean", "final")
_TAG = 202021.25
_CAM_BYTES = 4 + 8 * (9 + 12)


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of both passes, or of the one named by `--split`.

    Raises:
        ConfigError: An option is of no use here or has an unknown value.
        DataError: No pass is found, an image lacks its depth, or a camera file cannot be read.
    """
    accept_only(options, "sintel", "split", "kind")
    split = choose(options, "split", _PASSES)
    kind: LabelKind = "scaled" if choose(options, "kind", ("metric", "scaled")) == "scaled" else "metric"
    root = data_root(root)
    home = root / "training" if (root / "training").is_dir() else root
    passes = [home / name for name in _PASSES if split in (None, name) and (home / name).is_dir()]
    if not passes:
        raise DataError(f"{home}: no folder {split or 'clean or final'} in it; expected training/ of Sintel")
    existing(home / "depth", "the folder depth/ of MPI-Sintel-depth-training")
    clips = [clip for folder in passes for clip in folders_in(folder, root=root)]
    return (record for clip in clips for record in with_neighbours(list(_clip(clip, home, root, kind))))


def _clip(folder: Path, home: Path, root: Path, kind: LabelKind) -> Iterator[Record]:
    images = by_key(files_in(folder, root=root))
    depth_folder = existing(home / "depth" / folder.name, f"depth of the clip {folder.name}")
    depths = by_key(files_in(depth_folder, (".dpt",), root=root))
    cameras = home / "camdata_left" / folder.name
    size: tuple[int, int] | None = None
    for key, image, depth in pair(images, depths, folder):
        size = size or image_size(image)
        name = f"{folder.parent.name}/{folder.name}/{key}"
        camera, pose = _read_cam(cameras / f"{key}.cam", size) if cameras.is_dir() else (None, None)
        yield Record(
            id=name,
            image=locate(image),
            label=Label(file=locate(depth), kind=kind, encoding="dpt"),
            camera=camera,
            scene=folder.name,
            pose=None if pose is None else pose_values(pose, name),
            licence="CC BY 3.0 (film: Blender Foundation)",
            source="MPI Sintel",
        )


def _read_cam(path: Path, size: tuple[int, int]) -> tuple[Camera, npt.NDArray[np.float64]]:
    data = existing(path, "the camera of the frame").read_bytes()
    if len(data) != _CAM_BYTES or struct.unpack("<f", data[:4])[0] != _TAG:
        raise DataError(f"{path}: is no .cam file of Sintel ({_CAM_BYTES} bytes that begin with {_TAG})")
    numbers = np.frombuffer(data[4:], "<f8")
    fx, _, cx, _, fy, cy, *_ = numbers.tolist()
    width, height = size
    camera = make_camera(path, first_centre=0.0, width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)
    return camera, inverted(numbers[9:].reshape(3, 4))
