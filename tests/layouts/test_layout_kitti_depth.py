"""KITTI depth prediction: labels of one download, images of another."""

import numpy as np
import pytest
from kitti_builder import BASELINE, CX, CY, DAY, FOCAL, HEIGHT, WIDTH, write_day, write_drive
from pictures import numbers, picture, raster, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

DRIVE = f"{DAY}_drive_0001_sync"


def steps(frame):
    """16-bit labels, sparse."""
    rng = np.random.default_rng(frame)
    return np.where(rng.random((HEIGHT, WIDTH)) < 0.3, rng.integers(512, 20000, (HEIGHT, WIDTH)), 0).astype(
        "u2"
    )


def annotate(root, part="train", drive=DRIVE, frames=(1, 2, 3)):
    for side in (2, 3):
        for frame in frames:
            path = root / part / drive / f"proj_depth/groundtruth/image_0{side}/{frame:010d}.png"
            raster(path, steps(frame))


@pytest.fixture
def root(tmp_path):
    """Labels in one folder, raw drives in the one beside it."""
    write_day(tmp_path / "raw")
    write_drive(tmp_path / "raw", 1, 5)
    write_drive(tmp_path / "raw", 2, 5)
    annotate(tmp_path / "depth")
    annotate(tmp_path / "depth", "val", f"{DAY}_drive_0002_sync", frames=(1,))
    return tmp_path / "depth"


def test_both_cameras_of_train_and_val_are_listed(root):
    found = records("kitti-depth", root)
    assert [(r.split, r.id) for r in found] == [
        *(("train", f"{DRIVE}/image_0{side}/{frame:010d}") for side in (2, 3) for frame in (1, 2, 3)),
        *(("val", f"{DAY}_drive_0002_sync/image_0{side}/0000000001") for side in (2, 3)),
    ]
    left, right = found[0], found[3]
    folder = root.parent / "raw" / DAY / DRIVE
    assert left.image == str(folder / "image_02/data/0000000001.png")
    assert left.right == right.image == str(folder / "image_03/data/0000000001.png")
    assert left.baseline == pytest.approx(BASELINE)
    assert right.right is None
    assert left.neighbours == tuple(str(folder / f"image_02/data/{frame:010d}.png") for frame in (0, 2))
    assert left.scene == DRIVE
    assert (left.camera.fx, left.camera.cx, left.camera.cy) == pytest.approx((FOCAL, CX + 0.5, CY + 0.5))
    assert left.camera.size == (WIDTH, HEIGHT)


def test_metres_are_steps_by_256(root):
    for frame, record in zip((1, 2, 3), records("kitti-depth", root, split="train"), strict=False):
        expected = np.where(steps(frame) > 0, steps(frame) / 256, np.nan)
        np.testing.assert_array_equal(load_depth(record, (WIDTH, HEIGHT)), expected.astype("f4"))


def test_images_may_lie_beside_the_labels(root):
    (root.parent / "raw" / DAY / DRIVE / "image_02").rename(root / "train" / DRIVE / "image_02")
    (root.parent / "raw" / DAY / DRIVE / "image_03").rename(root / "train" / DRIVE / "image_03")
    found = records("kitti-depth", root, split="train")
    assert len(found) == 6
    assert found[0].image == str(root / "train" / DRIVE / "image_02/data/0000000001.png")


