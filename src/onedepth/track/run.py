"""A clip and a source of depth become a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import ConfigError, DataError, ImageError
from onedepth.predict.predictor import Predictor
from onedepth.track.frames import Frame, Frames
from onedepth.track.tracker import Step, Tracker, TrackOptions, View
from onedepth.track.trajectory import Trajectory

DepthSource = Literal["predicted", "labels", "none"]
DepthOf = Callable[[Frame], DepthMap]

LARGEST_SIDE = 960
"""Larger frames are shrunk to this before points are looked for; depth keeps its size."""


@dataclass(frozen=True, eq=False)
class Followed:
    """A path, and how each frame was found.

    Attributes:
        trajectory: The path.
        steps: One per frame.
        scale_free: Whether the path's unit of length is arbitrary.
        unreadable: What is wrong with each frame that could not be opened; their poses are guesses.
    """

    trajectory: Trajectory
    steps: tuple[Step, ...]
    scale_free: bool
    unreadable: tuple[str, ...] = ()

    @property
    def keys(self) -> int:
        """How many key-frames there were."""
        return sum(step.key for step in self.steps)


def depth_source(name: str, predictor: Callable[[], Predictor]) -> DepthOf | None:
    """The function that gives a frame its depth; None for none.

    Args:
        name: `predicted`, `labels` (true depth) or `none`.
        predictor: Opens the model, if it is needed.

    Raises:
        ConfigError: Another name, or a model that gives no depth.
    """
    if name not in get_args(DepthSource):
        raise ConfigError(f"--depth {name}: unknown; expected one of {', '.join(get_args(DepthSource))}")
    if name != "predicted":
        return Frame.label if name == "labels" else None
    model = predictor()
    if model.info.kind == "affine_disparity":
        raise ConfigError(f"{model.path}: gives disparity up to scale and shift, which no path follows from")

    def predicted(frame: Frame) -> DepthMap:
        depth = model.predict(frame.pixels, frame.camera)
        if frame.seen is None:
            return depth
        return DepthMap(depth.values, depth.kind, depth.camera, depth.valid & frame.seen, depth.source)

    return predicted


def follow(
    frames: Frames,
    depth_of: DepthOf | None,
    options: TrackOptions | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> Followed:
    """Follow the camera of a clip; one frame is in memory at a time.

    A frame that cannot be opened is lost, with the pose of the frame before; the first one must open, so that
    what is wrong with all of them is said at once.

    Args:
        frames: The clip.
        depth_of: Depth of a frame, asked for at key-frames; None for the path without metres.
        options: How.
        on_frame: Called after every frame.

    Returns:
        The path; its first camera is the world.

    Raises:
        DataError: A single frame, or frames of different sizes.
        OneDepthError: The first frame, or the depth of a key-frame, cannot be had.
    """
    from onedepth.track.scalefree import ScaleFreeTracker

    if len(frames) < 2:
        raise DataError(
            f"{frames.name}: is a single frame; a path needs at least two, in one folder or video"
        )
    tracker = Tracker(options) if depth_of is not None else ScaleFreeTracker(options)
    steps: list[Step] = []
    unreadable: list[str] = []
    size: tuple[int, int] | None = None
    focal: float | None = None
    for index in range(len(frames)):
        try:
            frame = frames.at(index)
        except (ImageError, DataError) as error:
            if index == 0:
                raise
            unreadable.append(str(error))
            steps.append(Step(steps[-1].pose, "lost", key=False, points=0))
        else:
            if size not in (None, frame.camera.size):
                raise DataError(f"{frame.name}: is of another size than the frames before; expected one clip")
            size, focal = frame.camera.size, focal or frame.camera.focal
            steps.append(tracker.step(_view(frame, depth_of)))
        on_frame()
    lost = frozenset(i for i, step in enumerate(steps) if step.status == "lost")
    poses = np.stack([step.pose for step in steps])
    trajectory = Trajectory(poses, frames.times, lost, focal=focal)
    return Followed(trajectory, tuple(steps), depth_of is None, tuple(unreadable))


def _view(frame: Frame, depth_of: DepthOf | None) -> View:
    grey, camera = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY), frame.camera
    if max(camera.size) > LARGEST_SIDE:
        camera = _shrunk(camera)
        grey = cv2.resize(grey, camera.size, interpolation=cv2.INTER_AREA)

    def depth() -> DepthMap:
        if depth_of is None:
            raise ConfigError("a path without depth has no depth maps")
        return depth_of(frame)

    return View(np.asarray(grey, np.uint8), camera, depth)


def _shrunk(camera: Camera) -> Camera:
    share = LARGEST_SIDE / max(camera.size)
    return camera.resize(max(1, round(camera.width * share)), max(1, round(camera.height * share)))
