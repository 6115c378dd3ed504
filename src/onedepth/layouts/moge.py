"""MoGe's training and evaluation folders: `image.jpg`, `depth.png` and `meta.json` in a folder each.

Source: `docs/train.md`, `moge/utils/io.py` and `moge/test/dataloader.py` of github.com/microsoft/MoGe.
`.index.txt` at the top lists the folders; other lists (`.train.txt`) are splits. `intrinsics` in meta.json
is 3 x 3, divided by width and height, with the image spanning [0, 1] x [0, 1], so that only a multiplication
is needed. Depth is z-depth in the unit of the data set, which the files do not tell (MoGe writes it into its
own configuration): the labels are `scaled` until `--kind metric` says that the unit is a metre, or `--scale`
how many metres it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, choose, image_size, locate
from onedepth.layouts.tables import field, read_json, read_rows
from onedepth.layouts.walking import data_root, existing, folders_with, inside, name_below
from onedepth.manifest.record import Label, LabelKind, Record

_INDEX = ".index.txt"


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the folders that the lists name, or all that hold a meta.json where there is no list.

    Raises:
        DataError: A list names a folder that is not there, or a file is missing or broken.
    """
    accept_only(options, "moge", "split", "kind", "scale")
    metric = choose(options, "kind", ("metric", "scaled")) == "metric" or options.scale is not None
    kind: LabelKind = "metric" if metric else "scaled"
    root = data_root(root)
    for folder, split in _folders(root, options.split):
        name = name_below(folder, root)
        image = existing(folder / "image.jpg", "the image of the example")
        depth = existing(folder / "depth.png", "the depth of the example")
        yield Record(
            id=name,
            image=locate(inside(image, root)),
            label=Label(
                file=locate(inside(depth, root)), kind=kind, encoding="moge", scale=options.scale or 1.0
            ),
            camera=_camera(existing(folder / "meta.json", 'an object with "intrinsics"'), image),
            scene=name,
            split=split,
            source="moge",
        )


def _folders(root: Path, split: str | None) -> Iterator[tuple[Path, str | None]]:
    if split is not None:
        lists = {split: existing(root / f".{split}.txt", f"the list of folders of split {split}")}
    else:
        found = sorted(path for path in root.glob(".*.txt") if path.name != _INDEX)
        lists = {path.name[1:-4]: path for path in found}
    if not lists and not (root / _INDEX).exists():
        folders = folders_with(root, "meta.json", "folders with image.jpg, depth.png and meta.json")
        yield from ((folder, None) for folder in folders)
        return
    listed: set[Path] = set()
    for name, path in [*lists.items(), *([(None, root / _INDEX)] if split is None else [])]:
        for row in read_rows(path) if path.exists() else []:
            folder = existing(root / " ".join(row.words), f"the folder that {row.where} names")
            if folder not in listed:
                listed.add(folder)
                yield inside(folder, root), name


def _camera(path: Path, image: Path) -> Camera:
    width, height = image_size(image)
    rows: Any = field(read_json(path), "intrinsics", path, list)
    try:
        matrix = np.asarray(rows, np.float64)
        if matrix.shape != (3, 3):
            raise DataError(f"{path}: intrinsics has shape {matrix.shape}, expected 3 x 3")
        return Camera.from_matrix(np.diag([width, height, 1]) @ matrix, width, height)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: intrinsics: {error}") from error
