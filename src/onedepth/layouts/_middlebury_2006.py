"""Middlebury 2005 and 2006: one scene with seven views, of which 1 and 5 have disparity.

    [FullSize|HalfSize|ThirdSize]/SCENE/disp1.png, disp5.png, dmin.txt
                                        view1.png, view5.png                  (two-view archives)
                                        Illum1/Exp0/view1.png, view5.png, ... (all views: 3 x 3 pictures)

disp1.png is 8-bit disparity between views 1 and 5, 0 = unknown, in pixels of the full size: divided by 2 and
3 in the smaller ones. "To map the disparities into 3D coordinates, add the value in dmin.txt to each
disparity value, since the images and disparity maps were cropped. The focal length is 3740 pixels, and the
baseline is 160mm. We do not provide any other calibration data." (page of the data sets; Hirschmueller and
Scharstein, CVPR 2007). So in full size labels are metric: 1/Z = (d + dmin) / (0.16 * 3740). Which size's
pixels dmin.txt of the smaller ones counts is not said; their labels are affine, unless `--kind metric` claims
that dmin is in pixels of the same size as the image (UNCONFIRMED). The principal point is unknown; the centre
is taken.
"""

from collections.abc import Iterator
from pathlib import Path

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.layouts.common import image_size, locate
from onedepth.layouts.tables import read_rows
from onedepth.layouts.walking import existing, walk
from onedepth.manifest.record import Label, Record

_FOCAL, _BASELINE = 3740.0, 0.16
_FOLDERS = {"FullSize": 1, "HalfSize": 2, "ThirdSize": 3}
_HEIGHTS = {1110: 1, 555: 2, 370: 3}


def read_scene(folder: Path, root: Path, kind: str | None, licence: str) -> Iterator[Record]:
    """Yield view 1 of a scene, once for every illumination and exposure that is there.

    Args:
        folder: With disp1.png and dmin.txt.
        root: Of the data set; ids are relative to it.
        kind: `metric` or `affine`; None: metric in full size, affine otherwise.
        licence: For the records.

    Raises:
        DataError: dmin.txt or the views are missing, or the size is none of the three.
    """
    views = [home for home in walk(folder) if (home / "view1.png").is_file()]
    if not views:
        raise DataError(f"{folder}: no view1.png in it or below it; unpack the images beside the disparity")
    factor = _factor(folder, views[0] / "view1.png")
    label = _label(folder, factor, kind or ("metric" if factor == 1 else "affine"))
    for home in views:
        image = home / "view1.png"
        width, height = image_size(image)
        right = home / "view5.png"
        yield Record(
            id=image.relative_to(root).with_suffix("").as_posix(),
            image=locate(image),
            label=label,
            camera=Camera.from_focal(_FOCAL / factor, width, height),
            scene=folder.name,
            right=locate(right) if right.is_file() else None,
            baseline=_BASELINE if right.is_file() else None,
            licence=licence,
            source="Middlebury",
        )


def _label(folder: Path, factor: int, kind: str) -> Label:
    file = locate(folder / "disp1.png")
    if kind == "affine":
        return Label(file=file, kind="affine", quantity="disparity", scale=1 / 255)
    rows = read_rows(existing(folder / "dmin.txt", "the smallest disparity, one whole number"))
    if len(rows) != 1 or len(rows[0].words) != 1:
        raise DataError(f"{folder / 'dmin.txt'}: expected one number, the smallest disparity")
    unit = _BASELINE * _FOCAL
    offset = rows[0].number(0) * factor / unit
    return Label(file=file, kind="metric", quantity="disparity", scale=1 / unit, offset=offset)


def _factor(folder: Path, image: Path) -> int:
    """By how much the images are smaller than in full size: by the folder's name, else by their height."""
    named = next((_FOLDERS[part] for part in reversed(folder.parts) if part in _FOLDERS), None)
    height = image_size(image)[1]
    factor = named or _HEIGHTS.get(height)
    if factor is None:
        raise DataError(
            f"{image}: is {height} pixels high, expected 1110, 555 or 370; keep the images as they were "
            "downloaded, or the folders FullSize, HalfSize and ThirdSize"
        )
    return factor
