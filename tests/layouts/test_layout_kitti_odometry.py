"""KITTI odometry: sequences, their cameras, and poses moved from camera 0 to the colour camera."""

import numpy as np
import pytest
from kitti_builder import (
    BASELINE,
    CX,
    FOCAL,
    HEIGHT,
    PROJECTIONS,
    RECT,
    TO_LEFT,
    VELO_R,
    VELO_T,
    WIDTH,
    projection,
    scan,
    turn,
)
from pictures import numbers, picture, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth


def write_sequence(root, name="04", frames=3, *, colour=True, poses=True):
    """Images, scans, times, and a car that drives 1 m a frame while it turns."""
    folder = root / "sequences" / name
    for frame in range(frames):
        for side in (2, 3) if colour else (0, 1):
            picture(folder / f"image_{side}" / f"{frame:06d}.png", WIDTH, HEIGHT)
        path = folder / "velodyne" / f"{frame:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(scan(frame)[0].tobytes())
    matrices = {0: projection(0), 1: projection(-BASELINE), **PROJECTIONS}
    lines = [f"P{side}: {numbers(matrix)}" for side, matrix in matrices.items()]
    lines.append(f"Tr: {numbers(np.column_stack([RECT @ VELO_R, RECT @ VELO_T]))}")
    text(folder / "calib.txt", "\n".join(lines) + "\n")
    text(folder / "times.txt", "".join(f"{frame * 0.1:e}\n" for frame in range(frames)))
    if poses:
        text(root / "poses" / f"{name}.txt", "".join(numbers(p[:3]) + "\n" for p in car(frames)))
    return folder


def car(frames):
    """Camera 0 to world."""
    poses = []
    for frame in range(frames):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = turn(0, 0.1 * frame, 0), [0, 0, frame]
        poses.append(pose)
    return poses


def test_frames_of_a_sequence(tmp_path):
    folder = write_sequence(tmp_path)
    found = records("kitti-odometry", tmp_path)
    assert [record.id for record in found] == [f"04/image_2/{frame:06d}" for frame in range(3)]
    assert [record.time for record in found] == pytest.approx([0, 0.1, 0.2])
    assert found[0].right == str(folder / "image_3/000000.png")
    assert found[0].baseline == pytest.approx(BASELINE)
    assert (found[0].camera.fx, found[0].camera.cx) == pytest.approx((FOCAL, CX + 0.5))
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert (found[0].scene, found[0].split) == ("04", "train")


def test_depth_is_what_was_put_in(tmp_path):
    write_sequence(tmp_path)
    for frame, record in enumerate(records("kitti-odometry", tmp_path)):
        seen = scan(frame)[1]
        depth = load_depth(record)
        np.testing.assert_allclose(
            depth[seen[:, 1].astype(int), seen[:, 0].astype(int)], seen[:, 2], rtol=1e-5
        )


def test_poses_are_those_of_the_listed_camera(tmp_path):
    """A point that camera 0 sees is seen by camera 2 where P2 says, through the record's own pose."""
    write_sequence(tmp_path)
    for frame, record in enumerate(records("kitti-odometry", tmp_path)):
        pose = np.reshape(record.pose, (4, 4))
        in_camera_0 = np.array([0.5, -0.4, 12.0, 1.0])
        in_camera_2 = np.linalg.inv(pose) @ car(3)[frame] @ in_camera_0
        u, v, z = PROJECTIONS[2] @ in_camera_0
        expected = (u / z + 0.5, v / z + 0.5)
        np.testing.assert_allclose(record.camera.project(in_camera_2[:3]), expected, atol=1e-9)
    assert np.reshape(records("kitti-odometry", tmp_path)[0].pose, (4, 4))[0, 3] == pytest.approx(-TO_LEFT)


def test_grey_images_are_taken_where_there_are_no_colours(tmp_path):
    write_sequence(tmp_path, colour=False)
    record = records("kitti-odometry", tmp_path)[0]
    assert record.id == "04/image_0/000000"
    assert np.reshape(record.label.to_camera, (3, 4))[:, 3] == pytest.approx(
        RECT @ VELO_T + [0, 0.002, 0.003]
    )


def test_splits_and_missing_poses(tmp_path):
    for name in ("00", "08", "09"):
        write_sequence(tmp_path / "dataset", name, 1)
    write_sequence(tmp_path / "dataset", "10", 1)
    write_sequence(tmp_path / "dataset", "11", 1, poses=False)
    found = records("kitti-odometry", tmp_path)
    assert [(r.scene, r.split, r.pose is None) for r in found] == [
        ("00", "train", False),
        ("08", "train", False),
        ("09", "test", False),
        ("10", "test", False),
        ("11", None, True),
    ]
    assert [r.scene for r in records("kitti-odometry", tmp_path, split="train")] == ["00", "08"]
    assert [r.scene for r in records("kitti-odometry", tmp_path, split="test")] == ["09", "10"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("P2:", "Q2:", r"calib\.txt: has no camera 'P2'"),
        ("Tr:", "T:", r"calib\.txt: field 'Tr' is missing"),
        ("P3:", "P3: 1", r"'P3' must be 12 finite numbers, found 13"),
    ],
)
def test_a_damaged_calibration_is_named(tmp_path, old, new, message):
    path = write_sequence(tmp_path) / "calib.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        records("kitti-odometry", tmp_path)


def test_swapped_cameras_are_named(tmp_path):
    path = write_sequence(tmp_path) / "calib.txt"
    path.write_text(path.read_text().replace("P3", "P9").replace("P2", "P3").replace("P9", "P2"))
    with pytest.raises(DataError, match=r"P3 lies -0\.54 m right of P2, expected more than 0"):
        records("kitti-odometry", tmp_path)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match="no folder sequences/"):
        records("kitti-odometry", tmp_path)
    folder = write_sequence(tmp_path)
    with pytest.raises(DataError, match="none of the sequences of --split test"):
        records("kitti-odometry", tmp_path, split="test")
    with pytest.raises(ConfigError, match="--split is 'tset', expected one of train, test"):
        records("kitti-odometry", tmp_path, split="tset")
    (tmp_path / "poses/04.txt").write_text(numbers(np.eye(4)[:3]) + "\n")
    with pytest.raises(DataError, match="04: poses has 1 lines, but there is an image 000002"):
        records("kitti-odometry", tmp_path)
    (folder / "calib.txt").unlink()
    with pytest.raises(DataError, match=r"calib\.txt: calibration file is missing"):
        records("kitti-odometry", tmp_path)
