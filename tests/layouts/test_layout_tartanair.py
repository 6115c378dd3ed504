"""TartanAir: flights with depth arrays and poses in NED axes."""

import numpy as np
import pytest
from pictures import array, metres, picture, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

W, H = 8, 6
HALF = np.sqrt(0.5)


def write(root, place="hospital", level="Easy", flight="P000", frames=3, *, right=True, pose="0 0 0 0 0 0 1"):
    folder = root / place / place / level / flight
    for frame in range(frames):
        picture(folder / "image_left" / f"{frame:06d}_left.png", W, H)
        if right:
            picture(folder / "image_right" / f"{frame:06d}_right.png", W, H)
        array(folder / "depth_left" / f"{frame:06d}_left_depth.npy", metres(H, W, frame))
    text(folder / "pose_left.txt", f"{pose}\n" * frames)
    return folder


def test_frames_of_a_flight(tmp_path):
    folder = write(tmp_path)
    found = records("tartanair", tmp_path)
    assert [record.id for record in found] == [
        f"hospital/hospital/Easy/P000/{frame:06d}" for frame in range(3)
    ]
    assert found[0].image == str(folder / "image_left/000000_left.png")
    assert found[0].right == str(folder / "image_right/000000_right.png")
    assert found[0].baseline == 0.25
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert found[0].scene == "hospital"


def test_the_camera_is_90_degrees_from_edge_to_edge(tmp_path):
    folder = write(tmp_path)
    camera = records("tartanair", tmp_path)[0].camera
    assert camera.fov == pytest.approx(90)
    picture(folder / "image_left/000000_left.png", 640, 480)
    camera = records("tartanair", tmp_path)[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (320, 320, 320, 240)


def test_depth_is_metres_and_the_sky_is_none(tmp_path):
    folder = write(tmp_path)
    far = metres(H, W)
    far[0] = 10000
    array(folder / "depth_left/000000_left_depth.npy", far)
    depth = load_depth(records("tartanair", tmp_path)[0], (W, H))
    assert np.isnan(depth[0]).all()
    np.testing.assert_array_equal(depth[1:], far[1:])


@pytest.mark.parametrize(
    ("quaternion", "forward", "right"),
    [
        ("0 0 0 1", (1, 0, 0), (0, 1, 0)),  # level: looks along NED x, right is NED y
        (f"0 0 {HALF} {HALF}", (0, 1, 0), (-1, 0, 0)),  # turned right by 90 degrees: looks along y
        (f"0 {HALF} 0 {HALF}", (0, 0, -1), (0, 1, 0)),  # pitched up: looks along -z, which is up
    ],
)
def test_poses_turn_opencv_axes_into_the_world(tmp_path, quaternion, forward, right):
    write(tmp_path, pose=f"1 2 3 {quaternion}")
    pose = np.reshape(records("tartanair", tmp_path)[0].pose, (4, 4))
    np.testing.assert_allclose(pose[:3, 3], [1, 2, 3])
    np.testing.assert_allclose(pose[:3, 2], forward, atol=1e-12)
    np.testing.assert_allclose(pose[:3, 0], right, atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)


def test_the_difficulty_is_a_split(tmp_path):
    write(tmp_path)
    write(tmp_path, level="Hard", flight="P001", frames=1, right=False)
    (record,) = records("tartanair", tmp_path, split="Hard")
    assert record.scene == "hospital"
    assert record.right is None
    with pytest.raises(ConfigError, match="expected one of Easy, Hard"):
        records("tartanair", tmp_path, split="easy")


def test_bad_input_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no pose_left\.txt in it or below it"):
        records("tartanair", tmp_path)
    folder = write(tmp_path)
    with pytest.raises(DataError, match="no flight below a folder Hard"):
        records("tartanair", tmp_path, split="Hard")
    poses = folder / "pose_left.txt"
    poses.write_text("0 0 0 0 0 0 1\n" * 2)
    with pytest.raises(DataError, match=r"pose_left\.txt: has 2 poses, but there are 3 images"):
        records("tartanair", tmp_path)
    poses.write_text("0 0 0 0 0 0 1\n" * 2 + "0 0 0 0 0 0\n")
    with pytest.raises(DataError, match=r"pose_left\.txt:3: has 6 columns, expected 7"):
        records("tartanair", tmp_path)
    (folder / "depth_left/000001_left_depth.npy").unlink()
    with pytest.raises(DataError, match=r"000001_left\.png: its depth is missing"):
        records("tartanair", tmp_path)
