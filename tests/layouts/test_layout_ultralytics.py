"""Ultralytics YAML: splits as folders and lists, PNG divided by depth_scale, arrays of metres."""

from pathlib import Path

import numpy as np
import pytest
from pictures import array, metres, picture, raster, records, text

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth

STEPS = np.rint(metres() * 1000).astype(np.uint16)
YAML = "path: .\ntrain: images/train\nval: images/val\nnc: 1\nnames:\n  0: depth\n"


def _data(root: Path, yaml: str = YAML) -> Path:
    for split, names in (("train", "ab"), ("val", "c")):
        for name in names:
            picture(root / f"images/{split}/{name}.jpg")
            raster(root / f"depth/{split}/{name}.png", STEPS)
    return text(root / "data.yaml", yaml)


def test_twins_are_found_and_splits_named(tmp_path: Path) -> None:
    path = _data(tmp_path)
    found = records("ultralytics", path)
    assert [(r.id, r.split) for r in found] == [
        ("images/train/a", "train"),
        ("images/train/b", "train"),
        ("images/val/c", "val"),
    ]
    assert records("ultralytics", tmp_path) == found
    assert [r.id for r in records("ultralytics", path, split="val")] == ["images/val/c"]


@pytest.mark.parametrize(
    ("line", "steps"), [("", 1000), ("depth_scale: 256\n", 256), ("depth_scale: 0.5\n", 0.5)]
)
def test_png_is_divided_by_depth_scale(tmp_path: Path, line: str, steps: float) -> None:
    record = records("ultralytics", _data(tmp_path, YAML + line))[0]
    np.testing.assert_allclose(load_depth(record), STEPS / steps, rtol=1e-6)


def test_arrays_are_metres_and_png_comes_first(tmp_path: Path) -> None:
    path = _data(tmp_path, YAML + "depth_scale: 256\n")
    array(tmp_path / "depth/train/a.npy", metres(seed=1))
    array(tmp_path / "depth/train/b.npy", np.where(metres() > 20, -1, metres()))
    (tmp_path / "depth/train/b.png").unlink()
    first, second, _ = records("ultralytics", path)
    np.testing.assert_allclose(load_depth(first), STEPS / 256, rtol=1e-6)
    np.testing.assert_array_equal(load_depth(second), np.where(metres() > 20, np.nan, metres()))


def test_a_smaller_depth_is_coarse(tmp_path: Path) -> None:
    path = _data(tmp_path)
    raster(tmp_path / "depth/val/c.png", STEPS[:3, :4])
    kinds = [r.label.kind for r in records("ultralytics", path) if r.label]
    assert kinds == ["metric", "metric", "coarse"]


def test_lists_of_folders_and_of_images_are_read(tmp_path: Path) -> None:
    text(tmp_path / "some.txt", "./images/val/c.jpg\nimages/train/b.jpg\n")
    path = _data(tmp_path, "path: .\ntrain: [images/train, images/val]\nval: some.txt\n")
    assert [Path(r.image).stem for r in records("ultralytics", path)] == ["a", "b", "c", "c", "b"]


def test_the_usual_place_beside_is_found(tmp_path: Path) -> None:
    _data(tmp_path / "datasets/mine")
    path = text(tmp_path / "code/mine.yaml", YAML.replace("path: .", "path: mine"))
    assert len(records("ultralytics", path)) == 3


def test_a_camera_must_fit(tmp_path: Path) -> None:
    path = _data(tmp_path)
    camera = Camera(width=8, height=6, fx=5, fy=5, cx=4, cy=3)
    assert {r.camera for r in records("ultralytics", path, camera=camera)} == {camera}
    with pytest.raises(DataError, match=r"a\.jpg: 8x6 pixels, but its camera is for 16x12"):
        records("ultralytics", path, camera=camera.resize(16, 12))


WRONG = {
    "no YAML": ("a: [", r"data\.yaml: not valid YAML"),
    "a list": ("- a\n", r"data\.yaml: expected keys path, train and val"),
    "no folder": (YAML.replace("path: .", "path: lost"), r"path is 'lost', but there is no"),
    "path a number": (YAML.replace("path: .", "path: 3"), r"path is 3, expected a folder"),
    "no split": ("path: .\n", "names no train, val or test"),
    "split lost": (YAML.replace("images/val", "images/lost"), r"lost: missing; expected what val in"),
    "split a number": (YAML.replace("images/val", "3"), r"val is 3, expected a folder"),
    "outside": (YAML.replace("images/val", "../secret/images"), "leaves the folder"),
    "depth_scale 0": (YAML + "depth_scale: 0\n", "depth_scale is 0, expected steps per metre"),
    "depth_scale text": (YAML + "depth_scale: mm\n", "depth_scale is 'mm', expected steps per metre"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str, tmp_path: Path) -> None:
    yaml, message = WRONG[case]
    picture(tmp_path / "secret/images/x.jpg")
    path = _data(tmp_path / "root", yaml)
    with pytest.raises(DataError, match=message):
        records("ultralytics", path)


def test_a_missing_twin_is_named_and_no_code_of_the_yaml_runs(tmp_path: Path) -> None:
    path = _data(tmp_path, YAML + f"download: |\n  open('{tmp_path}/ran', 'w')\n")
    assert len(records("ultralytics", path)) == 3
    assert not (tmp_path / "ran").exists()
    (tmp_path / "depth/train/b.png").unlink()
    with pytest.raises(
        DataError, match=r"b\.jpg: its depth is missing; expected .*depth/train/b\.png or \.npy"
    ):
        records("ultralytics", path)
    text(path, YAML.replace("images/train", "photos"))
    picture(tmp_path / "photos/x.jpg")
    with pytest.raises(DataError, match=r"x\.jpg: lies in no folder called images"):
        records("ultralytics", path)


def test_a_yaml_that_asks_for_objects_is_refused(tmp_path: Path) -> None:
    path = _data(tmp_path, f"path: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    with pytest.raises(DataError, match="not valid YAML"):
        records("ultralytics", path)
    assert not (tmp_path / "made").exists()
