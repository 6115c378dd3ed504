"""Polycam raw export: phone LiDAR depth of keyframes as `coarse` labels.

Source: README of github.com/PolyCam/polyform ("Polycam's data format"). In `keyframes/`, named by
microseconds: `corrected_images/` with `corrected_cameras/` (undistorted, poses optimised) where both are
there, else `images/` with `cameras/`; `depth/`, 16-bit PNG in millimetres; `confidence/` 0, 127 or 255, of
which 0 is left out, as the README advises. Cameras are JSON with fx, fy, cx, cy, width, height and t_00 ...
t_23, camera to world, ARKit's axes (y up, looking along -z), turned into OpenCV's here. The principal point
counts from the image's corner (Apple, `ARCamera.intrinsics`), as here. Beyond 5 m the depth "is a total
guess", says the README; it is kept.

Undistorted images have black borders, over which the depth maps (of the original images) lie unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    from_opengl,
    locate,
    make_camera,
    pair,
    pose_values,
    with_neighbours,
)
from onedepth.layouts.tables import field, read_json
from onedepth.layouts.walking import data_root, existing, files_in, folders_with, name_below
from onedepth.manifest.record import Label, Record

_NUMBER = (int, float)
_CHOICES = (("corrected_images", "corrected_cameras"), ("images", "cameras"))  # best first
_LEAST_CONFIDENCE = 127  # medium
_LONGEST_GAP = 1.0  # seconds: keyframes are taken when the phone has moved


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the keyframes of every capture at or below `root`.

    Raises:
        DataError: There is no capture, or an image, its depth or its camera is missing or broken.
    """
    accept_only(options, "polycam")
    root = data_root(root)
    for folder in folders_with(root, "keyframes", "a raw export of Polycam (developer mode)"):
        yield from with_neighbours(list(_capture(folder, root)), longest_gap=_LONGEST_GAP)


def _capture(folder: Path, root: Path) -> Iterator[Record]:
    keyframes, name = folder / "keyframes", name_below(folder, root)
    whole = (names for names in _CHOICES if all((keyframes / name).is_dir() for name in names))
    names = next(whole, _CHOICES[-1])
    images = by_key(files_in(existing(keyframes / names[0], "the images of the keyframes"), root=root))
    depths = by_key(files_in(existing(keyframes / "depth", "the depth maps"), (".png",), root=root))
    kept = {key: path for key, path in depths.items() if key in images or names[0] == "images"}
    for key, image, depth in pair(images, kept, keyframes / names[0]):
        path = existing(keyframes / names[1] / f"{key}.json", "the camera of the keyframe")
        values = read_json(path)
        trusted = keyframes / "confidence" / f"{key}.png"
        yield Record(
            id=f"{name}/{key}",
            image=locate(image),
            label=Label(
                file=locate(depth),
                kind="coarse",
                scale=0.001,
                mask=locate(trusted) if trusted.exists() else None,
                mask_at_least=_LEAST_CONFIDENCE,
            ),
            camera=_camera(values, path),
            scene=name,
            pose=_pose(values, path),
            time=_seconds(image),
            source="polycam",
        )


def _camera(values: object, path: Path) -> Camera:
    numbers = {key: field(values, key, path, _NUMBER) for key in ("fx", "fy", "cx", "cy")}
    size = {key: field(values, key, path, int) for key in ("width", "height")}
    return make_camera(path, first_centre=0.5, **numbers, **size)


def _pose(values: object, path: Path) -> tuple[float, ...]:
    rows = [[field(values, f"t_{i}{j}", path, _NUMBER) for j in range(4)] for i in range(3)]
    return pose_values(from_opengl(rows), str(path))


def _seconds(image: Path) -> float:
    try:
        return int(image.stem) / 1e6
    except ValueError as error:
        raise DataError(f"{image}: expected a name of digits, the time in microseconds") from error
