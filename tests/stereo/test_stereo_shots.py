"""Which frames of a film are chosen."""

from dataclasses import dataclass

import numpy as np
import pytest

from onedepth.errors import ConfigError
from onedepth.stereo.shots import SceneScore, Selection, select


@dataclass(frozen=True)
class Frame:
    time: float
    thumbnail: np.ndarray


def film(*shots, fps=24):
    """Frames of shots that last so many seconds, each of another grey level, none still."""
    frames = []
    for number, seconds in enumerate(shots):
        for _ in range(round(seconds * fps)):
            picture = np.full((18, 32), 40 + 60 * (number % 4), np.uint8)
            picture[:, len(frames) % 32] ^= 3
            frames.append(Frame(len(frames) / fps, picture))
    return frames


def times(frames, **how):
    return [
        (chosen.shot, round(chosen.frame.time, 3), chosen.follows)
        for chosen in select(frames, Selection(**how))
    ]


def test_a_second_of_every_four_at_four_frames_a_second():
    found = times(film(9.5))
    runs = [0, 4, 8]
    expected = [run + step / 4 for run in runs for step in range(4)]
    assert [time for _, time, _ in found] == expected
    assert [follows for *_, follows in found] == [False, True, True, True] * 3


def test_shots_are_cut_and_short_ones_dropped():
    found = times(film(2, 0.9, 1.0, 0.5))
    assert [shot for shot, *_ in found] == [0] * 4 + [1] * 4
    starts = [time for _, time, follows in found if not follows]
    assert starts == pytest.approx([0, 2 + 22 / 24], abs=0.05)
    assert times(film(0.9)) == []
    assert len(times(film(0.9), shortest=0)) == 4


def test_only_what_was_asked_for_is_looked_at():
    found = [time for _, time, _ in times(film(9.5), start=3, end=8)]
    assert found == [3, 3.25, 3.5, 3.75, 7, 7.25, 7.5, 7.75]
    with pytest.raises(ConfigError, match="none"):
        Selection(start=3, end=3)


def test_every_frame_can_be_asked_for_whatever_the_clock():
    frames = [Frame(100 + frame.time, frame.thumbnail) for frame in film(2, fps=10)]
    assert len(times(frames, fps=10, every=1, run=1)) == 20
    slow = film(3, fps=2)  # fewer frames than asked for: each is taken once
    assert len(times(slow, fps=4, every=1)) == 6


def test_the_score_is_that_of_ffmpeg():
    score = SceneScore()
    levels = [10, 12, 14, 80, 80, 82]
    scores = [score(np.full((4, 4), level, np.uint8)) for level in levels]
    # differences 2, 2, 66, 0, 2; each with its change since the one before
    assert scores == pytest.approx([0, 0, 0, 0.64, 0, 0.02])


@pytest.mark.parametrize("wrong", [{"fps": 0}, {"every": -1}, {"run": float("nan")}, {"scene_score": 0}])
def test_impossible_choices_are_refused(wrong):
    with pytest.raises(ConfigError):
        Selection(**wrong)
