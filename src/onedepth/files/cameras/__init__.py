"""Camera files: ours (JSON), ROS `camera_info` (YAML), COLMAP `cameras.txt` and KITTI calibration.

Every reader converts its source's pixel convention to ours (centres at integer + 0.5) once, at the border.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from onedepth.camera import Camera
from onedepth.errors import CameraError
from onedepth.files.cameras import colmap, kitti, ours, ros
from onedepth.files.cameras.kitti import NoSizeError
from onedepth.files.cameras.ours import camera_from_dict, camera_to_dict, write_camera

__all__ = ["camera_from_dict", "camera_to_dict", "open_camera", "read_camera", "write_camera"]

Size = tuple[int, int]

_ANY_SIZE = (1000, 1000)
_LARGEST_FILE = 16 << 20  # bytes; somebody will name a video here


class _Format(NamedTuple):
    suffixes: tuple[str, ...]
    content: str  # regular expression that must occur in the text
    parse: Callable[[str, str | None, Size | None], Camera]


_FORMATS = (
    _Format((".json",), r"", ours.parse),
    _Format((".yaml", ".yml"), r"", ros.parse),
    _Format((".txt",), r"(?m)^(P\d|P_rect_\d+|K_\d+):", kitti.parse),
    _Format((".txt",), r"(?m)^\s*\d+\s+[A-Z_]+\s", colmap.parse),
)
_EXPECTED = "JSON of OneDepth, ROS camera_info .yaml, COLMAP cameras.txt or KITTI calib .txt"


def read_camera(path: str | os.PathLike[str], *, size: Size | None = None, name: str | None = None) -> Camera:
    """Read a camera file; the format goes by suffix and content.

    Args:
        path: The file: `.json` (ours), `.yaml` or `.yml` (ROS), `.txt` (COLMAP or KITTI).
        size: (width, height) in pixels of the photo it is for, upright. Needed for KITTI `calib.txt`, which
            carries none; otherwise checked, because a camera of another size is another camera.
        name: Which camera of a file with several: the id in COLMAP; `P2`, `P_rect_02` (both default) or
            `K_02` in KITTI.

    Returns:
        The camera, in our convention.

    Raises:
        CameraError: When the file cannot be read, is none of these formats, lacks or contradicts something,
            or has another size than the photo.
    """
    return open_camera(path, name=name)(size)


def open_camera(path: str | os.PathLike[str], *, name: str | None = None) -> Callable[[Size | None], Camera]:
    """Read a camera file that many photos share: everything but their size is checked at once.

    Args:
        path: As in `read_camera`.
        name: As in `read_camera`.

    Returns:
        The function from a photo's size to its camera; it raises a CameraError where the size does not fit.

    Raises:
        CameraError: When the file itself cannot be used.
    """
    path = Path(path)
    text = _text(path)
    try:
        parse = _parser(path, text)
        try:
            found = parse(text, name, None)
        except NoSizeError:
            parse(text, name, _ANY_SIZE)
            found = None
    except CameraError as error:
        raise CameraError(f"{path}: {error}") from error.__cause__

    def camera_for(size: Size | None) -> Camera:
        try:
            camera = parse(text, name, size) if found is None else found
            if size is not None and camera.size != tuple(size):
                raise CameraError(_mismatch(camera.size, size))
        except CameraError as error:
            raise CameraError(f"{path}: {error}") from error.__cause__
        return camera

    return camera_for


def _parser(path: Path, text: str) -> Callable[[str, str | None, Size | None], Camera]:
    for form in _FORMATS:
        if path.suffix.lower() in form.suffixes and re.search(form.content, text):
            return form.parse
    raise CameraError(f"not a camera file of a known format; expected {_EXPECTED}")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise CameraError(f"{path}: larger than {_LARGEST_FILE >> 20} MB; expected {_EXPECTED}")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "; colmap model_converter --output_type TXT makes text of it" if path.suffix == ".bin" else ""
        raise CameraError(f"{path}: not a text file; expected {_EXPECTED}{hint}") from error
    except OSError as error:
        raise CameraError(f"{path}: cannot read camera file ({error.strerror or error})") from error


def _mismatch(found: Size, photo: Size) -> str:
    (w, h), (pw, ph) = found, photo
    return (
        f"camera is for {w}x{h} pixels but the photo has {pw}x{ph} (upright); on the command line give a "
        f"camera file for {pw}x{ph}, or --focal or --fov instead; in Python do to the camera what was done "
        f"to the photo: Camera.resize({pw}, {ph}), Camera.crop or Camera.orient"
    )
