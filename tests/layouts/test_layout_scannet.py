"""ScanNet as exported: numeric names, poses that may be lost, millimetres, coarse or full resolution."""

from pathlib import Path

import numpy as np
import pytest
from pictures import picture, raster, records, text

from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth

POSE = "1 0 0 0.5\n0 0 -1 1\n0 1 0 2\n0 0 0 1\n"
LOST = "-inf -inf -inf -inf\n" * 4
K = "11.0 0 7.5 0\n0 12.0 5.5 0\n0 0 1 0\n0 0 0 1\n"
STEPS = np.array([[0, 1000], [1500, 65535]], np.uint16)


def _scene(root: Path, name: str, frames: int = 3, width: int = 4) -> Path:
    folder = root / name
    text(folder / "intrinsic/intrinsic_color.txt", K)
    for n in (0, 9, 10)[:frames]:
        picture(folder / f"color/{n}.jpg", width, width)
        raster(folder / f"depth/{n}.png", STEPS)
        text(folder / f"pose/{n}.txt", LOST if n == 9 else POSE)
    return folder


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    _scene(tmp_path, "scene0000_00")
    found = records("scannet", tmp_path)
    assert [r.id for r in found] == ["scene0000_00/0", "scene0000_00/9", "scene0000_00/10"]
    assert found[1].neighbours == (found[0].image, found[2].image)


def test_a_lost_pose_is_dropped_and_its_frame_kept(tmp_path: Path) -> None:
    _scene(tmp_path, "scene0000_00")
    first, lost, _ = records("scannet", tmp_path)
    assert lost.pose is None
    assert first.pose == (1, 0, 0, 0.5, 0, 0, -1, 1, 0, 1, 0, 2, 0, 0, 0, 1)


def test_a_smaller_depth_is_coarse_and_one_of_the_same_size_metric(tmp_path: Path) -> None:
    _scene(tmp_path / "a", "scene0000_00", width=4)
    _scene(tmp_path / "b", "scene0000_00", width=2)
    assert {r.label.kind for r in records("scannet", tmp_path / "a") if r.label} == {"coarse"}
    assert {r.label.kind for r in records("scannet", tmp_path / "b") if r.label} == {"metric"}


def test_depth_is_in_millimetres_and_the_camera_that_of_the_colour_image(tmp_path: Path) -> None:
    _scene(tmp_path, "scene0000_00")
    record = records("scannet", tmp_path)[0]
    np.testing.assert_allclose(load_depth(record), [[np.nan, 1.0], [1.5, 65.535]], rtol=1e-6)
    assert record.camera is not None
    assert (record.camera.fx, record.camera.fy, record.camera.cx, record.camera.cy) == (11, 12, 8.0, 6.0)
    assert record.camera.size == (4, 4)


def test_the_sizes_of_the_download_count_as_one_aspect(tmp_path: Path) -> None:
    folder = _scene(tmp_path, "scene0000_00", frames=1)
    picture(folder / "color/0.jpg", 1296, 968)
    raster(folder / "depth/0.png", np.full((480, 640), 1500, np.uint16))
    depth = load_depth(records("scannet", tmp_path)[0], (1296, 968))
    assert depth.shape == (968, 1296)
    np.testing.assert_allclose(depth, 1.5, rtol=1e-6)


def test_the_lists_of_scenes_are_the_splits(tmp_path: Path) -> None:
    for number in (0, 1, 2):
        _scene(tmp_path / "scans", f"scene000{number}_00", frames=1)
    text(tmp_path / "scannetv2_train.txt", "scene0000_00\n")
    text(tmp_path / "scannetv2_val.txt", "scene0001_00\n")
    assert [r.split for r in records("scannet", tmp_path)] == ["train", "val", None]
    assert [r.scene for r in records("scannet", tmp_path, split="val")] == ["scene0001_00"]
    with pytest.raises(DataError, match=r"scannetv2_test\.txt: missing"):
        records("scannet", tmp_path, split="test")


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    folder = _scene(tmp_path, "scene0000_00")
    (folder / "depth/9.png").unlink()
    with pytest.raises(DataError, match=r"9\.jpg: its depth is missing"):
        records("scannet", tmp_path)
    raster(folder / "depth/9.png", STEPS)
    text(folder / "pose/0.txt", "1 0 0\n")
    with pytest.raises(DataError, match=r"0\.txt: found 1 rows of 3 numbers, expected 4 x 4"):
        records("scannet", tmp_path)
    text(folder / "pose/0.txt", POSE)
    text(folder / "intrinsic/intrinsic_color.txt", "0 0 0 0\n" * 4)
    with pytest.raises(DataError, match=r"intrinsic_color\.txt: camera matrix"):
        records("scannet", tmp_path)
    with pytest.raises(DataError, match="no intrinsic in it or below it"):
        records("scannet", folder / "pose")
