"""What readers of layouts share: options, pairs of files, neighbours in time, poses.

Folders are walked by `walking.py` and text is read by `tables.py`.
"""

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError, ConfigError, DataError, ImageError
from onedepth.layouts import LayoutOptions
from onedepth.manifest.record import LabelKind, Record
from onedepth.manifest.storage import join_locator
from onedepth.rotations import rotations

_RIGID = 1e-2  # how far R R^T may be from 1: rotations of text files are rounded to a few digits


def accept_only(options: LayoutOptions, layout: str, *used: str) -> None:
    """Refuse every option that was given and that this layout has no use for.

    Raises:
        ConfigError: One was given that is not among `used`; it is named. Or the scale is not above 0.
    """
    if options.scale is not None and not 0 < options.scale < math.inf:
        raise ConfigError(f"--scale is {options.scale}, expected metres (or units) per stored step, > 0")
    for field in fields(options):
        if field.name not in (*used, "scale_name") and getattr(options, field.name) is not None:
            takes = ", ".join(f"--{name}" for name in used) or "none"
            raise ConfigError(
                f"--{field.name} was given, but the layout {layout} fixes it; leave it out (it takes {takes})"
            )


def choose(options: LayoutOptions, name: str, allowed: Iterable[str]) -> str | None:
    """Value of a text option, None where it was not given.

    Raises:
        ConfigError: The value is not one of `allowed`.
    """
    value: str | None = getattr(options, name)
    choices = list(allowed)
    if value is not None and value not in choices:
        raise ConfigError(f"--{name} is {value!r}, expected one of {', '.join(choices)}")
    return value


def locate(path: Path | str, item: object = None) -> str:
    """Locator of a local file, absolute, or of an item in it.

    Raises:
        DataError: The name is not UTF-8, as a manifest is.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{os.fsencode(path)!r}: a name that is not UTF-8; rename it") from error
    return join_locator(os.path.abspath(path), None if item is None else str(item))


def by_key(paths: Iterable[Path], prefix: str = "", suffix: str = "") -> dict[str, Path]:
    """Files by what is left of their stems without `prefix` and `suffix`; others are left out.

    Raises:
        DataError: Two files have the same key (a.jpg and a.png), so that nobody knows which is meant.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not (path.stem.startswith(prefix) and path.stem.endswith(suffix)):
            continue
        key = path.stem[len(prefix) : len(path.stem) - len(suffix)]
        if key in found:
            raise DataError(f"{path}: {found[key].name} beside it has the same name; keep one of the two")
        found[key] = path
    return found


def pair(
    images: Mapping[str, Path], labels: Mapping[str, Path], where: Path, *, what: str = "depth"
) -> Iterator[tuple[str, Path, Path]]:
    """Yield (key, image, label) in the order of `images`; every image has a twin and every label too.

    Args:
        images: Images by key (see `by_key`).
        labels: Labels by key.
        where: Folder to name when there is nothing at all.
        what: What a label is called in messages.

    Raises:
        DataError: There are no images, or a file on either side lacks its twin.
    """
    if not images:
        raise DataError(f"{where}: no images in it; expected images with {what} files of the same names")
    for only, other, word in ((images, labels, what), (labels, images, "image")):
        lone = [key for key in only if key not in other]
        if lone:
            more = f" (and {len(lone) - 1} more)" if len(lone) > 1 else ""
            raise DataError(
                f"{only[lone[0]]}: its {word} is missing{more}; add it, or take the file out of the folder"
            )
    return ((key, image, labels[key]) for key, image in images.items())


def with_neighbours(records: Sequence[Record], *, longest_gap: float | None = None) -> Iterator[Record]:
    """Give every inner frame of a clip the images before and after it.

    Args:
        records: In the order of time; the frames of a clip follow each other and share `scene`.
        longest_gap: Seconds between neighbouring frames above which the clip counts as cut (needs `time`).
    """

    def joined(a: Record | None, b: Record | None) -> bool:
        if a is None or b is None or a.scene != b.scene:
            return False
        return longest_gap is None or a.time is None or b.time is None or b.time - a.time <= longest_gap

    padded: list[Record | None] = [None, *records, None]
    for (before, now), after in zip(itertools.pairwise(padded), padded[2:], strict=False):
        assert now is not None
        if before is not None and after is not None and joined(before, now) and joined(now, after):
            yield now.model_copy(update={"neighbours": (before.image, after.image)})
        else:
            yield now


