"""Middlebury stereo: the sets of 2014 and 2021 (and the v3 benchmark), and those of 2005 and 2006.

2014, 2021, MiddEval3: every folder at or below ROOT with `calib.txt`:

    SCENE/im0.png, im1.png, calib.txt, disp0.pfm (or disp0GT.pfm)

calib.txt holds cam0 (K of the left view), doffs, baseline in mm, width and height; disparity d in pixels, inf
= unknown, is depth by Z = baseline f / (d + doffs) (pages of the data sets, "Calibration file format";
Scharstein et al., GCPR 2014). The label says it as metric disparity: 1/Z = d / (b f) + doffs / (b f). Whether
pixel centres lie at integers is not documented; they are taken to, as in OpenCV, by which the sets were
calibrated (UNCONFIRMED, half a pixel). `right` has its own principal point, cx + doffs.

2005, 2006: every folder with `disp1.png` and `dmin.txt` (see `_middlebury_2006`).

There are no splits. `--kind` is for 2005 and 2006 only, `metric` or `affine`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from onedepth.errors import DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts._middlebury_2006 import read_scene
from onedepth.layouts.common import accept_only, choose, image_size, locate, make_camera
from onedepth.layouts.tables import read_text
from onedepth.layouts.walking import data_root, existing, walk
from onedepth.manifest.record import Label, Record

_DISPARITIES = ("disp0.pfm", "disp0GT.pfm")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LICENCE = "research (see vision.middlebury.edu/stereo)"


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the left views of all scenes; those of the benchmark's test set have no label.

    Raises:
        ConfigError: An option is of no use here or has an unknown value.
        DataError: No scene is found, a view is missing, or a calibration cannot be read.
    """
    accept_only(options, "middlebury", "kind")
    kind = choose(options, "kind", ("metric", "affine"))
    root = data_root(root)
    folders = list(walk(root))
    new = [folder for folder in folders if (folder / "calib.txt").is_file()]
    old = [folder for folder in folders if (folder / "disp1.png").is_file() and folder not in new]
    if not new and not old:
        raise DataError(f"{root}: no scene with calib.txt, or with disp1.png and dmin.txt, in it or below it")
    records = (_scene(folder, root) for folder in new)
    older = (record for folder in old for record in read_scene(folder, root, kind, _LICENCE))
    return (record for part in (records, older) for record in part)


def _scene(folder: Path, root: Path) -> Record:
    path = folder / "calib.txt"
    image = existing(folder / "im0.png", "the left view")
    right = existing(folder / "im1.png", "the right view")
    table = {key.strip(): value for key, _, value in (line.partition("=") for line in _lines(path))}
    fx, _, cx, _, fy, cy, *_ = _numbers(table, "cam0", 9, path)
    width, height = image_size(image)
    camera = make_camera(path, first_centre=0.0, width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)
    (baseline,), (doffs,) = (_numbers(table, key, 1, path) for key in ("baseline", "doffs"))
    if baseline <= 0:
        raise DataError(f"{path}: baseline is {baseline:g}, expected millimetres above 0")
    metres = baseline / 1000
    name = folder.relative_to(root).as_posix()
    return Record(
        id=folder.name if name == "." else name,
        image=locate(image),
        label=_label(folder, metres * fx, doffs),
        camera=camera,
        scene=re.sub("-(im)?perfect$", "", folder.name),
        right=locate(right),
        baseline=metres,
        licence=_LICENCE,
        source="Middlebury",
    )


def _label(folder: Path, unit: float, doffs: float) -> Label | None:
    """The left disparity; `unit` is baseline (metres) times focal length (pixels)."""
    file = next((folder / name for name in _DISPARITIES if (folder / name).is_file()), None)
    if file is None:
        return None
    scale, offset = 1 / unit, doffs / unit
    return Label(
        file=locate(file), kind="metric", encoding="pfm", quantity="disparity", scale=scale, offset=offset
    )


def _lines(path: Path) -> list[str]:
    return read_text(path).splitlines()


def _numbers(table: dict[str, str], key: str, count: int, path: Path) -> list[float]:
    if key not in table:
        raise DataError(f"{path}: field {key!r} is missing")
    numbers = [float(word) for word in re.findall(_NUMBER, table[key])]
    if len(numbers) != count:
        raise DataError(f"{path}: field {key!r} must be {count} numbers, found {table[key].strip()[:60]!r}")
    return numbers