def test_raw_drives_may_be_a_link_to_another_disk(root, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk") / "kitti"
    (root.parent / "raw").rename(disk)
    (root.parent / "raw").symlink_to(disk)
    (root.parent / "broken").symlink_to(disk / "nothing")
    found = records("kitti-depth", root, split="train")
    assert found[0].image == str(root.parent / "raw" / DAY / DRIVE / "image_02/data/0000000001.png")


def test_listed_frames_without_label_are_left_out(root):
    lines = "".join(f"{DAY}/{DRIVE} {frame} l\n" for frame in range(5)) + f"{DAY}/{DRIVE[:-9]}0002_sync 1 r\n"
    text(root / "splits/eigen_benchmark/test_files.txt", lines)
    found = records("kitti-depth", root, split="eigen-benchmark")
    assert [record.id for record in found] == [
        *(f"{DRIVE}/image_02/{frame:010d}" for frame in (1, 2, 3)),
        f"{DAY}_drive_0002_sync/image_03/0000000001",
    ]
    assert {record.split for record in found} == {"test"}


def crops(root, name="val_selection_cropped", labels=True):
    """Two crops with cameras of their own."""
    folder = root / "depth_selection" / name
    for index, side in enumerate((2, 3)):
        stem = f"{DRIVE}_image_{index:010d}_image_0{side}" if labels else f"{index:010d}"
        picture(folder / "image" / f"{stem}.png", WIDTH, HEIGHT)
        matrix = [FOCAL + index, 0, CX, 0, FOCAL, CY, 0, 0, 1]
        text(folder / "intrinsics" / f"{stem}.txt", numbers(matrix))
        if labels:
            twin = f"{DRIVE}_groundtruth_depth_{index:010d}_image_0{side}.png"
            raster(folder / "groundtruth_depth" / twin, steps(index))
    return folder


def test_the_selection_has_a_camera_for_each_crop(tmp_path):
    crops(tmp_path)
    found = records("kitti-depth", tmp_path)
    assert found == records("kitti-depth", tmp_path, split="selection")
    assert [record.camera.fx for record in found] == [FOCAL, FOCAL + 1]
    assert [record.camera.cx for record in found] == [CX + 0.5] * 2
    assert {record.scene for record in found} == {DRIVE}
    assert {record.split for record in found} == {"val"}
    expected = np.where(steps(1) > 0, steps(1) / 256, np.nan)
    np.testing.assert_array_equal(load_depth(found[1]), expected.astype("f4"))


def test_the_test_set_has_no_labels(tmp_path):
    crops(tmp_path, "test_depth_prediction_anonymous", labels=False)
    found = records("kitti-depth", tmp_path, split="test")
    assert [(record.label, record.split) for record in found] == [(None, "test")] * 2


def test_missing_twins_are_named(root):
    (root.parent / "raw" / DAY / DRIVE / "image_02/data/0000000002.png").unlink()
    with pytest.raises(
        DataError, match=r"groundtruth/image_02/0000000002\.png: its image is missing in .*raw"
    ):
        records("kitti-depth", root)


def test_missing_raw_drives_are_named(root):
    (root.parent / "raw").rename(root.parent.parent / f"elsewhere_{root.parent.name}")
    with pytest.raises(DataError, match=rf"train/{DRIVE}: the raw drive {DRIVE} is not found; download it"):
        records("kitti-depth", root)


def test_a_missing_crop_label_or_camera_is_named(tmp_path):
    folder = crops(tmp_path)
    camera = folder / "intrinsics" / f"{DRIVE}_image_{0:010d}_image_02.txt"
    camera.write_text("1 2 3")
    with pytest.raises(DataError, match=r"image_02\.txt: found 1 rows of 3 numbers, expected 1 x 9 or 3 x 3"):
        records("kitti-depth", tmp_path)
    camera.unlink()
    with pytest.raises(DataError, match=r"image_02\.txt: cannot be read"):
        records("kitti-depth", tmp_path)
    (folder / "groundtruth_depth" / f"{DRIVE}_groundtruth_depth_{0:010d}_image_02.png").unlink()
    with pytest.raises(DataError, match=r"groundtruth_depth_0000000000_image_02\.png: missing"):
        records("kitti-depth", tmp_path)


def test_unknown_splits_and_empty_folders_are_named(root, tmp_path):
    with pytest.raises(ConfigError, match="--split is 'vaal'"):
        records("kitti-depth", root, split="vaal")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no train/, val/ or depth_selection"):
        records("kitti-depth", tmp_path / "empty")
    text(root / "list.txt", f"{DAY}/{DAY}_drive_0009_sync 1 l")
    with pytest.raises(DataError, match=r"list\.txt:1: drive .*0009_sync is in neither train/ nor val/"):
        records("kitti-depth", root, split=str(root / "list.txt"))
