"""DIODE: indoor and outdoor laser scans with far range.

    ROOT/{train,val}/{indoors,outdoor}/scene_00019/scan_00183/NAME.png, NAME_depth.npy, NAME_depth_mask.npy

Depth is float32 (768, 1024, 1) in metres, 0 = nothing was returned; the mask is 1 where it is trusted (README
of github.com/diode-dataset/diode-devkit). The images are crops of panoramas, rendered by one camera of 60 x
45 degrees: its intrinsics.txt says [fx, fy, cx, cy] = [886.81, 927.06, 512, 384] for 1024 x 768. The focal
lengths are 512 / tan 30 and 384 / tan 22.5 degrees, so the centre is that of the image's edges, in our
convention 512 and 384 too. That the numbers are z-depth and not distances along the rays is what evaluations
take for granted; the data set itself does not say it (UNCONFIRMED; `--quantity distance` for who knows
better).

`--split`: train, val, indoors, outdoor, or both words (val/indoors).
"""

from collections.abc import Iterator
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, by_key, choose, image_size, locate
from onedepth.layouts.walking import data_root, existing, files_in, walk
from onedepth.manifest.record import Label, Quantity, Record

_PARTS = ("train", "val", "test")
_KINDS = ("indoors", "outdoor")
_CAMERA = Camera(width=1024, height=768, fx=886.81, fy=927.06, cx=512.0, cy=384.0)


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the images of all scans, or those of `--split`.

    Raises:
        ConfigError: An option is of no use here, or the split is unknown.
        DataError: No scan is found, or an image lacks its depth or mask.
    """
    accept_only(options, "diode", "split", "quantity")
    distance = choose(options, "quantity", ("depth", "distance")) == "distance"
    words = options.split.split("/") if options.split is not None else []
    if any(word not in (*_PARTS, *_KINDS) for word in words):
        known = ", ".join((*_PARTS, *_KINDS))
        raise ConfigError(f"--split is {options.split!r}, expected {known}, or two of them (val/indoors)")
    root = data_root(root)
    scans = [folder for folder in walk(root) if folder.name.startswith("scan_")]
    wanted = [folder for folder in scans if all(word in folder.parts for word in words)]
    if not wanted:
        what = f"scan of --split {options.split}" if scans else "folder scene_NNNNN/scan_NNNNN"
        raise DataError(f"{root}: no {what} in it; expected train/ and val/ of DIODE")
    return (
        record for folder in wanted for record in _scan(folder, root, "distance" if distance else "depth")
    )


def _scan(folder: Path, root: Path, quantity: Quantity) -> Iterator[Record]:
    images = by_key(files_in(folder, (".png",), root=root))
    arrays = by_key(files_in(folder, (".npy",), root=root))
    lone = [key for key in arrays if key.removesuffix("_depth_mask").removesuffix("_depth") not in images]
    if lone:
        raise DataError(
            f"{arrays[lone[0]]}: its image is missing; add it, or take the file out of the folder"
        )
    for key, image in images.items():
        depth = existing(folder / f"{key}_depth.npy", "the image's depth")
        mask = existing(folder / f"{key}_depth_mask.npy", "the depth's mask")
        yield Record(
            id=image.relative_to(root).with_suffix("").as_posix(),
            image=locate(image),
            label=Label(
                file=locate(depth), kind="metric", encoding="npy", quantity=quantity, mask=locate(mask)
            ),
            camera=_CAMERA.resize(*image_size(image)),
            scene=folder.parent.name,
            split=next((part for part in _PARTS if part in folder.parts), None),
            licence="MIT",
            source="DIODE",
        )
