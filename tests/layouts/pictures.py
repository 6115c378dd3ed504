"""Files of which data sets consist, made small: pictures, arrays, text."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from onedepth.layouts import LayoutOptions, reader
from onedepth.manifest.record import Record


def records(layout: str, root: Path, **options: object) -> list[Record]:
    """What a reader finds."""
    return list(reader(layout)(root, LayoutOptions(**options)))  # type: ignore[arg-type]


def picture(path: Path, width: int = 8, height: int = 6) -> Path:
    """Write a grey photo, PNG or JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), 127, np.uint8))
    return path


def raster(path: Path, values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> Path:
    """Write a one-channel PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), values)
    return path


def array(path: Path, values: npt.NDArray[np.generic]) -> Path:
    """Write an .npy file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)
    return path


def hdf5(path: Path, **datasets: npt.NDArray[np.generic]) -> Path:
    """Write an HDF5 file."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def text(path: Path, content: str) -> Path:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def numbers(values: npt.ArrayLike) -> str:
    """Numbers of any array in one line, with all their digits."""
    return " ".join(repr(float(value)) for value in np.ravel(values))


def metres(height: int = 6, width: int = 8, seed: int = 0) -> npt.NDArray[np.float32]:
    """Depths of 2 to 30 metres, all different."""
    rng = np.random.default_rng(seed)
    return (2 + 28 * rng.permutation(height * width).reshape(height, width) / (height * width)).astype("f4")
