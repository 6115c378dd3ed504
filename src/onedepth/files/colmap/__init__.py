"""COLMAP sparse models, text or binary (https://colmap.github.io/format.html), with sparse depth of images.

Pixel centres are at integer + 0.5, as here; poses are world to camera with OpenCV axes; the unit of length is
the model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.files.cameras import colmap as cameras_txt
from onedepth.files.cameras.thin_prism import thin_prism_as_fisheye

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

OBSERVATION = np.dtype([("xy", "<f8", 2), ("point", "<i8")])
"""One keypoint of an image: pixel position, and the id of its point in space, -1 for none."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An image of the model: name, camera id, world-to-camera rotation (3, 3) and translation (3,)."""

    name: str
    camera: int
    rotation: Floats
    translation: Floats
    observed: npt.NDArray[np.void]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points in space, sorted by id: positions (N, 3), errors in pixels (N,), views that saw them (N,)."""

    ids: Ids
    positions: Floats
    errors: Floats
    tracks: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A sparse model.

    Attributes:
        folder: Where it was read.
        cameras: Words of the lines of `cameras.txt` behind the id, by id.
        views: Images by name, in the order of their names.
        points: Points in space.
    """

    folder: Path
    cameras: dict[int, list[str]]
    views: dict[str, View]
    points: Points

    def camera(self, view: View) -> Camera:
        """Camera of an image.

        Raises:
            DataError: Its camera is missing, or of a model that is not supported.
        """
        where = f"{self.folder}: camera {view.camera} of {view.name!r}"
        if view.camera not in self.cameras:
            raise DataError(f"{where} is missing in cameras.txt or cameras.bin")
        words = self.cameras[view.camera]
        try:
            if words[0] == "THIN_PRISM_FISHEYE":
                return thin_prism_as_fisheye(words[1:])
            return cameras_txt.parse(" ".join(["1", *words]), None, None)
        except CameraError as error:
            raise DataError(f"{where}: {error}") from error

    def sparse_depth(self, name: str, *, least_track: int = 3, largest_error: float = 2.0) -> Floats:
        """Depths of the points that were seen in an image, (N, 3): pixel x, pixel y, z-depth.

        Only what the image itself observed, so nothing hidden behind a surface is among it.

        Args:
            name: Of the image.
            least_track: Images in which a point must have been seen; two do not confirm each other.
            largest_error: Mean reprojection error in pixels above which a point is left out.

        Raises:
            DataError: There is no such image.
        """
        if name not in self.views:
            raise DataError(f"{self.folder}: has no image {name!r}; it holds {', '.join(list(self.views)[:3])} ...")
        view, points = self.views[name], self.points
        seen = view.observed[view.observed["point"] >= 0]
        rows = np.searchsorted(points.ids, seen["point"])
        rows[rows == len(points.ids)] = 0
        known = points.ids[rows] == seen["point"] if len(points.ids) else np.zeros(len(seen), bool)
        seen, rows = seen[known], rows[known]
        good = (points.tracks[rows] >= least_track) & (points.errors[rows] <= largest_error)
        seen, rows = seen[good], rows[good]
        depth = points.positions[rows] @ view.rotation[2] + view.translation[2]
        found = np.column_stack([seen["xy"], depth])
        return found[depth > 0]


def is_model(folder: Path) -> bool:
    """Whether a folder holds the images of a sparse model."""
    return any((folder / f"images.{suffix}").is_file() for suffix in ("bin", "txt"))


def read_model(folder: Path) -> Model:
    """Read `cameras`, `images` and `points3D`, .bin if it is there, else .txt.

    Raises:
        DataError: A file is missing or broken; it is named, of text with the line.
    """
    from onedepth.files.colmap import binary, text

    suffix = "bin" if (folder / "images.bin").is_file() else "txt"
    reader = binary if suffix == "bin" else text
    paths = [folder / f"{name}.{suffix}" for name in ("cameras", "images", "points3D")]
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: missing; a COLMAP model is cameras, images and points3D, all .bin or all .txt")
    try:
        cameras, views, points = (
            reader.read_cameras(paths[0]),
            reader.read_views(paths[1]),
            reader.read_points(paths[2]),
        )
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return Model(folder, cameras, {view.name: view for view in sorted(views, key=lambda v: v.name)}, points)


def make_points(ids: list[int], positions: list[Floats], errors: list[float], tracks: list[int]) -> Points:
    """Columns of points3D as arrays, sorted by id."""
    order = np.argsort(np.asarray(ids, np.int64), kind="stable")
    return Points(
        np.asarray(ids, np.int64)[order],
        np.asarray(positions, np.float64).reshape(-1, 3)[order],
        np.asarray(errors, np.float64)[order],
        np.asarray(tracks, np.int64)[order],
    )


def rotation_matrix(qvec: Floats) -> Floats:
    """Rotation (3, 3) of a quaternion (w, x, y, z), normalised first; NaN for a zero one."""
    w, x, y, z = qvec / np.linalg.norm(qvec) if np.any(qvec) else np.full(4, np.nan)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
