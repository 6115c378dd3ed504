"""ARKitScenes: low-resolution LiDAR with confidence, .pincam per frame, trajectory as axis and angle."""

from pathlib import Path

import numpy as np
import pytest
from pictures import picture, raster, records, text

from onedepth.errors import DataError
from onedepth.manifest.labels import load_depth

STEPS = np.array([[1000, 2000, 0], [1500, 2500, 3000]], np.uint16)
TRUST = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
TIMES = ("305.244", "305.260", "305.277")


def _video(root: Path, name: str = "41069021", wide: bool = False) -> Path:
    folder = root / name
    kind, size = ("wide", (12, 8)) if wide else ("lowres_wide", (3, 2))
    for time in TIMES:
        picture(folder / f"{kind}/{name}_{time}.png", *size)
        raster(folder / f"lowres_depth/{name}_{time}.png", STEPS)
        raster(folder / f"confidence/{name}_{time}.png", TRUST)
        written = "305.276" if time == "305.277" else time  # the loader allows for a millisecond
        text(
            folder / f"{kind}_intrinsics/{name}_{written}.pincam",
            f"{size[0]} {size[1]} 212.0 213.0 1.25 0.75\n",
        )
    turn = np.pi / 2
    text(folder / "lowres_wide.traj", f"305.2465 0 0 {turn} 1 2 3\n305.340 0 0 0 0 0 0\n")
    return folder


def test_depth_is_in_millimetres_where_it_can_be_trusted(tmp_path: Path) -> None:
    _video(tmp_path)
    record = records("arkitscenes", tmp_path)[0]
    expected = np.where(TRUST >= 1, STEPS / 1000, np.nan)
    expected[0, 2] = np.nan  # not measured
    np.testing.assert_allclose(load_depth(record), expected, rtol=1e-6)
    assert record.label is not None
    assert record.label.kind == "coarse"


def test_frames_know_time_camera_and_neighbours(tmp_path: Path) -> None:
    _video(tmp_path)
    found = records("arkitscenes", tmp_path)
    assert [r.time for r in found] == [305.244, 305.26, 305.277]
    assert [len(r.neighbours) for r in found] == [0, 2, 0]
    for record in found:
        assert record.camera is not None
        assert (record.camera.fx, record.camera.fy, record.camera.cx, record.camera.cy) == (
            212,
            213,
            1.75,
            1.25,
        )


def test_poses_are_the_inverse_of_the_trajectory_and_close_in_time(tmp_path: Path) -> None:
    _video(tmp_path)
    first, second, third = (r.pose for r in records("arkitscenes", tmp_path))
    assert second is third is None  # more than 5 ms from any line
    # World to camera turns x into y and adds (1, 2, 3): the camera stands where that gives 0.
    np.testing.assert_allclose(
        np.reshape(first, (4, 4)), [[0, 1, 0, -2], [-1, 0, 0, 1], [0, 0, 1, -3], [0, 0, 0, 1]], atol=1e-9
    )


def test_large_images_are_preferred(tmp_path: Path) -> None:
    _video(tmp_path)
    _video(tmp_path, wide=True)
    record = records("arkitscenes", tmp_path)[0]
    assert "/wide/" in record.image
    assert record.camera is not None
    assert record.camera.size == (12, 8)
    assert (
        np.isfinite(load_depth(record, (12, 8))).sum() == 16 * 3
    )  # 3 trusted, measured cells of 4 x 4 pixels


def test_folds_are_splits(tmp_path: Path) -> None:
    _video(tmp_path / "raw/Training", "1")
    _video(tmp_path / "raw/Validation", "2")
    assert {r.scene: r.split for r in records("arkitscenes", tmp_path)} == {"1": "train", "2": "val"}
    assert {r.scene for r in records("arkitscenes", tmp_path, split="val")} == {"2"}


def test_the_tree_of_3dod_is_read(tmp_path: Path) -> None:
    _video(tmp_path / "3dod/Validation/41069021").rename(
        tmp_path / "3dod/Validation/41069021/41069021_frames"
    )
    record = records("arkitscenes", tmp_path)[0]
    assert record.id == "3dod/Validation/41069021/41069021_frames/41069021_305.244"
    assert record.scene == "41069021"


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    folder = _video(tmp_path)
    (folder / "confidence/41069021_305.260.png").unlink()
    with pytest.raises(DataError, match=r"305\.260\.png: has no confidence/41069021_305\.260\.png"):
        records("arkitscenes", tmp_path)
    pincam = folder / "lowres_wide_intrinsics/41069021_305.244.pincam"
    text(pincam, "3 2 212\n")
    with pytest.raises(DataError, match=r"305\.244\.pincam:1: has 3 columns, expected 6"):
        records("arkitscenes", tmp_path)
    pincam.unlink()
    with pytest.raises(DataError, match=r"305\.244\.png: no \.pincam within 1 ms"):
        records("arkitscenes", tmp_path)
    (folder / "lowres_wide").rename(folder / "elsewhere")
    with pytest.raises(DataError, match="no image in wide/, color/, lowres_wide/ has the name of a map"):
        records("arkitscenes", tmp_path)
    with pytest.raises(DataError, match="no lowres_depth in it or below it"):
        records("arkitscenes", folder / "elsewhere")
