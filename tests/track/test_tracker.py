"""Paths over a room with exact depth are recovered; nothing that moves is lost unnoticed."""

import numpy as np
import pytest
from room import CAMERA, apart, blank, look, track, view, walk

from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError
from onedepth.track.features import FOLLOWERS
from onedepth.track.poses import rigid, turn
from onedepth.track.scalefree import ScaleFreeTracker
from onedepth.track.tracker import Tracker, TrackOptions, View


def length(poses: list[np.ndarray]) -> float:
    return float(np.linalg.norm(np.diff([pose[:3, 3] for pose in poses], axis=0), axis=1).sum())


@pytest.mark.parametrize("follower", FOLLOWERS)
def test_a_walk_is_recovered(follower: str) -> None:
    poses = walk(14)
    steps = track([view(pose) for pose in poses], Tracker(TrackOptions(follower=follower)))
    assert {step.status for step in steps[1:]} == {"tracked"}
    if follower == "flow":
        assert 2 <= sum(step.key for step in steps) < len(steps) / 2
    metres, degrees = apart(poses[-1], steps[-1].pose)
    assert metres < (0.01 if follower == "flow" else 0.05) * length(poses)
    assert degrees < (0.3 if follower == "flow" else 0.6)
    if follower == "flow":
        assert length([step.pose for step in steps]) == pytest.approx(length(poses), rel=0.01)


def test_points_that_never_agree_wear_no_key_frame_out() -> None:
    """With half of its depth wrong a key-frame is as good as the next; more of them only add their errors."""
    wrong = np.random.default_rng(1).uniform(0.2, 0.5, (6, 8)).repeat(30, 0).repeat(30, 1)
    wrong[:, 90:] = 1.0

    def partly_wrong(pose: np.ndarray) -> View:
        grey, depth = look(pose)
        return View(grey, CAMERA, lambda: DepthMap(depth * wrong, "metric", CAMERA))

    poses = walk(8, step=0.15)
    steps = track([partly_wrong(pose) for pose in poses])
    assert steps[1].points < 0.7 * steps[0].points
    assert [step.key for step in steps].count(True) == 2
    assert apart(poses[-1], steps[-1].pose)[0] < 0.1 * length(poses)


def test_the_path_has_exactly_the_scale_of_the_depth() -> None:
    poses = walk(8)
    one, other = (track([view(pose, scale) for pose in poses]) for scale in (1.0, 3.7))
    for near, far in zip(one, other, strict=True):
        np.testing.assert_allclose(far.pose[:3, 3], 3.7 * near.pose[:3, 3], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(far.pose[:3, :3], near.pose[:3, :3], atol=1e-5)


def test_a_power_of_two_changes_no_bit_but_the_scale() -> None:
    one, other = (track([view(pose, scale) for pose in walk(6)]) for scale in (1.0, 4.0))
    for near, far in zip(one, other, strict=True):
        np.testing.assert_array_equal(far.pose[:3, 3], 4 * near.pose[:3, 3])
        np.testing.assert_array_equal(far.pose[:3, :3], near.pose[:3, :3])


def test_a_turning_camera_stays_in_place() -> None:
    poses = [rigid(turn([0.0, 0.03 * i, 0.0]), np.zeros(3)) for i in range(10)]
    for tracker, most in ((Tracker(), 0.2), (ScaleFreeTracker(), 1.0)):
        steps = track([view(pose) for pose in poses], tracker)
        for pose, step in zip(poses, steps, strict=True):
            metres, degrees = apart(pose, step.pose)
            assert metres < 0.012  # walls are 2 to 5 m away
            assert degrees < most  # of 15


def test_a_standing_camera_stands() -> None:
    for tracker in (Tracker(), ScaleFreeTracker()):
        steps = track([view(np.eye(4))] * 5, tracker)
        for step in steps:
            assert step.status != "lost"
            assert apart(np.eye(4), step.pose)[0] < 1e-4
        assert sum(step.key for step in steps) == 1


def test_blank_frames_are_lost_and_the_path_is_found_again() -> None:
    poses = walk(12)
    views = [blank() if i in (6, 7) else view(pose) for i, pose in enumerate(poses)]
    steps = track(views)
    assert [step.status for step in steps[6:9]] == ["lost", "lost", "found again"]
    assert {step.status for step in steps[9:]} == {"tracked"}
    assert apart(poses[6], steps[6].pose)[0] < 0.02  # the last motion went on
    for pose, step in zip(poses[8:], steps[8:], strict=True):
        assert apart(pose, step.pose)[0] < 0.04  # of 0.65


def test_after_a_cut_following_starts_anew() -> None:
    behind = [pose @ rigid(turn([0.0, np.pi, 0.0]), np.zeros(3)) for pose in walk(6)]
    steps = track([view(pose) for pose in walk(4) + behind])
    assert [step.status for step in steps[4:6]] == ["lost", "lost"]
    assert steps[5].key
    assert {step.status for step in steps[6:]} == {"tracked"}
    moved = np.linalg.norm(steps[-1].pose[:3, 3] - steps[5].pose[:3, 3])
    assert moved == pytest.approx(np.linalg.norm(behind[-1][:3, 3] - behind[1][:3, 3]), rel=0.02)


def test_a_clip_that_shows_nothing_is_lost_and_no_more() -> None:
    for tracker in (Tracker(), ScaleFreeTracker()):
        steps = track([blank()] * 4, tracker)
        assert [step.status for step in steps] == ["first", "lost", "lost", "lost"]


def test_without_depth_the_path_is_right_up_to_its_scale() -> None:
    poses = walk(16)

    def refuse() -> None:
        raise AssertionError("depth was asked for")

    views = [view(pose) for pose in poses]
    steps = track([type(v)(v.grey, v.camera, refuse) for v in views], ScaleFreeTracker())  # type: ignore[arg-type]
    found = np.array([step.pose[:3, 3] for step in steps])
    true = np.array([pose[:3, 3] for pose in poses])
    begun = int(np.argmax(np.linalg.norm(found, axis=1) > 0))
    scale = np.linalg.norm(true[-1] - true[begun]) / np.linalg.norm(found[-1] - found[begun])
    assert abs(np.log(scale)) > 0.1  # a unit of its own
    inside = scale * (found[begun:] - found[begun])
    off = np.linalg.norm(inside - (true[begun:] - true[begun]), axis=1)
    assert off.max() < 0.12 * np.linalg.norm(true[-1])


def test_impossible_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="flow"):
        TrackOptions(follower="magic")
    with pytest.raises(ConfigError, match="noise"):
        TrackOptions(noise=0.0)
