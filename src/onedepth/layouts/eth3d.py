"""ETH3D high-resolution multi-view: images/, dslr_calibration_*/ and ground_truth_depth/ of each scene.

Source: eth3d.net/documentation. Ground truth is a file of little-endian float32 rows (named .JPG like the
photo), z-depth in metres, infinite where nothing was measured, made for the original, distorted photos,
whose cameras are THIN_PRISM_FISHEYE (see `files/cameras/thin_prism.py`). Calibration is COLMAP's: world to
camera, pixel centres at integer + 0.5. The archives `*_dslr_jpg.7z` and `*_dslr_depth.7z` unpack into the
same tree.

The undistorted photos have no ground truth of their own. They are listed, without label, only where the
distorted ones are not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.files.cameras import colmap
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, inverted, locate, pose_values, rotation_of
from onedepth.layouts.tables import Row, read_rows, read_text
from onedepth.layouts.walking import data_root, existing, inside, name_below, walk
from onedepth.manifest.record import Label, Record

_CALIBRATIONS = ("dslr_calibration_jpg", "dslr_calibration_undistorted")  # best first
_HEADER = 10  # words of an image's first line


class _Posed(NamedTuple):
    name: str
    camera: str
    pose: tuple[float, ...]


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the photos of every scene at or below `root`.

    Raises:
        DataError: There is no scene, a calibration is broken, or a photo it names is missing.
    """
    accept_only(options, "eth3d")
    root = data_root(root)
    scenes = [folder for folder in walk(root) if any((folder / name).is_dir() for name in _CALIBRATIONS)]
    if not scenes:
        raise DataError(
            f"{root}: no {_CALIBRATIONS[0]}/ in it or below it; expected the unpacked *_dslr_jpg.7z"
        )
    for folder in scenes:
        yield from _scene(folder, root)


def _scene(folder: Path, root: Path) -> Iterator[Record]:
    distorted = (folder / _CALIBRATIONS[0]).is_dir()
    calibration = folder / _CALIBRATIONS[not distorted]
    cameras = _cameras(existing(calibration / "cameras.txt", "COLMAP cameras"))
    for posed in sorted(_images(existing(calibration / "images.txt", "COLMAP images"))):
        image = existing(folder / "images" / posed.name, f"the photo that {calibration / 'images.txt'} names")
        if posed.camera not in cameras:
            raise DataError(f"{calibration / 'cameras.txt'}: has no camera {posed.camera}, of {posed.name}")
        depth = folder / "ground_truth_depth" / posed.name
        label = None
        if distorted and depth.exists():
            camera = cameras[posed.camera]
            _check_length(depth, camera)
            label = Label(file=locate(inside(depth, root)), kind="metric", encoding="float32")
        yield Record(
            id=f"{name_below(folder, root)}/{Path(posed.name).stem}",
            image=locate(inside(image, root)),
            label=label,
            camera=cameras[posed.camera],
            scene=folder.name,
            pose=posed.pose,
            source="eth3d",
            licence="CC BY-NC-SA 4.0",
        )


def _check_length(depth: Path, camera: Camera) -> None:
    expected = 4 * camera.width * camera.height
    if depth.stat().st_size != expected:
        raise DataError(
            f"{depth}: has {depth.stat().st_size} bytes, expected {expected} (float32, "
            f"{camera.width}x{camera.height}); unpack it again (and do not open it with programs for photos)"
        )


def _cameras(path: Path) -> dict[str, Camera]:
    found: dict[str, Camera] = {}
    for row in read_rows(path):
        try:
            found[row.words[0]] = colmap.parse(" ".join(row.words), None, None)
        except CameraError as error:
            raise DataError(f"{row.where}: {error}") from error
    return found


def _images(path: Path) -> Iterator[_Posed]:
    """Every second line; the lines of keypoints between them may be empty."""
    lines = [
        (f"{path}:{number}", line)
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if not line.startswith("#")
    ]
    for where, line in lines[::2]:
        row = Row(where, line.split(maxsplit=_HEADER - 1))
        if len(row.words) != _HEADER:
            raise DataError(
                f"{where}: found {len(row.words)} words, expected IMAGE_ID, a pose of 7, CAMERA_ID and NAME"
            )
        w, x, y, z, *translation = row.numbers(1, 8)
        world_to_camera = np.column_stack([rotation_of(w, x, y, z, where), translation])
        yield _Posed(row.words[9].strip(), row.words[8], pose_values(inverted(world_to_camera), where))
