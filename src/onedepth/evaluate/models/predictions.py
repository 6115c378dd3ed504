"""A folder of predictions made elsewhere, matched to the images by name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from onedepth.depthmap import DepthMap, Kind
from onedepth.errors import DataError
from onedepth.evaluate.models.base import Model, Raster, View
from onedepth.files.depth_formats import read_depth

_SUFFIXES = (".npz", ".exr", ".tiff", ".tif", ".pfm", ".png")  # the most exact one of several wins
_PICTURE = "_picture"
_ASPECT = 0.02  # relative difference of aspect from which two rasters are not the same view


class _Folder:
    """The files of a folder by name, and which record took which."""

    def __init__(self, folder: Path, kind: Kind | None, steps: float | str | None) -> None:
        self.folder, self.kind, self.steps = folder, kind, steps
        self.files: dict[str, Path] = {}
        self.taken: dict[Path, str] = {}
        for suffix in _SUFFIXES:
            for path in sorted(folder.rglob(f"*{suffix}")):
                name = path.relative_to(folder).with_suffix("").as_posix()
                if not name.endswith(_PICTURE):
                    self.files.setdefault(name, path)

    def find(self, view: View) -> Path:
        """The file of a record: named like its id, like the end of its id, or like its image."""
        parts = PurePosixPath(view.id).parts
        names = ["/".join(parts[start:]) for start in range(len(parts))]
        names.append(PurePosixPath(view.image.split("#")[-1]).stem)
        path = next((self.files[name] for name in names if name in self.files), None)
        if path is None:
            raise DataError(
                f"{self.folder}: holds no prediction for {view.id}; expected {names[0]} with one of "
                f"{', '.join(_SUFFIXES)}, or only the end of that name"
            )
        other = self.taken.setdefault(path, view.id)
        if other != view.id:
            raise DataError(f"{path}: belongs to {other} and to {view.id}; name files by the whole id")
        return path

    def read(self, path: Path) -> DepthMap:
        """The map in a file, which must be of the folder's kind."""
        depth = read_depth(path, kind=self.kind if self.steps is not None else None, scale=self.steps)
        if self.kind is not None and depth.kind != self.kind:
            raise DataError(f"{path}: holds {depth.kind}, the other predictions of its folder {self.kind}")
        return depth


def open_predictions(
    spec: str,
    folder: Path,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    steps: float | str | None = None,
) -> Model:
    """A folder of depth files, searched with its sub-folders.

    Args:
        spec: As `--model` takes it.
        folder: The folder.
        name: In tables; the folder's name without it.
        kind: Of files that do not say it themselves.
        steps: Steps per metre of such files.

    Raises:
        DataError: There is no depth file.
        DepthFileError: The first one cannot be read, or does not say its kind.
    """
    found = _Folder(folder, kind, steps)
    if not found.files:
        raise DataError(f"{folder}: holds no depth file ({', '.join(_SUFFIXES)})")
    if found.kind is None:
        found.kind = found.read(next(iter(found.files.values()))).kind

    def predict(view: View) -> Raster:
        path = found.find(view)
        depth = found.read(path)
        _check_aspect(path, depth, view)
        return np.where(depth.valid, depth.values, np.float32(np.nan))

    return Model(name or folder.name, found.kind, spec, tuple(sorted(found.files.values())), predict)


def _check_aspect(path: Path, depth: DepthMap, view: View) -> None:
    (height, width), (high, wide) = depth.shape, view.pixels.shape[:2]
    if abs(width / height / (wide / high) - 1) > _ASPECT + 1 / min(width, height, wide, high):
        raise DataError(
            f"{path}: is {width}x{height}, its image {wide}x{high}; not the same view, for the aspects differ"
        )
