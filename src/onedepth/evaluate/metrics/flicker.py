"""Temporal flicker: does depth agree between neighbouring frames, once their motion is undone?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.errors import DataError
from onedepth.evaluate.metrics.sample import bilinear
from onedepth.rasters import Floats, Mask

Pose = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One frame of a sequence.

    Attributes:
        depth: (H, W) metres, in one scale for the whole sequence.
        camera: Camera of this raster.
        pose: 4 x 4, camera to world, OpenCV axes, in metres.
        mask: bool (H, W), pixels that count; None for all of finite depth above 0.
    """

    depth: Floats
    camera: Camera
    pose: Pose
    mask: Mask | None = None

    def valid(self) -> Mask:
        """Bool (H, W), pixels that count and have a depth."""
        usable: Mask = np.isfinite(self.depth) & (self.depth > 0)
        return usable if self.mask is None else usable & self.mask


def temporal_alignment_error(frames: Iterable[Frame]) -> dict[str, float]:
    """TAE of Video Depth Anything (Chen et al., CVPR 2025): depth reprojected into the neighbour.

    For frames k and k + 1 and both directions, each pixel's point is carried over by the poses and rounded to
    a pixel; TAE is the mean over pairs and directions of mean |z_there - z_carried| / z_there, in percent.

    Two deviations: where several points fall on a pixel the nearest is kept (their code keeps any), and a
    direction without common pixels has no number, where their code counts an error of 0. Depth is not aligned
    here: they align disparity once per sequence (`sequence_scale_shift_disparity`).

    Returns:
        `tae` in percent and `tae_pairs`, the number of directions it is the mean of; empty without any. One
        pair of frames is held at a time.
    """
    errors: list[float] = []
    before: Frame | None = None
    for frame in frames:
        if before is not None:
            for source, target in ((before, frame), (frame, before)):
                error = _reprojection_error(source, target)
                if error is not None:
                    errors.append(error)
        before = frame
    return {"tae": 100.0 * float(np.mean(errors)), "tae_pairs": float(len(errors))} if errors else {}


def carried(source: Frame, target: Frame) -> Floats:
    """Depth of `source` seen from `target`: (H, W) metres of the target's raster, 0 where nothing falls.

    Raises:
        DataError: When a camera does not fit its depth, or a pose is none.
    """
    for frame in (source, target):
        if frame.camera.size != frame.depth.shape[::-1]:
            raise DataError(f"camera: is for {frame.camera.size} but the depth has {frame.depth.shape[::-1]}")
        if np.shape(frame.pose) != (4, 4) or not np.isfinite(frame.pose).all():
            raise DataError("pose: expected 4 x 4 finite numbers, camera to world")
    valid = source.valid()
    points = source.camera.rays()[valid].astype(np.float64) * source.depth[valid][:, None]
    motion = np.linalg.inv(target.pose) @ source.pose
    points = points @ motion[:3, :3].T + motion[:3, 3]
    pixels = target.camera.project(points)
    with np.errstate(invalid="ignore"):
        column, row = (np.floor(pixels[:, axis]) for axis in (0, 1))  # centres are at integer + 0.5
        inside = (column >= 0) & (column < target.camera.width) & (row >= 0) & (row < target.camera.height)
    height, width = target.depth.shape
    nearest = np.full(height * width, np.inf)
    np.minimum.at(nearest, (row[inside] * width + column[inside]).astype(np.intp), points[inside, 2])
    return np.where(np.isfinite(nearest), nearest, 0).astype(np.float32).reshape(height, width)


def _reprojection_error(source: Frame, target: Frame) -> float | None:
    seen = carried(source, target)
    both = target.valid() & (seen > 0)
    if not both.any():
        return None
    there = target.depth[both].astype(np.float64)
    return float(np.mean(np.abs(there - seen[both]) / there))


def flow_flicker(
    before: Floats, after: Floats, flow: npt.NDArray[np.floating[Any]], mask: Mask
) -> dict[str, float]:
    """Relative change of depth along optical flow, for sequences without poses.

    The depth of the frame after is taken (bilinearly) where the flow leads:
    mean |z_after(p + flow) - z_before(p)| / z_before(p), in percent. As the warping errors of video depth
    (NVDS, Wang et al., ICCV 2023) it also counts true motion in depth, so compare models on the same clip
    only.

    Args:
        before: (H, W) depth in one scale for both frames, > 0 where it counts.
        after: (H, W) depth.
        flow: (H, W, 2) pixels (x, y) from before to after; not finite where unknown.
        mask: bool (H, W), pixels of before that count: leave out what the next frame hides.

    Returns:
        `flow_flicker` in percent; empty where no pixel counts and stays in the image.

    Raises:
        DataError: When the sizes differ.
    """
    height, width = before.shape
    if after.shape != before.shape or flow.shape != (height, width, 2) or mask.shape != before.shape:
        raise DataError(
            f"flow: before is {before.shape}, after {after.shape}, flow {flow.shape}, mask {mask.shape}; "
            "expected one size"
        )
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    u, v = u + flow[..., 0], v + flow[..., 1]
    with np.errstate(invalid="ignore"):
        stays = (u >= 0.5) & (u <= width - 0.5) & (v >= 0.5) & (v <= height - 0.5)
    seen = bilinear(after, np.where(stays, u, 0), np.where(stays, v, 0))
    counts = mask & stays & (before > 0) & (seen > 0) & np.isfinite(before) & np.isfinite(seen)
    if not counts.any():
        return {}
    z = before[counts].astype(np.float64)
    return {"flow_flicker": 100.0 * float(np.mean(np.abs(seen[counts] - z) / z))}
