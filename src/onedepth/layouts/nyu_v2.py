"""NYU Depth v2: the labelled .mat, or the layouts it is commonly exported to.

Source: the data set's page and toolbox (Silberman et al., ECCV 2012). The labelled .mat is HDF5 (MATLAB
v7.3): `images` (480 x 640 x 3 x N), `depths` (in-painted, metres) and `scenes`; `splits.mat` (MATLAB v5)
holds `trainNdxs` and `testNdxs`, which count from 1. Exported are, in the manner of BTS, `rgb_00045.jpg`
beside `sync_depth_00045.png` in a folder per scene, or `rgb/` beside `depth/`; both 640 x 480, millimetres.

The intrinsics are those of the toolbox (camera_params.m), of the undistorted colour camera. They were found
by Bouguet's toolbox, which counts pixel centres from 0; the data set's own functions use them with counts
from 1. The difference, a pixel, is 0.1 degrees; like most users in Python we count from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts._nyu_splits import SPLITS, read_splits
from onedepth.layouts.common import accept_only, by_key, check_size, choose, locate, make_camera, pair
from onedepth.layouts.walking import data_root, files_in, name_below, walk
from onedepth.manifest.record import Encoding, Label, Record

if TYPE_CHECKING:
    import h5py

CAMERA = make_camera(
    "nyu-v2",
    first_centre=0.0,
    width=640,
    height=480,
    fx=518.85790117450188,
    fy=519.46961112127485,
    cx=325.58244941119034,
    cy=253.73616633400465,
)
LABELLED = "nyu_depth_v2_labeled.mat"

_COMMON: dict[str, Any] = {"source": "nyu-v2", "licence": "NYU Depth v2: research"}
_DEPTHS: dict[str, tuple[Encoding, float]] = {".png": ("png16", 0.001), ".npy": ("npy", 1.0)}


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the labelled images of a .mat file (or of the folder it lies in), or exported ones below `root`.

    Raises:
        DataError: There is neither, a file is damaged, a twin is missing, or `--split` needs a list that is
            not there.
    """
    accept_only(options, "nyu-v2", "split", "camera")
    choose(options, "split", SPLITS)
    labelled = root if root.is_file() else root / LABELLED
    if labelled.is_file():
        yield from _labelled(labelled, options)
    else:
        yield from _exported(data_root(root), options)


def _labelled(path: Path, options: LayoutOptions) -> Iterator[Record]:
    scenes = _scenes(path)
    splits = read_splits(path.parent, len(scenes))
    if options.split is not None and not splits:
        raise DataError(
            f"{path.parent / 'splits.mat'}: missing; --split needs the official splits.mat, or trainNdxs.txt "
            "and testNdxs.txt, beside the data"
        )
    for index, scene in enumerate(scenes):
        split = splits.get(index)
        if options.split is None or split == options.split:
            yield Record(
                id=f"nyu_v2/{index:06d}",
                image=locate(path, f"images/{index}"),
                label=Label(file=locate(path, f"depths/{index}"), kind="metric", encoding="hdf5"),
                camera=options.camera or CAMERA,
                scene=scene,
                split=split,
                **_COMMON,
            )


def _scenes(path: Path) -> list[str]:
    """Scene of each image; also checks that the file is what its name says."""
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: needs h5py; run `pip install 'onedepth[data]'`") from error
    try:
        with h5py.File(path, "r") as file:
            for name in ("images", "depths", "scenes"):
                if name not in file:
                    raise DataError(f"{path}: has no {name!r}; expected {LABELLED} of the download")
            count = file["images"].shape[0]
            if file["depths"].shape[0] != count or file["scenes"].size != count:
                sizes = f"{count} images, {file['depths'].shape[0]} depths, {file['scenes'].size} scenes"
                raise DataError(f"{path}: has {sizes}; the numbers must agree")
            return [_text(file, reference) for reference in file["scenes"][()].ravel()]
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, DataError):
            raise
        reason = " ".join(str(error).split())[:120]
        raise DataError(
            f"{path}: cannot be read as HDF5 (MATLAB v7.3): {reason}; download it again"
        ) from error


def _text(file: h5py.File, reference: Any) -> str:
    """MATLAB keeps a cell's text as a data set of character codes."""
    return "".join(chr(code) for code in file[reference][()].ravel())


def _exported(root: Path, options: LayoutOptions) -> Iterator[Record]:
    found = False
    for folder in walk(root):
        split = _split_of(folder, root)
        pairs = _pairs(folder, root) if options.split in (None, split) else None
        if pairs is None:
            continue
        camera: Camera | None = None
        for key, image, label in pairs:
            found = True
            if camera is None:  # all images of an export are alike
                camera = check_size(options.camera or CAMERA, image)
            encoding, scale = _DEPTHS[label.suffix.lower()]
            yield Record(
                id=f"{name_below(folder, root)}/{key}",
                image=locate(image),
                label=Label(file=locate(label), kind="metric", encoding=encoding, scale=scale),
                camera=camera,
                scene=folder.name,
                split=split,
                **_COMMON,
            )
    if not found:
        of_split = f" of split {options.split}" if options.split else ""
        raise DataError(
            f"{root}: no data{of_split} found; expected {LABELLED}, rgb_*.jpg beside sync_depth_*.png, or "
            "rgb/ beside depth/"
        )


def _pairs(folder: Path, root: Path) -> Iterator[tuple[str, Path, Path]] | None:
    """Images and depths of a folder, if it is of one of the exported layouts."""
    images = [path for path in files_in(folder, root=root) if path.name.startswith("rgb_")]
    if images:
        depths = by_key(files_in(folder, (".png",), root=root), "sync_depth_")
        return pair(by_key(images, "rgb_"), depths, folder)
    if (folder / "rgb").is_dir() and (folder / "depth").is_dir():
        depths = by_key(files_in(folder / "depth", tuple(_DEPTHS), root=root))
        return pair(by_key(files_in(folder / "rgb", root=root)), depths, folder / "rgb")
    return None


def _split_of(folder: Path, root: Path) -> str | None:
    """`train` or `test` of a folder's path, as BTS's official_splits/train/kitchen."""
    parts = (root.name, *folder.relative_to(root).parts)
    return next((part for part in reversed(parts) if part in SPLITS), None)
