"""Exact depth and exact poses give the exact surface, within bounded memory."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "track"))
from room import CAMERA, WALLS, look, walk, write_clip

from onedepth.apps.cli._app import app
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, DataError, OneDepthError
from onedepth.reconstruct.fuse import FuseOptions, Fusion
from onedepth.reconstruct.run import poses_of
from onedepth.track.frames import open_frames
from onedepth.track.trajectory import Trajectory, write_trajectory

pytest.importorskip("open3d")
OPTIONS = FuseOptions(voxel=0.05, max_depth=6.0)


def fused(poses: list[np.ndarray], options: FuseOptions = OPTIONS) -> Fusion:
    fusion = Fusion(options)
    for pose in poses:
        grey, depth = look(pose)
        fusion.add(DepthMap(depth, "metric", CAMERA), np.stack([grey] * 3, -1), pose)
    return fusion


def from_walls(points: np.ndarray) -> np.ndarray:
    """Metres from each point to the nearest wall of the room."""
    return np.min([np.abs(points @ np.array(normal) - offset) for normal, offset in WALLS], axis=0)


def test_the_surface_lies_on_the_walls() -> None:
    fusion = fused(walk(4))
    points = fusion.points()
    assert len(points) > 1000
    assert np.median(from_walls(points)) < 0.004
    assert np.quantile(from_walls(points), 0.95) < 0.02
    vertices = np.asarray(fusion.mesh().vertices)
    assert np.median(from_walls(vertices)) < 0.004
    assert np.ptp(points[:, 2]) > 2.0


def test_half_a_pixel_would_be_seen() -> None:
    """With pixel centres at integers the floor would lie a centimetre deeper."""
    floor = fused(walk(4)).points()
    floor = floor[np.abs(floor[:, 1] - 1.2) < 0.05]
    assert abs(float(np.mean(floor[:, 1])) - 1.2) < 0.002


def test_memory_is_bounded_and_said() -> None:
    need = fused(walk(1)).megabytes
    assert need > 1
    with pytest.raises(OneDepthError, match="--voxel"):
        fused(walk(1), FuseOptions(voxel=0.05, max_depth=6.0, max_memory=need / 2))
    assert fused(walk(3)).megabytes < 1.5 * need  # the same room again takes no new blocks


def test_far_depth_and_empty_volumes() -> None:
    with pytest.raises(DataError, match="max-depth"):
        fused(walk(1), FuseOptions(voxel=0.05, max_depth=0.1)).mesh()
    with pytest.raises(ConfigError, match="voxel"):
        FuseOptions(voxel=0)


def test_a_surface_needs_two_looks() -> None:
    with pytest.raises(DataError, match="by 2 of the 1 frames"):
        fused(walk(1)).mesh()


def test_poses_are_joined_to_frames(tmp_path: Path) -> None:
    poses = walk(4)
    frames = open_frames(write_clip(tmp_path / "clip", poses), rate=10.0)
    whole = Trajectory(np.stack(poses), frames.times, frozenset({2}))
    assert [pose is None for pose in poses_of(frames, whole)] == [False, False, True, False]
    part = Trajectory(np.stack(poses[1:3]), np.array([0.101, 0.29]))
    found = poses_of(frames, part)
    assert [pose is None for pose in found] == [True, False, True, False]
    np.testing.assert_array_equal(found[3], poses[2])
    with pytest.raises(DataError, match="--fps"):
        poses_of(frames, Trajectory(np.stack(poses[:2]), np.array([100.0, 101.0])))
    with pytest.raises(DataError, match="one per frame"):
        poses_of(frames, Trajectory(np.stack(poses[:2]), np.arange(2.0), timed=False))


def test_the_command_writes_a_mesh(tmp_path: Path) -> None:
    import trimesh
    from typer.testing import CliRunner

    poses = walk(3)
    clip = write_clip(tmp_path / "clip", poses)
    write_trajectory(Trajectory(np.stack(poses), np.arange(3.0)), tmp_path / "path.txt", "kitti")
    given = ["reconstruct", str(clip), "--path", str(tmp_path / "path.txt"), "--depth", "labels"]
    run = CliRunner().invoke(app, [*given, "--voxel", "0.05", "-o", str(tmp_path / "mesh.ply")])
    assert run.exit_code == 0, run.output
    mesh = trimesh.load(tmp_path / "mesh.ply")
    assert np.median(from_walls(np.asarray(mesh.vertices))) < 0.01
    colours = np.asarray(fused(poses).mesh().vertex_colors)
    assert 0 <= colours.min() < colours.max() <= 1  # else Open3D complains on the terminal
    kept = CliRunner().invoke(app, [*given, "-o", str(tmp_path / "mesh.ply")])
    assert kept.exit_code == 0
    assert "kept; --overwrite" in kept.output
    short = [*given, "--voxel", "0.05", "--max-depth", "3.2", "-o", str(tmp_path / "mesh.ply"), "--overwrite"]
    near = CliRunner().invoke(app, short)
    assert near.exit_code == 0, near.output
    assert "21 % of the depth was within --max-depth 3.2" in near.output
    assert "within" not in run.output
    path = Trajectory(np.stack(poses), np.arange(3.0), focal=CAMERA.focal)
    assert "warning" not in run.output
    for focal, told in ((CAMERA.focal, False), (1.1 * CAMERA.focal, True)):
        write_trajectory(replace(path, focal=focal), tmp_path / "path.txt")
        other = CliRunner().invoke(app, [*given, "-o", str(tmp_path / f"{told}.ply"), "--voxel", "0.05"])
        assert other.exit_code == 0, other.output
        assert ("made with a focal length of 198 px, the frames are taken for 180 px" in other.output) == told
    wrong = CliRunner().invoke(app, [*given, "-o", str(tmp_path / "mesh.xyz")])
    assert wrong.exit_code == 2
    assert "*.ply" in wrong.output
