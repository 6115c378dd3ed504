"""TUM RGB-D: three lists joined by time, quaternions, 5000 steps a metre, a camera per Kinect."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import metres, picture, raster, records, text

from onedepth import Camera
from onedepth.distortion import RadialTangential
from onedepth.errors import DataError
from onedepth.layouts.tum_rgbd import associate
from onedepth.manifest.labels import load_depth

STEPS = np.rint(metres() * 1000).astype(np.uint16)  # at 5000 a metre: 0.4 to 6 m
TIMES = st.lists(st.floats(0, 1), max_size=8, unique=True).map(sorted)


def _sequence(root: Path, name: str = "rgbd_dataset_freiburg1_desk") -> Path:
    folder = root / name
    colour, depth = [10.00, 10.03, 10.06, 10.50], [10.01, 10.045, 10.07, 10.30]
    for time in colour:
        picture(folder / f"rgb/{time:.6f}.png")
    for time in depth:
        raster(folder / f"depth/{time:.6f}.png", STEPS)
    head = "# color images\n# file: 'x.bag'\n# timestamp filename\n"
    text(folder / "rgb.txt", head + "".join(f"{t:.6f} rgb/{t:.6f}.png\n" for t in colour))
    text(folder / "depth.txt", head + "".join(f"{t:.6f} depth/{t:.6f}.png\n" for t in depth))
    quarter = f"0 0 {0.5**0.5} {0.5**0.5}"  # about z: camera x is world y
    text(
        folder / "groundtruth.txt",
        f"# t tx ty tz qx qy qz qw\n9.995 1 2 3 {quarter}\n10.031 1 2 4 {quarter}\n",
    )
    return folder


def test_frames_are_joined_by_time_once_and_within_the_limit(tmp_path: Path) -> None:
    _sequence(tmp_path)
    found = records("tum-rgbd", tmp_path)
    stamps = [(Path(r.image).stem, Path(r.label.file).stem) for r in found if r.label]
    assert stamps == [("10.000000", "10.010000"), ("10.030000", "10.045000"), ("10.060000", "10.070000")]
    assert [r.time for r in found] == [10.0, 10.03, 10.06]
    assert found[1].neighbours == (found[0].image, found[2].image)
    assert found[0].neighbours == found[2].neighbours == ()


def test_depth_is_in_steps_of_a_fifth_of_a_millimetre(tmp_path: Path) -> None:
    _sequence(tmp_path)
    record = records("tum-rgbd", tmp_path)[0]
    np.testing.assert_allclose(load_depth(record), STEPS / 5000, rtol=1e-6)


def test_poses_are_camera_to_world_and_missing_where_the_capture_lost_it(tmp_path: Path) -> None:
    _sequence(tmp_path)
    poses = [r.pose for r in records("tum-rgbd", tmp_path)]
    assert poses[2] is None
    expected = [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(np.reshape(poses[0], (4, 4)), expected, atol=1e-12)


def test_each_kinect_has_its_own_camera(tmp_path: Path) -> None:
    cameras = {}
    for name in ("rgbd_dataset_freiburg1_xyz", "freiburg2_desk", "fr3_cabinet"):
        _sequence(tmp_path / name, name)
        cameras[name[-3:]] = records("tum-rgbd", tmp_path / name)[0].camera
    one, two, three = cameras["xyz"], cameras["esk"], cameras["net"]
    assert one is not None
    assert two is not None
    assert three == Camera(width=640, height=480, fx=535.4, fy=539.2, cx=320.6, cy=248.1)
    assert (one.fx, one.cx) == (517.306408, 318.643040 + 0.5)
    assert isinstance(one.distortion, RadialTangential)
    assert two.distortion != one.distortion
    assert np.isfinite(one.distortion.undistort([[(0 - one.cx) / one.fx, (0 - one.cy) / one.fy]])).all()


def test_another_camera_can_be_given_where_the_name_does_not_tell(tmp_path: Path) -> None:
    _sequence(tmp_path, "my_desk")
    with pytest.raises(DataError, match=r"my_desk: its name holds no freiburg1.*--camera"):
        records("tum-rgbd", tmp_path)
    camera = Camera(width=8, height=6, fx=5, fy=5, cx=4, cy=3)
    assert records("tum-rgbd", tmp_path, camera=camera)[0].camera == camera


def test_recordings_that_do_not_overlap_in_time_are_named(tmp_path: Path) -> None:
    folder = _sequence(tmp_path)
    text(folder / "depth.txt", "99.0 depth/10.010000.png\n")
    with pytest.raises(
        DataError, match=r"no time of rgb\.txt is within 0\.02 s .*begin at 10\.00 s and 99\.00 s"
    ):
        records("tum-rgbd", tmp_path)


def test_a_quaternion_of_zeros_and_a_missing_file_are_named_with_their_line(tmp_path: Path) -> None:
    folder = _sequence(tmp_path)
    text(folder / "groundtruth.txt", "# t\n10.0 1 2 3 0 0 0 0\n")
    with pytest.raises(DataError, match=r"groundtruth\.txt:2: quaternion"):
        records("tum-rgbd", tmp_path)
    text(folder / "groundtruth.txt", "10.0 1 2\n")
    with pytest.raises(DataError, match=r"groundtruth\.txt:1: has 3 columns, expected 8"):
        records("tum-rgbd", tmp_path)
    (folder / "groundtruth.txt").unlink()
    (folder / "rgb/10.030000.png").unlink()
    with pytest.raises(
        DataError, match=r"10\.030000\.png: missing; expected the file that .*rgb\.txt:5 names"
    ):
        records("tum-rgbd", tmp_path)


@given(TIMES, TIMES)
def test_association_is_one_to_one_within_the_limit_and_leaves_no_lone_pair(
    a: list[float], b: list[float]
) -> None:
    pairs = associate(a, b, 0.05)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(abs(a[i] - b[j]) <= 0.05 + 1e-9 for i, j in pairs)
    lone_a = set(range(len(a))) - {i for i, _ in pairs}
    lone_b = set(range(len(b))) - {j for _, j in pairs}
    assert not any(abs(a[i] - b[j]) < 0.05 - 1e-9 for i in lone_a for j in lone_b)