def pose_values(matrix: npt.ArrayLike, where: str) -> tuple[float, ...]:
    """Camera-to-world matrix, 4 x 4 or 3 x 4, as the 16 numbers of a record.

    Raises:
        DataError: It has another shape, is not finite, or its left 3 x 3 part is no rotation.
    """
    pose = np.eye(4)
    try:
        values = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: the pose is not a matrix of numbers") from error
    if values.shape not in ((3, 4), (4, 4)):
        raise DataError(f"{where}: the pose has shape {values.shape}, expected 4 x 4 or 3 x 4")
    pose[:3] = values[:3]
    if not np.isfinite(pose).all():
        raise DataError(f"{where}: the pose is not finite; drop the frame")
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _RIGID or np.linalg.det(rotation) < 0:
        raise DataError(f"{where}: the left 3 x 3 part of the pose is no rotation (R R^T = 1, det = 1)")
    return tuple(float(value) for value in pose.ravel())


def inverted(pose: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Inverse of a rigid 4 x 4 (or 3 x 4) matrix, such as world-to-camera to camera-to-world: (4, 4)."""
    values = np.asarray(pose, dtype=np.float64)
    inverse = np.eye(4)
    inverse[:3, :3] = values[:3, :3].T
    inverse[:3, 3] = -values[:3, :3].T @ values[:3, 3]
    return inverse


def rotation_of(w: float, x: float, y: float, z: float, where: str) -> npt.NDArray[np.float64]:
    """Rotation matrix (3, 3) of a quaternion, which is normalised first.

    Raises:
        DataError: The quaternion is zero or not finite.
    """
    norm = float(np.linalg.norm([w, x, y, z]))
    if not 0 < norm < np.inf:
        raise DataError(f"{where}: quaternion {w, x, y, z} has no direction")
    return np.asarray(rotations(np.array([[x, y, z, w]], np.float64))[0])


def from_opengl(pose: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Camera to world from OpenGL camera axes (x right, y up, z back) to OpenCV's: columns 1, 2 negated."""
    values = np.array(pose, dtype=np.float64)
    values[:, 1:3] *= -1
    return values


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image file as stored; no pixel is decoded.

    Raises:
        DataError: The file is missing, or not an image of a known kind.
    """
    from onedepth.files.image_kinds import open_image

    try:
        with path.open("rb") as file:
            width, height = open_image(file, path).size
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error
    return int(width), int(height)


def kind_by_size(image: Path, label: Path) -> LabelKind:
    """`coarse` for a PNG or npy label that is narrower than its image, else `metric`.

    Raises:
        DataError: A file is missing or not of its kind.
    """
    if label.suffix.lower() == ".npy":
        width = _npy_width(label)
    elif label.suffix.lower() == ".png":
        width = image_size(label)[0]
    else:
        return "metric"
    return "coarse" if width < image_size(image)[0] else "metric"


def _npy_width(path: Path) -> int:
    try:
        return int(np.load(path, mmap_mode="r", allow_pickle=False).shape[1])
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise DataError(f"{path}: is no .npy file of shape (h, w)") from error


def make_camera(where: Path | str, *, first_centre: float, **values: Any) -> Camera:
    """Camera of numbers that a file holds; what is wrong with them is told with the file in front.

    Args:
        where: File (and line) to name.
        first_centre: Coordinate that `cx`, `cy` give to the centre of the first pixel: 0.0 where centres are
            counted at integers (OpenCV, MATLAB toolboxes), 0.5 where edges are (COLMAP, and here).
        **values: Fields of `Camera`.

    Raises:
        DataError: The numbers make no camera.
    """
    try:
        camera = Camera(**values)
        return replace(camera, cx=camera.cx + 0.5 - first_centre, cy=camera.cy + 0.5 - first_centre)
    except CameraError as error:
        raise DataError(f"{where}: {error}") from error


def check_size(camera: Camera, image: Path) -> Camera:
    """`camera`, if it is of the image's size.

    Raises:
        DataError: It is of another, or the image cannot be read.
    """
    size = image_size(image)
    if size != camera.size:
        raise DataError(
            f"{image}: {size[0]}x{size[1]} pixels, but its camera is for {camera.width}x{camera.height}; "
            "give --camera for this size"
        )
    return camera
