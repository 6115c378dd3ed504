"""`onedepth track` from a clip to a path on disk."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from room import CAMERA, apart, look, walk, write_clip
from typer.testing import CliRunner

from onedepth.apps.cli._app import app
from onedepth.errors import ConfigError, DataError, OneDepthError
from onedepth.track.frames import open_frames
from onedepth.track.run import follow
from onedepth.track.trajectory import read_trajectory


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["track", *map(str, words)])
    return result.exit_code, result.output


@pytest.mark.parametrize("format", ["tum", "kitti"])
def test_true_depth_gives_the_true_path(tmp_path: Path, format: str) -> None:
    poses = walk(6)
    clip = write_clip(tmp_path / "clip", poses)
    code, said = run(clip, "--depth", "labels", "--format", format, "--fps", 10, "-o", tmp_path / "p.txt")
    assert code == 0, said
    assert "6 frames" in said
    path = read_trajectory(tmp_path / "p.txt")
    assert path.times[1] == pytest.approx(0.1 if format == "tum" else 1.0)
    assert path.focal == (CAMERA.focal if format == "tum" else None)
    assert apart(poses[-1], path.poses[-1])[0] < 0.02 * np.linalg.norm(poses[-1][:3, 3])


def test_a_model_gives_a_path_and_none_another(tmp_path: Path, tiny_model: Path) -> None:
    clip = write_clip(tmp_path / "clip", walk(6))
    code, said = run(clip, "--model", tiny_model, "-o", tmp_path / "p.txt")
    assert code == 0, said
    assert " m, " in said
    code, said = run(clip, "--depth", "none", "-o", tmp_path / "q.txt")
    assert code == 0, said
    assert "scale unknown" in said


def test_photos_and_videos_are_clips_too(tmp_path: Path, tiny_model: Path) -> None:
    av = pytest.importorskip("av")
    photos = tmp_path / "photos"
    photos.mkdir()
    with av.open(str(tmp_path / "clip.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = CAMERA.width, CAMERA.height, "yuv420p"
        for i, pose in enumerate(walk(4)):
            pixels = np.stack([look(pose)[0]] * 3, -1)
            cv2.imwrite(str(photos / f"{i}.png"), pixels)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())
    for clip, times in ((photos, [0, 1, 2, 3]), (tmp_path / "clip.mp4", [0, 0.05, 0.1, 0.15])):
        frames = open_frames(clip, camera_of=lambda width, height: CAMERA)
        np.testing.assert_allclose(frames.times, times, atol=1e-3)
        assert frames.at(2).camera == CAMERA
        words = (clip, "--focal", CAMERA.fx, "--model", tiny_model, "-o", tmp_path / "p.txt", "--overwrite")
        code, said = run(*words)
        assert code == 0, said
        assert "4 frames, focal length 180 px (given)" in said
        assert ("--fps" in said) == (clip == photos)  # a video has its times
        assert len(read_trajectory(tmp_path / "p.txt")) == 4


def test_a_path_that_is_there_is_kept(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", walk(2))
    (tmp_path / "p.txt").write_text("mine")
    code, said = run(clip, "--depth", "labels", "-o", tmp_path / "p.txt")
    assert code == 0
    assert "kept; --overwrite" in said
    assert (tmp_path / "p.txt").read_text() == "mine"
    assert run(clip, "--depth", "labels", "-o", tmp_path / "p.txt", "--overwrite")[0] == 0
    assert len(read_trajectory(tmp_path / "p.txt")) == 2


def test_a_single_frame_makes_no_path(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", walk(1))
    code, said = run(clip, "--depth", "labels", "-o", tmp_path / "p.txt")
    assert code == 2
    assert "at least two" in said
    assert not (tmp_path / "p.txt").exists()


def test_an_assumed_focal_length_and_counted_times_are_told(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i, pose in enumerate(walk(2)):
        cv2.imwrite(str(photos / f"{i}.png"), look(pose)[0])
    code, said = run(photos, "--depth", "none", "-o", tmp_path / "p.txt")
    assert code == 0, said
    assert "assumed, ±30 %" in said
    assert "--fps" in said
    assert "--fps" not in run(photos, "--depth", "none", "--format", "kitti", "-o", tmp_path / "q.txt")[1]
    assert "--fps" not in run(photos, "--depth", "none", "--fps", 30, "-o", tmp_path / "r.txt")[1]


def test_lost_frames_are_listed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", walk(8))
    for i in (4, 5):
        cv2.imwrite(str(clip / f"{i:03d}.jpg"), np.full((CAMERA.height, CAMERA.width), 80, np.uint8))
    code, said = run(clip, "--depth", "labels", "-o", tmp_path / "p.txt")
    assert code == 1
    assert "lost: 2 of 8 frames" in said
    assert read_trajectory(tmp_path / "p.txt").lost == {4, 5}


@pytest.mark.parametrize("depth", ["labels", "none"])
def test_a_damaged_frame_is_lost_and_the_others_are_followed(tmp_path: Path, depth: str) -> None:
    poses = walk(8)
    clip = write_clip(tmp_path / "clip", poses)
    (clip / "004.jpg").write_bytes((clip / "004.jpg").read_bytes()[:400])
    code, said = run(clip, "--depth", depth, "-o", tmp_path / "p.txt")
    assert code == 1
    assert "error: " in said
    assert "004.jpg" in said
    assert "lost: 1 of 8 frames, whose poses are guesses: 4" in said
    path = read_trajectory(tmp_path / "p.txt")
    np.testing.assert_array_equal(path.poses[4], path.poses[3])
    if depth == "labels":
        assert apart(poses[-1], path.poses[-1])[0] < 0.05 * np.linalg.norm(poses[-1][:3, 3])


def test_a_first_frame_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", walk(3))
    (clip / "000.jpg").unlink()
    code, said = run(clip, "--depth", "labels", "-o", tmp_path / "p.txt")
    assert code == 2
    assert "000.jpg" in said
    assert not (tmp_path / "p.txt").exists()


def test_large_frames_are_shrunk_but_the_path_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poses = walk(5)
    frames = open_frames(write_clip(tmp_path / "clip", poses))
    monkeypatch.setattr("onedepth.track.run.LARGEST_SIDE", 160)
    found = follow(frames, lambda frame: frame.label()).trajectory
    assert apart(poses[-1], found.poses[-1])[0] < 0.05 * np.linalg.norm(poses[-1][:3, 3])


def test_what_cannot_be_followed_is_said_in_a_line(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", walk(2))
    for words, found in (
        ((clip, "--depth", "magic"), "predicted, labels, none"),
        ((clip, "--format", "csv"), "tum, kitti"),
        ((clip, "--fps", 0), "--fps"),
        ((clip, "--scene", "nowhere", "--depth", "labels"), "nowhere"),
        ((tmp_path / "missing.mp4",), "missing.mp4"),
    ):
        code, said = run(*words, "-o", tmp_path / "p.txt")
        assert code == 2, said
        assert found in said
    (clip / "000.png").unlink()
    with pytest.raises(OneDepthError, match=r"000\.png"):
        follow(open_frames(clip), lambda frame: frame.label())
    photos = open_frames(clip / "000.jpg")
    with pytest.raises(DataError, match="no label"):
        photos.at(0).label()
    with pytest.raises(ConfigError):
        open_frames(clip, rate=-1.0)
