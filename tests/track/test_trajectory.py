"""Paths survive their files, and both formats say what others expect of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from onedepth.errors import ConfigError, DataError, OneDepthError
from onedepth.rotations import quaternions, rotations
from onedepth.track.poses import inverse, moved, nearest_rotation, rigid, turn
from onedepth.track.trajectory import Trajectory, read_trajectory, write_trajectory

angles = arrays(np.float64, 3, elements=st.floats(-1.8, 1.8))
places = arrays(np.float64, 3, elements=st.floats(-1e3, 1e3))
motions = st.builds(lambda w, t: rigid(turn(w), t), angles, places)


def path_of(poses: list[np.ndarray], lost: frozenset[int] = frozenset()) -> Trajectory:
    return Trajectory(np.stack(poses), 0.1 * np.arange(len(poses)), lost)


@given(st.lists(motions, min_size=1, max_size=4), st.sampled_from(["tum", "kitti"]))
def test_a_path_comes_back_from_its_file(
    tmp_path_factory: pytest.TempPathFactory, poses: list[np.ndarray], format: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "path.txt"
    path = path_of(poses)
    write_trajectory(path, file, format)
    back = read_trajectory(file)
    np.testing.assert_allclose(back.poses[:, :3, 3], path.poses[:, :3, 3], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(back.poses[:, :3, :3], path.poses[:, :3, :3], atol=1e-8)
    assert back.timed == (format == "tum")
    if format == "tum":
        np.testing.assert_allclose(back.times, path.times, atol=1e-9)


@given(angles)
def test_quaternions_and_matrices_say_the_same_turn(vector: np.ndarray) -> None:
    matrix = turn(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(rotations(quaternions(matrix[None]))[0], matrix, atol=1e-9)
    np.testing.assert_allclose(nearest_rotation(1.3 * matrix), matrix, atol=1e-9)


@given(motions, arrays(np.float64, (5, 3), elements=st.floats(-10, 10)))
def test_a_motion_and_its_inverse_lead_nowhere(motion: np.ndarray, points: np.ndarray) -> None:
    np.testing.assert_allclose(moved(inverse(motion), moved(motion, points)), points, atol=1e-9)


def test_formats_by_hand(tmp_path: Path) -> None:
    """A quarter turn to the right about y (down): the camera's z becomes the world's x."""
    quarter = rigid([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], [1.0, 2.0, 3.0])
    path = path_of([np.eye(4), quarter], frozenset({1}))
    write_trajectory(path, tmp_path / "tum.txt")
    lines = (tmp_path / "tum.txt").read_text().splitlines()
    assert [float(word) for word in lines[-1].split()] == pytest.approx(
        [0.1, 1, 2, 3, 0, 0.5**0.5, 0, 0.5**0.5], abs=1e-8
    )
    assert read_trajectory(tmp_path / "tum.txt").lost == {1}
    write_trajectory(path, tmp_path / "kitti.txt", "kitti")
    lines = (tmp_path / "kitti.txt").read_text().splitlines()
    assert lines[0].split() == ["1", "0", "0", "0", "0", "1", "0", "0", "0", "0", "1", "0"]
    assert lines[1].split() == ["0", "0", "1", "1", "0", "1", "0", "2", "-1", "0", "0", "3"]
    assert path.length == pytest.approx(14**0.5)


def test_the_focal_length_is_kept_with_the_path(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    write_trajectory(replace(path_of([np.eye(4)]), focal=292.5), file)
    assert read_trajectory(file).focal == 292.5
    for comment in ("# focal length in pixels: unknown\n", "# focal length in pixels: -3\n", ""):
        file.write_text(comment + "0 0 0 0 0 0 0 1\n")
        assert read_trajectory(file).focal is None


def test_evo_reads_the_same_path(tmp_path: Path) -> None:
    tools = pytest.importorskip("evo.tools.file_interface")
    poses = [rigid(turn([0.1 * i, 0.2, -0.3 * i]), [i, 2.0, -i]) for i in range(4)]
    for format, read in (("tum", tools.read_tum_trajectory_file), ("kitti", tools.read_kitti_poses_file)):
        write_trajectory(path_of(poses), tmp_path / "p.txt", format)
        np.testing.assert_allclose(np.array(read(tmp_path / "p.txt").poses_se3), np.stack(poses), atol=1e-7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "holds no pose"),
        ("0 1 2 3\n", ":1: found '0 1 2 3', expected 8 or 12 numbers"),
        ("0 0 0 0 0 0 0 1\n1 0 0 0 0 0 0\n", ":2: .*expected 8 numbers"),
        ("0 0 0 0 0 0 0 one\n", ":1"),
        ("0 0 0 0 0 0 0 2\n", "quaternion has length 2"),
        ("1 0 0 0 0 0 0 1\n0 0 0 0 0 0 0 1\n", "times must rise"),
        ("2 0 0 0 0 1 0 0 0 0 1 0\n", "no rotation"),
        ("1 0 0 0 0 1 0 0 0 0 -1 0\n", "no rotation"),
        ("0 nan 0 0 0 0 0 1\n", ":1"),
    ],
)
def test_what_is_no_path_is_refused_by_name(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(DataError, match=found) as error:
        read_trajectory(tmp_path / "bad.txt")
    assert str(tmp_path / "bad.txt") in str(error.value)


def test_missing_files_and_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_trajectory(tmp_path / "nowhere.txt")
    with pytest.raises(ConfigError, match="tum, kitti"):
        write_trajectory(path_of([np.eye(4)]), tmp_path / "p.txt", "csv")
    with pytest.raises(OneDepthError, match="does not exist"):
        write_trajectory(path_of([np.eye(4)]), tmp_path / "no" / "p.txt")
