"""KITTI raw drives: which frames are listed, and where LiDAR points land."""

import numpy as np
import pytest
from kitti_builder import (
    BASELINE,
    CX,
    CY,
    DAY,
    FOCAL,
    HEIGHT,
    IMU_R,
    PROJECTIONS,
    RECT,
    VELO_R,
    VELO_T,
    WIDTH,
    scan,
    turn,
    write_day,
    write_drive,
)
from pictures import picture, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

DRIVE = f"{DAY}_drive_0001_sync"


@pytest.fixture
def root(tmp_path):
    write_day(tmp_path)
    write_drive(tmp_path, 1, 3)
    write_drive(tmp_path, 2, 2)
    return tmp_path


def test_every_frame_of_the_left_camera_is_listed_with_its_right_view(root):
    found = records("kitti-raw", root)
    assert [r.id for r in found[:4]] == [
        *(f"{DRIVE}/image_02/{frame:010d}" for frame in range(3)),
        f"{DAY}_drive_0002_sync/image_02/0000000000",
    ]
    assert len(found) == 5
    first = found[0]
    folder = root / DAY / DRIVE
    assert first.image == str(folder / "image_02/data/0000000000.png")
    assert first.right == str(folder / "image_03/data/0000000000.png")
    assert first.baseline == pytest.approx(BASELINE)
    assert first.scene == DRIVE
    assert first.label is not None
    assert (first.label.kind, first.label.encoding, first.label.quantity) == ("metric", "velodyne", "depth")
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert found[0].neighbours == found[2].neighbours == found[3].neighbours == ()
    assert found[1].time is not None
    assert found[1].time - found[0].time == pytest.approx(0.1)


def test_pixel_centres_move_to_integer_and_a_half(root):
    camera = records("kitti-raw", root)[0].camera
    assert camera is not None
    assert (camera.width, camera.height, camera.fx, camera.fy) == (WIDTH, HEIGHT, FOCAL, FOCAL)
    assert (camera.cx, camera.cy) == pytest.approx((CX + 0.5, CY + 0.5))


def test_points_land_where_the_devkit_projects_them(root):
    """P_rect_02 R_rect_00 [R | T] p, written out as in the devkit."""
    record = records("kitti-raw", root)[0]
    points = np.fromfile(record.label.file, "<f4").reshape(-1, 4)
    points[:, 3] = 1
    velo, rect = np.eye(4), np.eye(4)
    velo[:3, :3], velo[:3, 3], rect[:3, :3] = VELO_R, VELO_T, RECT
    u, v, z = PROJECTIONS[2] @ rect @ velo @ points.T
    depth = load_depth(record)
    assert depth.shape == (HEIGHT, WIDTH)
    columns, rows = np.rint(u / z).astype(int), np.rint(v / z).astype(int)
    np.testing.assert_allclose(depth[rows, columns], z, rtol=1e-5)
    assert np.isfinite(depth).sum() == len(points)


def test_depth_is_what_was_put_in(root):
    for frame, record in enumerate(records("kitti-raw", root)[:3]):
        seen = scan(frame)[1]
        depth = load_depth(record)
        np.testing.assert_allclose(
            depth[seen[:, 1].astype(int), seen[:, 0].astype(int)], seen[:, 2], rtol=1e-5
        )


def test_the_right_camera_sees_the_points_moved_by_the_disparity(root):
    splits = text(root / "list.txt", f"{DAY}/{DRIVE} 0 l\n{DAY}/{DRIVE} 0 r\n")
    left, right = records("kitti-raw", root, split=str(splits))
    assert right.id.endswith("image_03/0000000000")
    assert right.right is None
    assert right.baseline is None
    ours, theirs = (np.reshape(record.label.to_camera, (3, 4)) for record in (left, right))
    np.testing.assert_allclose(ours[:, 3] - theirs[:, 3], [BASELINE, 0, 0], atol=1e-9)
    np.testing.assert_allclose(ours[:, :3], theirs[:, :3])


