"""Split files of KITTI: lists of frames, which the user has; they are not part of OneDepth.

Named splits are folders as monodepth2 distributes them (github.com/nianticlabs/monodepth2, splits/), put into
ROOT or beside it: `splits/eigen_zhou/{train,val}_files.txt` and so on. A line is `DATE/DRIVE FRAME SIDE`,
side l or r (Zhou et al. 2017, Godard et al. 2019), or begins with the path of an image, as in the lists of
BTS, AdaBins and others. A path to any such list is taken too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from onedepth.errors import ConfigError, DataError
from onedepth.layouts.tables import Row, read_rows

# Name on the command line -> (part, list below splits/).
_TRAIN, _VAL, _TEST = "train_files.txt", "val_files.txt", "test_files.txt"
SPLITS: dict[str, tuple[tuple[str, str], ...]] = {
    "eigen": (("train", f"eigen_full/{_TRAIN}"), ("val", f"eigen_full/{_VAL}"), ("test", f"eigen/{_TEST}")),
    "eigen-zhou": (("train", f"eigen_zhou/{_TRAIN}"), ("val", f"eigen_zhou/{_VAL}")),
    "eigen-benchmark": (("test", f"eigen_benchmark/{_TEST}"),),
}
_SIDES = {"l": 2, "2": 2, "r": 3, "3": 3}
_DRIVE = r"(?P<drive>\d{4}_\d\d_\d\d_drive_\d{4}_sync)"
_IMAGE = re.compile(rf"{_DRIVE}/image_0(?P<side>[23])/data/(?P<frame>\d+)\.(?:png|jpg)$")
_FOLDER = re.compile(rf"(?:^|/){_DRIVE}/?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list: which frame of which drive, camera 2 (left) or 3 (right), and of which part."""

    drive: str
    frame: int
    side: int
    part: str | None
    where: str


def entries(split: str, root: Path) -> Iterator[Entry]:
    """Yield the frames that `--split` lists, in the order of its files.

    Args:
        split: `eigen`, `eigen-zhou`, `eigen-benchmark`, one part of them (`eigen/test`), or a path to a list.
        root: Where lists are looked for: `splits/` in it or beside it.

    Raises:
        ConfigError: The name is unknown, or its lists are not found.
        DataError: A line is not understood.
    """
    for part, path in _lists(split, root):
        rows = read_rows(path)
        if not rows:
            raise DataError(f"{path}: lists no frame")
        for row in rows:
            yield _entry(row, part)


def _lists(split: str, root: Path) -> list[tuple[str | None, Path]]:
    name, _, wanted = split.partition("/")
    if name not in SPLITS:
        path = next((path for path in (Path(split), root / split) if path.is_file()), None)
        if path is None:
            raise ConfigError(
                f"--split is {split!r}, expected {', '.join(SPLITS)}, one part (eigen/test), or a list"
            )
        part = path.stem.removesuffix("_files")
        return [(part if part in ("train", "val", "test") else None, path)]
    parts = [part for part, _ in SPLITS[name]]
    if wanted and wanted not in parts:
        raise ConfigError(f"--split is {split!r}, but the parts of {name} are {', '.join(parts)}")
    return [(part, _find(split, file, root)) for part, file in SPLITS[name] if wanted in ("", part)]


def _find(split: str, file: str, root: Path) -> Path:
    paths = [folder / "splits" / file for folder in (root, root.parent)]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise ConfigError(
            f"--split {split}: {paths[0]} is missing; copy the folder splits/ of monodepth2 there, or "
            "give the path of a list"
        )
    return path


def _entry(row: Row, part: str | None) -> Entry:
    image = _IMAGE.search(row.words[0])
    if image is not None:
        return Entry(image["drive"], int(image["frame"]), int(image["side"]), part, row.where)
    folder = _FOLDER.search(row.words[0])
    side = _SIDES.get(row.words[2]) if len(row.words) == 3 else 2
    if folder is None or side is None or len(row.words) not in (2, 3) or not row.words[1].isdecimal():
        raise DataError(
            f"{row.where}: found {' '.join(row.words)[:80]!r}, expected DATE/DRIVE FRAME l|r, or an image"
        )
    return Entry(folder["drive"], int(row.words[1]), side, part, row.where)
