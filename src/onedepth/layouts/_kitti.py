"""What the KITTI layouts share: calibration tables, rectified cameras, frames of a drive by their number.

KITTI writes a calibration as `key: numbers`. A rectified camera is P = K [I | t] with t in metres in the axes
of the rectified camera 0 (x right, y down, z forward; the devkit's readme.txt, and Geiger et al., "Vision
meets Robotics: The KITTI Dataset", IJRR 2013, eq. 3 to 8). Pixel centres lie at integers there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import CameraError, DataError
from onedepth.files.cameras.kitti import parse
from onedepth.layouts.common import locate
from onedepth.layouts.tables import read_text
from onedepth.layouts.walking import files_in

LICENCE = "CC BY-NC-SA 3.0"
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration file as text, and its numbers by key."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        """Read a file.

        Raises:
            DataError: It is missing or no text.
        """
        if not path.is_file():
            raise DataError(
                f"{path}: calibration file is missing; it comes in a download of its own (calibration)"
            )
        return cls(path, read_text(path))

    def matrix(self, key: str, rows: int, columns: int) -> Matrix:
        """The numbers of `key` as a matrix.

        Raises:
            DataError: The key is missing, or has other than rows * columns finite numbers.
        """
        lines = (line.partition(":") for line in self.text.splitlines())
        words = next((rest.split() for name, colon, rest in lines if colon and name.strip() == key), None)
        if words is None:
            raise DataError(f"{self.path}: field {key!r} is missing")
        try:
            numbers = np.array([float(word) for word in words])
        except ValueError as error:
            raise DataError(f"{self.path}: field {key!r} must be numbers, found {error}") from error
        if numbers.size != rows * columns or not np.isfinite(numbers).all():
            raise DataError(
                f"{self.path}: field {key!r} must be {rows * columns} finite numbers, found {numbers.size}"
            )
        return numbers.reshape(rows, columns)

    def camera(self, key: str, size: tuple[int, int] | None) -> Camera:
        """Pinhole camera of a rectified projection matrix (P2, P_rect_02).

        Raises:
            DataError: The matrix is missing or no projection, or the file has no size and `size` is None.
        """
        try:
            return parse(self.text, key, size)
        except CameraError as error:
            raise DataError(f"{self.path}: {error}") from error

    def shift(self, key: str) -> Matrix:
        """Translation (3) in metres from the rectified camera 0 to the one of this projection matrix."""
        projection = self.matrix(key, 3, 4)
        try:
            shift = np.linalg.solve(projection[:, :3], projection[:, 3]).astype(np.float64)
        except np.linalg.LinAlgError as error:
            raise DataError(f"{self.path}: field {key!r} is not a projection matrix") from error
        return shift

    def baseline(self, left: str, right: str) -> float | None:
        """Metres from the left to the right camera; None where the file has only one of the two."""
        if not all(f"{key}:" in self.text for key in (left, right)):
            return None
        metres = float(self.shift(left)[0] - self.shift(right)[0])
        if not metres > 0:
            raise DataError(f"{self.path}: {right} lies {metres:g} m right of {left}, expected more than 0")
        return metres


def homogeneous(rotation: Matrix, translation: Matrix) -> Matrix:
    """Rigid (4, 4) matrix of a rotation (3, 3) and a translation (3)."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation.ravel()
    return matrix


def shifted(shift: Matrix) -> Matrix:
    """Matrix (4, 4) from the rectified camera 0 to a rectified camera."""
    return homogeneous(np.eye(3), shift)


def twelve(matrix: Matrix) -> tuple[float, ...]:
    """The upper three rows of a matrix as the 12 numbers of a label."""
    return tuple(float(value) for value in matrix[:3].ravel())


def numbered(folder: Path, root: Path, suffixes: tuple[str, ...] = (".png", ".jpg")) -> dict[int, Path]:
    """Files of a folder by the number that is their name; empty where there is no such folder.

    Raises:
        DataError: A name is not a number, or two files have the same one.
    """
    found: dict[int, Path] = {}
    for path in files_in(folder, suffixes, root=root) if folder.is_dir() else []:
        if not path.stem.isdecimal():
            raise DataError(f"{path}: expected a frame number as its name; take the file out of the folder")
        if int(path.stem) in found:
            raise DataError(f"{path}: {found[int(path.stem)].name} beside it has the same number; keep one")
        found[int(path.stem)] = path
    return found


def neighbours(frames: dict[int, Path], number: int) -> tuple[str, ...]:
    """Locators of the frames right before and after, or none where one of the two is missing."""
    around = [frames.get(number - 1), frames.get(number + 1)]
    found = tuple(locate(path) for path in around if path is not None)
    return found if len(found) == 2 else ()