def test_a_frame_without_scan_has_no_label(tmp_path):
    write_day(tmp_path)
    write_drive(tmp_path, 1, 3, without_scan=(1,))
    assert [record.label is not None for record in records("kitti-raw", tmp_path)] == [True, False, True]


@pytest.mark.parametrize("below", ["", "raw", DAY])
def test_root_may_be_a_day_or_lie_higher(tmp_path, below):
    home = tmp_path / ("raw" if below == "raw" else "")
    write_day(home)
    write_drive(home, 1, 2, suffix=".jpg")
    assert len(records("kitti-raw", tmp_path / (DAY if below == DAY else ""))) == 2


@pytest.mark.parametrize(
    ("split", "files"),
    [
        ("eigen", ["eigen_full/train", "eigen_full/val", "eigen/test"]),
        ("eigen-zhou", ["eigen_zhou/train", "eigen_zhou/val"]),
        ("eigen-benchmark", ["eigen_benchmark/test"]),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_named_splits_are_the_lists_of_monodepth2(root, split, files, beside):
    home = root.parent if beside else root
    for index, name in enumerate(files):
        text(home / "splits" / f"{name}_files.txt", f"{DAY}/{DRIVE} {index:010d} {'lr'[index % 2]}\n")
    found = records("kitti-raw", root, split=split)
    assert [record.split for record in found] == [name.split("/")[1] for name in files]
    assert [record.id[-10:] for record in found] == [f"{index:010d}" for index in range(len(files))]
    for name in files:
        (home / "splits" / f"{name}_files.txt").unlink()


def test_one_part_of_a_split(root):
    text(root / "splits/eigen_zhou/val_files.txt", f"{DAY}/{DRIVE} 2 r\n")
    (record,) = records("kitti-raw", root, split="eigen-zhou/val")
    assert (record.split, record.id) == ("val", f"{DRIVE}/image_03/0000000002")
    with pytest.raises(ConfigError, match=r"parts of eigen-zhou are train, val"):
        records("kitti-raw", root, split="eigen-zhou/test")


def test_a_list_may_name_images_instead(root):
    line = f"{DAY}/{DRIVE}/image_02/data/0000000001.png {DRIVE}/proj_depth/x.png 721.5\n"
    path = text(root / "bts_test_files.txt", line)
    (record,) = records("kitti-raw", root, split=str(path))
    assert record.id == f"{DRIVE}/image_02/0000000001"
    assert len(record.neighbours) == 2


def test_poses_follow_the_vehicle(root):
    """Yaw of 90 degrees is north; 1 m further north is 1 m ahead of the camera."""
    north = 1 / 6378137 / np.pi * 180
    for frame in range(3):
        packet = [49.0 + frame * north, 8.4, 112.0, 0.0, 0.0, np.pi / 2, *[0.0] * 24]
        path = root / DAY / DRIVE / "oxts/data" / f"{frame:010d}.txt"
        text(path, " ".join(map(str, packet)) + "\n")
    poses = [np.reshape(record.pose, (4, 4)) for record in records("kitti-raw", root)[:3]]
    moves = [np.linalg.inv(poses[0]) @ pose for pose in poses]
    np.testing.assert_allclose(moves[1][:3, :3], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(moves[1][:3, 3]), 1, rtol=1e-5)
    np.testing.assert_allclose(moves[2][:3, 3], 2 * moves[1][:3, 3], rtol=1e-5)
    assert moves[1][2, 3] > 0.99  # forward, up to the small angles between the sensors


def test_turns_are_yaw_after_pitch_after_roll(root):
    angles = [(0.1, -0.2, 0.7), (-0.3, 0.15, 1.1)]
    for frame, turned in enumerate(angles):
        packet = [49.0, 8.4, 112.0, *turned, *[0.0] * 24]
        path = root / DAY / DRIVE / "oxts/data" / f"{frame:010d}.txt"
        text(path, " ".join(map(str, packet)) + "\n")
    first, second, third = (record.pose for record in records("kitti-raw", root)[:3])
    assert third is None
    first, second = (np.reshape(pose, (4, 4))[:3, :3] for pose in (first, second))
    to_camera = RECT @ VELO_R @ IMU_R
    expected = to_camera @ turn(*angles[0]).T @ turn(*angles[1]) @ to_camera.T
    np.testing.assert_allclose(first.T @ second, expected, atol=1e-9)


def test_without_packets_there_are_no_poses(root):
    assert {record.pose for record in records("kitti-raw", root)} == {None}


@pytest.mark.parametrize("name", ["calib_cam_to_cam.txt", "calib_velo_to_cam.txt"])
def test_a_missing_calibration_is_named(root, name):
    (root / DAY / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: calibration file is missing"):
        records("kitti-raw", root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("R_rect_00", "R_rect_99", r"field 'R_rect_00' is missing"),
        ("R_rect_00: ", "R_rect_00: 1 ", r"'R_rect_00' must be 9 finite numbers, found 10"),
        ("R_rect_00: ", "R_rect_00: x ", r"'R_rect_00' must be numbers"),
        ("P_rect_02: ", "P_rect_02: 1 ", r"P_rect_02 must be 12 finite numbers"),
    ],
)
def test_a_damaged_calibration_is_named(root, old, new, message):
    path = root / DAY / "calib_cam_to_cam.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        records("kitti-raw", root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{DAY}/{DRIVE} 9 l", r"list\.txt:1: frame 9 is not in .*image_02"),
        (f"{DAY}/{DAY}_drive_0077_sync 0 l", r"list\.txt:1: the raw drive .*_0077_sync is not found"),
        (f"{DAY}/{DRIVE} 0 up", r"list\.txt:1: found .*expected DATE/DRIVE FRAME l\|r"),
        ("kitchen 0 l", r"list\.txt:1: found 'kitchen 0 l'"),
        ("# nothing", r"list\.txt: lists no frame"),
    ],
)
def test_a_wrong_line_of_a_list_is_named(root, line, message):
    with pytest.raises(DataError, match=message):
        records("kitti-raw", root, split=str(text(root / "list.txt", line + "\n")))


