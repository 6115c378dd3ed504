"""COLMAP's sparse model, text or binary: cameras, posed images with the points they observe, points in space.

COLMAP's axes and pixel centres (integer + 0.5) are ours, so nothing is converted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.files.cameras.colmap import parse
from onedepth.rotations import rotations

_MODELS = (  # name and number of parameters by COLMAP's number of the model
    ("SIMPLE_PINHOLE", 3), ("PINHOLE", 4), ("SIMPLE_RADIAL", 4), ("RADIAL", 5), ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8), ("FULL_OPENCV", 12), ("FOV", 5), ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5), ("THIN_PRISM_FISHEYE", 12),
)  # fmt: skip
_LARGEST = 4 << 30  # bytes of a model file; a model of a whole city is smaller
_TRACK = np.dtype([("x", "<f8"), ("y", "<f8"), ("point", "<i8")])


@dataclass(frozen=True, eq=False)
class ColmapImage:
    """A posed image of a model.

    Attributes:
        camera_id: Of its camera in the model.
        rotation: (3, 3), world to camera.
        translation: (3,), world to camera, in the model's units.
        pixels: (N, 2) where it observes points, in pixels of the image that was reconstructed.
        points: (N,) ids of those points; -1 where a feature belongs to none.
    """

    camera_id: int
    rotation: npt.NDArray[np.float64]
    translation: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.float64]
    points: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ColmapModel:
    """A sparse model.

    Attributes:
        cameras: By id.
        images: By file name as COLMAP knows it.
        point_ids: (P,) ascending.
        points: (P, 3) in the model's units, in the order of `point_ids`.
        errors: (P,) mean reprojection error in pixels.
    """

    cameras: dict[int, Camera]
    images: dict[str, ColmapImage]
    point_ids: npt.NDArray[np.int64]
    points: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]


def read_model(folder: Path) -> ColmapModel:
    """Read `cameras`, `images` and `points3D` of a folder, binary where there is both.

    Raises:
        DataError: A file is missing or damaged.
    """
    kind = ".bin" if (folder / "cameras.bin").is_file() else ".txt"
    cameras, images, points = (
        _read(folder / f"{name}{kind}", parser)
        for name, parser in zip(("cameras", "images", "points3D"), _PARSERS[kind], strict=True)
    )
    table = np.array([(n, *xyz, error) for n, xyz, error in points], np.float64).reshape(-1, 5)
    table = table[np.argsort(table[:, 0], kind="stable")]
    return ColmapModel(dict(cameras), dict(images), table[:, 0].astype(np.int64), table[:, 1:4], table[:, 4])


def _read(path: Path, parser: Any) -> list[Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: larger than {_LARGEST >> 30} GB; expected a COLMAP model")
        return list(parser(path.read_bytes()))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); expected cameras, images, points3D"
        ) from error
    except (struct.error, ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        reason = f"{error}" if isinstance(error, CameraError) else f"damaged ({str(error)[:100]})"
        raise DataError(f"{path}: {reason}") from error


def _rotation(w: float, x: float, y: float, z: float) -> npt.NDArray[np.float64]:
    """Matrix of a quaternion, of any length above 0."""
    return np.asarray(rotations(np.array([[x, y, z, w]], np.float64))[0])


def _image(numbers: Any, camera: int, observed: npt.NDArray[np.void]) -> ColmapImage:
    pixels = np.stack([observed["x"], observed["y"]], axis=-1)
    return ColmapImage(
        camera, _rotation(*numbers[:4]), np.array(numbers[4:7]), pixels, observed["point"].copy()
    )


def _words(data: bytes) -> Iterator[list[str]]:
    for line in data.decode("utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split()


def _cameras_of_text(data: bytes) -> Iterator[tuple[int, Camera]]:
    for words in filter(None, _words(data)):
        yield int(words[0]), parse(" ".join(words), None, None)


def _images_of_text(data: bytes) -> Iterator[tuple[str, ColmapImage]]:
    lines = _words(data)
    for words in lines:
        if not words:
            continue
        track = np.array(next(lines, []), np.float64).reshape(-1, 3)
        observed = np.empty(len(track), _TRACK)
        for column, name in enumerate(("x", "y", "point")):
            observed[name] = track[:, column]
        yield " ".join(words[9:]), _image([float(word) for word in words[1:8]], int(words[8]), observed)


def _points_of_text(data: bytes) -> Iterator[tuple[int, tuple[float, ...], float]]:
    for words in filter(None, _words(data)):
        yield int(words[0]), tuple(map(float, words[1:4])), float(words[7])


def _cameras_of_bytes(data: bytes) -> Iterator[tuple[int, Camera]]:
    at = 8
    for _ in range(_count(data)):
        identifier, number, width, height = struct.unpack_from("<iiQQ", data, at)
        name, parameters = _MODELS[number]
        values = struct.unpack_from(f"<{parameters}d", data, at + 24)
        at += 24 + 8 * parameters
        yield identifier, parse(" ".join(map(str, (identifier, name, width, height, *values))), None, None)


def _images_of_bytes(data: bytes) -> Iterator[tuple[str, ColmapImage]]:
    at = 8
    for _ in range(_count(data)):
        _, *numbers, camera = struct.unpack_from("<i7di", data, at)
        end = data.index(b"\0", at + 64)
        name = data[at + 64 : end].decode("utf-8")
        (count,) = struct.unpack_from("<Q", data, end + 1)
        observed = np.frombuffer(data, _TRACK, count, end + 9)
        at = end + 9 + count * _TRACK.itemsize
        yield name, _image(numbers, camera, observed)


def _points_of_bytes(data: bytes) -> Iterator[tuple[int, tuple[float, ...], float]]:
    at = 8
    for _ in range(_count(data)):
        identifier, x, y, z, _, _, _, error, length = struct.unpack_from("<Q3d3BdQ", data, at)
        at += 51 + 8 * length
        yield identifier, (x, y, z), error


def _count(data: bytes) -> int:
    return int(struct.unpack_from("<Q", data)[0])


_PARSERS = {
    ".txt": (_cameras_of_text, _images_of_text, _points_of_text),
    ".bin": (_cameras_of_bytes, _images_of_bytes, _points_of_bytes),
}
