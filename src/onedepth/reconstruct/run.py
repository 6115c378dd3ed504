"""A clip, its path and a source of depth become a volume."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from onedepth.errors import DataError
from onedepth.reconstruct.fuse import FuseOptions, Fusion
from onedepth.track.frames import Frames
from onedepth.track.poses import Floats
from onedepth.track.run import DepthOf
from onedepth.track.trajectory import Trajectory


def poses_of(frames: Frames, path: Trajectory) -> list[Floats | None]:
    """The pose of every frame; None where the path has none or only a guess.

    A path without times (KITTI) must have a line per frame; of one with times the nearest pose counts, if
    it is nearer than half the shortest step between frames.

    Raises:
        DataError: The path does not fit the frames.
    """
    found: list[Floats | None] = [None] * len(frames)
    if not path.timed or len(path) == len(frames):
        if len(path) != len(frames):
            raise DataError(
                f"{frames.name}: has {len(frames)} frames, the path {len(path)} poses; a path without times "
                "needs one per frame"
            )
        return [None if i in path.lost else pose for i, pose in enumerate(path.poses)]
    reach = 0.5 * float(np.diff(frames.times).min()) if len(frames) > 1 else 0.5
    for i, time in enumerate(frames.times):
        at = int(np.abs(path.times - time).argmin())
        if abs(path.times[at] - time) < reach and at not in path.lost:
            found[i] = path.poses[at]
    if not any(pose is not None for pose in found):
        raise DataError(
            f"{frames.name}: no frame is near in time to a pose; frames go from {frames.times[0]:g} to "
            f"{frames.times[-1]:g} s, the path from {path.times[0]:g} to {path.times[-1]:g} s (see --fps)"
        )
    return found


def fuse(
    frames: Frames,
    path: Trajectory,
    depth_of: DepthOf,
    options: FuseOptions | None = None,
    every: int = 1,
    on_frame: Callable[[], None] = lambda: None,
) -> Fusion:
    """Fuse every `every`-th frame that has a pose; one frame is in memory at a time.

    Raises:
        OneDepthError: As `poses_of`, `Fusion.add`, and what reading frames raises.
    """
    fusion, poses = Fusion(options), poses_of(frames, path)
    for index in range(0, len(frames), every):
        pose = poses[index]
        if pose is not None:
            frame = frames.at(index)
            fusion.add(depth_of(frame), frame.pixels, pose)
        on_frame()
    return fusion
