"""Cameras and poses of Hypersim, with V-Ray's shifted and tilted lenses.

`metadata_camera_parameters.csv` has a 3 x 3 matrix per scene, M_cam_from_uv, that turns (u, v, 1), u and v
from -1 to 1, u to the right and v up, into a ray in camera axes x right, y up, z backwards
(contrib/mikeroberts3000 of github.com/apple/ml-hypersim: 01_casting_rays_that_match_hypersim_images.ipynb).
In pixels and OpenCV axes that is a matrix A with ray = A (x, y, 1). Any such pinhole camera has a K and a
rotation R with A ~ R K^-1 (RQ decomposition of A^-1): a tilted lens is an upright one in axes that are turned
by R, so that z is along the normal of the tilted sensor. Distances do not change, z-depth counts along that
normal, and poses take R along. Only a lens that is tilted both ways has oblique pixels, which no `Camera`
has.
"""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.layouts.common import from_opengl, pose_values
from onedepth.layouts.tables import read_text

Matrix = npt.NDArray[np.float64]
_TO_OPENCV = np.diag([1.0, -1.0, -1.0])
_MOST_OBLIQUE = 0.5  # pixels by which leaving skew out may shift the top or bottom row


@dataclass(frozen=True, slots=True)
class View:
    """A camera, and the rotation (3, 3) from its axes to those that poses are given for."""

    camera: Camera
    turned: Matrix


def default_view(width: int, height: int) -> View:
    """The camera that the README states for all scenes: 60 degrees horizontally."""
    return View(Camera.from_fov(60.0, width, height), np.eye(3))


@dataclass(frozen=True, slots=True)
class Parameters:
    """One row of the table: M_cam_from_uv, the size in pixels, and `file:line`."""

    cam_from_uv: Matrix
    width: int
    height: int
    where: str


def read_parameters(path: Path) -> dict[str, Parameters]:
    """Scene -> its row of the table.

    Raises:
        DataError: A column is missing, or holds no number.
    """
    found: dict[str, Parameters] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(read_text(path))), start=2):
        where = f"{path}:{number}"
        try:
            matrix = [[float(row[f"M_cam_from_uv_{i}{j}"]) for j in range(3)] for i in range(3)]
            size = [int(float(row[f"settings_output_img_{side}"])) for side in ("width", "height")]
            found[row["scene_name"]] = Parameters(np.array(matrix), size[0], size[1], where)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: expected the columns of Hypersim's camera table ({error})") from error
    if not found:
        raise DataError(f"{path}: has no scenes")
    return found


def view_of(scene: Parameters) -> View:
    """Split M_cam_from_uv, which may have any scale, into a camera and a rotation.

    Raises:
        DataError: The matrix is singular, or its pixels are oblique.
    """
    width, height, where = scene.width, scene.height, scene.where
    uv_from_pixels = np.array([[2 / width, 0, -1], [0, -2 / height, 1], [0, 0, 1.0]])
    rays = _TO_OPENCV @ scene.cam_from_uv @ uv_from_pixels
    if not np.isfinite(rays).all() or abs(np.linalg.det(rays)) < 1e-15:
        raise DataError(f"{where}: M_cam_from_uv is no camera (singular)")
    pixels = np.linalg.inv(rays)
    intrinsics, turned = _rq(pixels if np.linalg.det(pixels) > 0 else -pixels)
    intrinsics /= intrinsics[2, 2]
    if abs(intrinsics[0, 1] / intrinsics[1, 1]) * height / 2 > _MOST_OBLIQUE:
        raise DataError(
            f"{where}: the lens is tilted both ways, so that pixels are oblique, which no camera of "
            "ours holds; take the scene out of the folder"
        )
    intrinsics[0, 1] = 0.0
    try:
        return View(Camera.from_matrix(intrinsics, width, height), turned.T)
    except CameraError as error:
        raise DataError(f"{where}: {error}") from error


def _rq(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """Upper triangular matrix with positive diagonal, and rotation, whose product is `matrix` (det > 0)."""
    q, r = np.linalg.qr(matrix[::-1].T)
    upper, rotation = r.T[::-1, ::-1], q.T[::-1]
    signs = np.diag(np.sign(np.diag(upper)))
    return upper @ signs, signs @ rotation


def trajectory(folder: Path, camera: str, view: View) -> dict[int, tuple[float, ...]]:
    """Frame -> camera-to-world in metres; empty where a file of `_detail` is missing.

    Raises:
        DataError: meters_per_asset_unit or a pose cannot be read.
    """
    detail = folder / "_detail"
    names = (f"{camera}/camera_keyframe_positions.hdf5", f"{camera}/camera_keyframe_orientations.hdf5")
    paths = [detail / name for name in ("metadata_scene.csv", *names)]
    if not all(path.is_file() for path in paths):
        return {}
    unit = _metres_per_unit(paths[0])
    positions, orientations = (_dataset(path) for path in paths[1:])
    if positions.shape != (len(positions), 3) or orientations.shape != (len(positions), 3, 3):
        raise DataError(f"{paths[1]}: has shape {positions.shape}, {paths[2].name} {orientations.shape}")
    poses: dict[int, tuple[float, ...]] = {}
    for frame, (position, orientation) in enumerate(zip(positions, orientations, strict=True)):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = orientation, position * unit
        pose = from_opengl(pose)
        pose[:3, :3] = pose[:3, :3] @ view.turned
        poses[frame] = pose_values(pose, f"{paths[2]} frame {frame}")
    return poses


def _metres_per_unit(path: Path) -> float:
    rows = {
        row[0].strip(): row[1].strip() for row in csv.reader(io.StringIO(read_text(path))) if len(row) > 1
    }
    text = rows.get("meters_per_asset_unit", "nothing")
    try:
        unit = float(text)
    except ValueError:
        unit = math.nan
    if not 0 < unit < math.inf:
        raise DataError(
            f"{path}: meters_per_asset_unit is {text!r}, expected metres > 0; unpack the file again"
        )
    return unit


def _dataset(path: Path) -> Matrix:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return np.asarray(file["dataset"][()], dtype=np.float64)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: its data set `dataset` cannot be read ({reason})") from error
