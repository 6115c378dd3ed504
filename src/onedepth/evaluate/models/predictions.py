"""A folder of predictions made elsewhere, matched to the images by name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from onedepth.depthmap import KINDS, DepthMap, Kind
from onedepth.errors import DataError, DepthFileError
from onedepth.evaluate.models.arrays import read_map
from onedepth.evaluate.models.base import Model, Raster, View, depth_of
from onedepth.files.depth_metadata import SCALES

_SUFFIXES = (".npz", ".npy", ".exr", ".tiff", ".tif", ".pfm", ".png")  # the most exact one of several wins
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
        try:
            depth = read_map(path, self.kind if self.steps is not None else None, self.steps)
        except DepthFileError as error:
            if self.steps is None and _readable(path):
                raise DataError(_says_not(path, self.folder)) from error
            raise
        if self.kind is not None and depth.kind != self.kind:
            raise DataError(f"{path}: holds {depth.kind}, the other predictions of its folder {self.kind}")
        return depth


def _readable(path: Path) -> bool:
    """Whether a file is a map of another program, once somebody says what its numbers mean."""
    try:
        read_map(path, "affine_disparity", 1)
    except DepthFileError:
        return False
    return True


def _says_not(path: Path, folder: Path) -> str:
    return (
        f"{path}: does not say what its numbers mean; write theirs.yaml with `type: predictions`, `name: "
        f"theirs`, `kind:` ({', '.join(KINDS)}), `steps:` (per metre: 1 for metres, or one of "
        f"{', '.join(SCALES)}) and `folder: {folder.absolute()}`, and give --model theirs.yaml"
    )


def open_predictions(
    spec: str,
    folder: Path,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    steps: float | str | None = None,
    quantity: str = "depth",
) -> Model:
    """A folder of depth files, searched with its sub-folders.

    Args:
        spec: As `--model` takes it.
        folder: The folder.
        name: In tables; the folder's name without it.
        kind: Of files that do not say it themselves.
        steps: Steps per metre of such files.
        quantity: Depth; or disparity in 1/metres (times `steps`), which is inverted unless it is affine.

    Raises:
        DataError: There is no depth file.
        DepthFileError: The first one cannot be read, or does not say its kind.
    """
    found = _Folder(folder, kind, steps)
    invert = quantity == "disparity" and kind != "affine_disparity"
    if not found.files:
        raise DataError(f"{folder}: holds no depth file ({', '.join(_SUFFIXES)})")
    if found.kind is None:
        found.kind = found.read(next(iter(found.files.values()))).kind

    def predict(view: View) -> Raster:
        path = found.find(view)
        depth = found.read(path)
        _check_aspect(path, depth, view)
        values = np.where(depth.valid, depth.values, np.float32(np.nan))
        return depth_of(values) if invert else values

    return Model(name or folder.name, found.kind, spec, tuple(sorted(found.files.values())), predict)


def _check_aspect(path: Path, depth: DepthMap, view: View) -> None:
    (height, width), (high, wide) = depth.shape, view.pixels.shape[:2]
    if abs(width / height / (wide / high) - 1) > _ASPECT + 1 / min(width, height, wide, high):
        raise DataError(
            f"{path}: is {width}x{height}, its image {wide}x{high}; not the same view, for the aspects differ"
        )
