"""Which frames of a film are used: a second every four seconds of every shot, as MiDaS did.

MiDaS (Ranftl et al., TPAMI 2022, section 4, and the authors' 3DVideos2Stereo): cut where FFmpeg's scene score
exceeds 0.1, drop shots below a second, take the first 24 frames (one second) and 24 more every 4 seconds,
and of those 4 per second for training.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from onedepth.checks import positive
from onedepth.errors import ConfigError
from onedepth.stereo.matching import Grey

SCENE_SCORE = 0.1
"""A frame whose scene score is larger begins a new shot (MiDaS)."""
SHORTEST_SHOT = 1.0
"""Seconds below which a shot is dropped (MiDaS)."""
RUN, EVERY = 1.0, 4.0
"""Seconds of a run of frames, and from the start of one run to the next (MiDaS)."""
FRAMES_PER_SECOND = 4.0
"""Frames taken in a run, per second (MiDaS: 4 for training, 1 for validation and test)."""

_SLACK = 1e-6  # seconds by which clocks that count in fractions may be off


class Timed(Protocol):
    """What has a time in seconds and a small grey picture."""

    @property
    def time(self) -> float: ...  # noqa: D102

    @property
    def thumbnail(self) -> Grey: ...  # noqa: D102


F = TypeVar("F", bound=Timed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How frames are chosen; all but the score in seconds or frames per second.

    Attributes:
        scene_score: Above it a new shot begins.
        shortest: Shots below it are dropped.
        run: Length of a run of frames.
        every: From the start of one run to the start of the next.
        fps: Frames taken per second of a run.
        start: Frames before it are left out.
        end: Frames from it on are left out.
    """

    scene_score: float = SCENE_SCORE
    shortest: float = SHORTEST_SHOT
    run: float = RUN
    every: float = EVERY
    fps: float = FRAMES_PER_SECOND
    start: float = 0.0
    end: float = float("inf")

    def __post_init__(self) -> None:
        for name in ("scene_score", "run", "every", "fps"):
            positive(getattr(self, name), name.replace("_", "-"), ConfigError)
        if self.start >= self.end:
            raise ConfigError(f"frames from {self.start:g} s to {self.end:g} s were asked for: none")


@dataclass(frozen=True, slots=True)
class Chosen(Generic[F]):
    """A frame that is used.

    Attributes:
        frame: The frame.
        shot: Number of its shot, from 0.
        follows: Whether the chosen frame before it belongs to the same run.
    """

    frame: F
    shot: int
    follows: bool


class SceneScore:
    """FFmpeg's scene score (filter `select`), 0 ... 1, of one frame after the other.

    The mean absolute difference of grey levels to the frame before, or its change since the last frame if
    that is smaller, divided by 100. Two things differ: it is computed on thumbnails, and the first difference
    of all, which has none before it, scores 0 (FFmpeg compares it with 0 and cuts moving films there).
    """

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._difference: float | None = None

    def __call__(self, frame: Grey) -> float:
        """Score of the next frame, uint8 (H, W); 0 for the first."""
        if self._before is None or self._before.shape != frame.shape:
            self._before = frame
            return 0.0
        difference = float(np.abs(frame.astype(np.int16) - self._before).mean())
        change = 0.0 if self._difference is None else abs(difference - self._difference)
        score = min(difference, change) / 100
        self._before, self._difference = frame, difference
        return min(score, 1.0)


def select(frames: Iterable[F], how: Selection) -> Iterator[Chosen[F]]:
    """Choose frames while they are decoded; at most the first second of a shot is held in memory.

    Args:
        frames: In order of time.
        how: The rule.

    Yields:
        The chosen frames of shots that are long enough, in order.
    """
    score = SceneScore()
    shot: _Shot[F] | None = None
    count = 0
    for frame in frames:
        if frame.time < how.start - _SLACK:
            continue
        if frame.time >= how.end - _SLACK:
            break
        if score(frame.thumbnail) > how.scene_score or shot is None:
            count += shot is not None and shot.long_enough
            shot = _Shot(how, frame.time, count)
        yield from shot.add(frame)


class _Shot(Generic[F]):
    """A shot that is being decoded; holds what it has chosen until it is long enough."""

    def __init__(self, how: Selection, start: float, number: int) -> None:
        self._how, self._start, self._number = how, start, number
        self._held: list[Chosen[F]] = []
        self._last: tuple[int, int] | None = None
        self._before = start
        self.long_enough = False

    def add(self, frame: F) -> list[Chosen[F]]:
        """Take or leave a frame; return what is ready."""
        at = frame.time - self._start + _SLACK
        run, within = divmod(at, self._how.every)
        slot = (int(run), int(within * self._how.fps))
        if within < self._how.run and slot != self._last:
            follows = self._last is not None and self._last[0] == slot[0]
            self._held.append(Chosen(frame, self._number, follows))
            self._last = slot
        # A frame lasts until the next: the shot's length is known up to the frame before, plus one step.
        length = at + max(frame.time - self._before, 0.0)
        self._before = frame.time
        self.long_enough = self.long_enough or length >= self._how.shortest
        if not self.long_enough:
            return []
        ready, self._held = self._held, []
        return ready
