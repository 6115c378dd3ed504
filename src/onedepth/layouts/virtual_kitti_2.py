"""Virtual KITTI 2: five rendered driving scenes in ten variants of weather, light and view.

    ROOT/SceneNN/VARIANT/frames/rgb/Camera_0/rgb_00000.jpg      (vkitti_2.0.3_rgb.tar)
    ROOT/SceneNN/VARIANT/frames/depth/Camera_0/depth_00000.png  (vkitti_2.0.3_depth.tar)
    ROOT/SceneNN/VARIANT/{intrinsic,extrinsic}.txt              (vkitti_2.0.3_textgt.tar, optional)

The three archives may also lie side by side in ROOT, each in a folder of its own name (vkitti_2.0.3_rgb/,
...). Labels are 16-bit PNG, z-depth in centimetres up to the far plane at 655.35 m, which is the sky and no
measurement here (page of the data set, "Data format"; Cabon et al., "Virtual KITTI 2", 2020). `intrinsic.txt`
has lines `frame camera fx fy cx cy`, `extrinsic.txt` `frame camera` and 16 numbers, world to camera, OpenCV
axes, metres. Without them the camera is the published one of all scenes: f = 725.0087, centre (620.5, 187) of
1242 x 375, which counts pixel centres at integers. The baseline is 0.532725 m.

The left camera is listed, Camera_1 as its right view. `--split` picks a variant (clone, fog, rain,
15-deg-left, ...). All variants of a scene show the same place, so they are one `scene`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    image_size,
    inverted,
    locate,
    make_camera,
    pair,
    pose_values,
)
from onedepth.layouts.tables import Row, read_rows
from onedepth.layouts.walking import data_root, files_in, folders_in
from onedepth.manifest.record import Label, Record

_ARCHIVES = {"rgb": "vkitti_2.0.3_rgb", "depth": "vkitti_2.0.3_depth", "text": "vkitti_2.0.3_textgt"}
_FOCAL, _CENTRE, _SIZE = 725.0087, (620.5, 187.0), (1242, 375)
_BASELINE = 0.532725
_FAR_PLANE = 65535


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the frames of all scenes and variants, or those of the variant `--split`.

    Raises:
        ConfigError: An option is of no use here, or there is no such variant.
        DataError: No scene is found, an image lacks its depth, or a table lacks a frame.
    """
    accept_only(options, "virtual-kitti-2", "split")
    root = data_root(root)
    homes = {kind: root / name if (root / name).is_dir() else root for kind, name in _ARCHIVES.items()}
    scenes = [folder for folder in folders_in(homes["rgb"], root=root) if folder.name.startswith("Scene")]
    variants = [folder for scene in scenes for folder in folders_in(scene, root=root)]
    if not variants:
        raise DataError(f"{homes['rgb']}: no folder SceneNN/VARIANT in it; unpack vkitti_2.0.3_rgb.tar")
    wanted = [folder for folder in variants if options.split in (None, folder.name)]
    if not wanted:
        known = ", ".join(sorted({folder.name for folder in variants}))
        raise ConfigError(f"--split is {options.split!r}, but the variants in {root} are {known}")
    return (record for folder in wanted for record in _variant(folder, homes, root))


def _variant(folder: Path, homes: dict[str, Path], root: Path) -> Iterator[Record]:
    below = Path(folder.parent.name) / folder.name
    depth_folder = homes["depth"] / below / "frames" / "depth" / "Camera_0"
    if not depth_folder.is_dir():
        raise DataError(f"{depth_folder}: missing; unpack vkitti_2.0.3_depth.tar beside the images")
    colour = folder / "frames" / "rgb"
    images, depths = files_in(colour / "Camera_0", root=root), files_in(depth_folder, root=root)
    rights = files_in(colour / "Camera_1", root=root) if (colour / "Camera_1").is_dir() else []
    pairs = list(pair(by_key(images, "rgb_"), by_key(depths, "depth_"), colour))
    frames = {key: image for key, image, _ in pairs}
    others = by_key(rights, "rgb_")
    size = image_size(pairs[0][1])
    cameras = _table(homes["text"] / below / "intrinsic.txt")
    poses = _table(homes["text"] / below / "extrinsic.txt")
    keys = list(frames)
    for position, (key, image, depth) in enumerate(pairs):
        where = f"{below.as_posix()}/{key}"
        right = others.get(key)
        around = keys[position - 1 : position + 2] if 0 < position < len(keys) - 1 else []
        extrinsic = _row(poses, key, homes["text"] / below / "extrinsic.txt")
        yield Record(
            id=where,
            image=locate(image),
            label=Label(file=locate(depth), kind="metric", scale=0.01, sky_at=_FAR_PLANE),
            camera=_camera(_row(cameras, key, homes["text"] / below / "intrinsic.txt"), size, image),
            scene=folder.parent.name,
            neighbours=tuple(locate(frames[other]) for other in around if other != key),
            right=None if right is None else locate(right),
            baseline=None if right is None else _BASELINE,
            pose=None
            if extrinsic is None
            else pose_values(inverted(np.reshape(extrinsic.numbers(2, 18), (4, 4))), extrinsic.where),
            licence="CC BY-NC-SA 3.0",
            source="Virtual KITTI 2",
        )


def _table(path: Path) -> dict[int, Row]:
    """Rows of the left camera by frame; the first line is the heading."""
    rows = read_rows(path)[1:] if path.is_file() else []
    return {int(row.number(0)): row for row in rows if row.number(1) == 0}


def _row(rows: dict[int, Row], key: str, path: Path) -> Row | None:
    if not rows:
        return None
    if not key.isdecimal() or int(key) not in rows:
        raise DataError(f"{path}: has no line for frame {key} of camera 0")
    return rows[int(key)]


def _camera(row: Row | None, size: tuple[int, int], image: Path) -> Camera:
    if row is None and size != _SIZE:
        raise DataError(
            f"{image}: is {size[0]}x{size[1]}, but without intrinsic.txt (vkitti_2.0.3_textgt.tar) only the "
            f"camera of {_SIZE[0]}x{_SIZE[1]} is known"
        )
    fx, fy, cx, cy = (_FOCAL, _FOCAL, *_CENTRE) if row is None else row.numbers(2, 6)
    width, height = size
    where = row.where if row else image
    return make_camera(where, first_centre=0.0, width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)