def test_unknown_and_missing_splits_are_named(root):
    with pytest.raises(ConfigError, match="expected eigen, eigen-zhou, eigen-benchmark, one part"):
        records("kitti-raw", root, split="eigne")
    with pytest.raises(
        ConfigError, match=r"train_files\.txt is missing; copy the folder splits/ of monodepth2"
    ):
        records("kitti-raw", root, split="eigen-zhou")


def test_what_is_no_kitti_is_refused(tmp_path):
    with pytest.raises(DataError, match="no drive of KITTI"):
        records("kitti-raw", tmp_path)
    write_day(tmp_path)
    picture(tmp_path / DAY / f"{DAY}_drive_0001_extract/image_02/data/0000000000.png")
    with pytest.raises(DataError, match="no drive of KITTI"):
        records("kitti-raw", tmp_path)


def test_odd_files_among_the_frames_are_named(root):
    picture(root / DAY / DRIVE / "image_02/data/thumb.png")
    with pytest.raises(DataError, match=r"thumb\.png: expected a frame number"):
        records("kitti-raw", root)


def test_other_options_are_of_no_use(root):
    with pytest.raises(ConfigError, match="--scale"):
        records("kitti-raw", root, scale=0.1)


def test_a_damaged_scan_is_named_when_it_is_loaded(root):
    record = records("kitti-raw", root)[0]
    with open(record.label.file, "ab") as file:
        file.write(b"abc")
    with pytest.raises(DataError, match=r"0000000000\.bin"):
        load_depth(record)
