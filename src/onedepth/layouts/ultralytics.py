"""A data set YAML as Ultralytics uses it: `path`, `train`, `val`, `test`; depth twins beside images.

Source: docs.ultralytics.com/datasets/depth (October 2026; PNG since 8.4.123). The depth of an image is found
by replacing the last folder called `images` in its path by `depth`: a 16-bit PNG, divided by `depth_scale`
(1000 where it is missing: millimetres), or else a .npy of metres; 0 or less is not measured. A depth map
narrower than its image is `coarse`. A split is a folder, a .txt list of images, or a list of these.

`path` may lie anywhere; a relative one counts from the YAML's folder, or from the folder above, or from
`datasets` beside that (Ultralytics' usual place). Everything else must lie inside `path`. `download` is
never run. Where Ultralytics leaves out an image without twin, we stop and name it. Cameras are not part of
the layout; `--camera` gives one to all images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, check_size, choose, kind_by_size, locate
from onedepth.layouts.tables import read_rows, read_text
from onedepth.layouts.walking import existing, files_in, inside, walk
from onedepth.manifest.record import Label, Record

_SPLITS = ("train", "val", "test")
_STEPS = 1000.0  # steps a metre where depth_scale is missing


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the images of every split that the YAML names.

    Args:
        root: The YAML file, or a folder with one YAML in it.
        options: `split` and `camera` are used.

    Raises:
        DataError: The YAML is broken or lacks a field, or an image or its depth is missing.
    """
    accept_only(options, "ultralytics", "split", "camera")
    choose(options, "split", _SPLITS)
    path = _yaml(root)
    values = _load(path)
    folder = _folder(values, path)
    steps = values.get("depth_scale", _STEPS)
    if isinstance(steps, bool) or not isinstance(steps, int | float) or not 0 < steps < float("inf"):
        raise DataError(f"{path}: depth_scale is {steps!r}, expected steps per metre, > 0")
    wanted = [options.split] if options.split else [split for split in _SPLITS if values.get(split)]
    if not wanted:
        raise DataError(f"{path}: names no train, val or test")
    for split in wanted:
        for image in _images(values.get(split), split, folder, path):
            yield _record(image, split, folder, float(steps), options)


def _yaml(root: Path) -> Path:
    if root.is_file():
        return root.absolute()
    found = files_in(existing(root, "a data set YAML or its folder"), (".yaml", ".yml"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{root}: expected one .yaml in it, found {names}; point at the file itself")
    return found[0].absolute()


def _load(path: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path}: not valid YAML ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: expected keys path, train and val, found {str(values)[:40]!r}")
    return values


def _folder(values: dict[str, Any], path: Path) -> Path:
    name = values.get("path", ".")
    if not isinstance(name, str):
        raise DataError(f"{path}: path is {name!r}, expected a folder")
    above = path.parent.parent
    tried = [path.parent / name, above / name, above / "datasets" / name]
    found = next((folder for folder in tried if folder.is_dir()), None)
    if found is None:
        raise DataError(f"{path}: path is {name!r}, but there is no {tried[0]}, {tried[1]} or {tried[2]}")
    return Path(found.absolute())


def _images(value: Any, split: str, folder: Path, path: Path) -> Iterator[Path]:
    entries = value if isinstance(value, list) else [value]
    if not entries or not all(isinstance(entry, str) for entry in entries):
        raise DataError(f"{path}: {split} is {value!r}, expected a folder, a .txt list, or a list of these")
    for entry in entries:
        place = inside(existing(folder / entry, f"what {split} in {path} names"), folder)
        if place.is_dir():
            found = [image for below in walk(place) for image in files_in(below, root=folder)]
        else:
            names = [" ".join(row.words) for row in read_rows(place)]
            found = [
                inside(existing(folder / name, f"an image that {place} names"), folder) for name in names
            ]
        if not found:
            raise DataError(f"{place}: no images in it; {split} in {path} names it")
        yield from found


def _record(image: Path, split: str, folder: Path, steps: float, options: LayoutOptions) -> Record:
    depth = _twin(image, folder)
    name = image.relative_to(folder).with_suffix("").as_posix()
    is_png = depth.suffix == ".png"
    return Record(
        id=name,
        image=locate(image),
        label=Label(
            file=locate(depth),
            kind=kind_by_size(image, depth),
            encoding="png16" if is_png else "npy",
            scale=1 / steps if is_png else 1.0,
        ),
        camera=check_size(options.camera, image) if options.camera else None,
        scene=name.rpartition("/")[0],
        split=split,
        source="ultralytics",
    )


def _twin(image: Path, folder: Path) -> Path:
    """The depth of an image: `images` becomes `depth`, .png is preferred to .npy."""
    parts = list(image.relative_to(folder.parent).parts)
    if "images" not in parts[:-1]:
        raise DataError(f"{image}: lies in no folder called images, so that its depth cannot be found")
    parts[len(parts) - 2 - parts[-2::-1].index("images")] = "depth"
    twin = folder.parent.joinpath(*parts)
    for suffix in (".png", ".npy"):
        if twin.with_suffix(suffix).exists():
            return inside(twin.with_suffix(suffix), folder)
    raise DataError(f"{image}: its depth is missing; expected {twin.with_suffix('.png')} or .npy")
