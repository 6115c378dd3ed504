"""The supervision table: which losses compare what with which kind of label.

The network always predicts the same thing. A label never changes what is predicted, only how much of it is
compared; adding a kind of label is one row here and one file in `losses/`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from onedepth import losses
from onedepth.data.sample import Kind
from onedepth.train.context import Context


@dataclass(frozen=True)
class Loss:
    """A loss by name: one value per image, and the supervision kinds it is meaningful for."""

    function: Callable[[Context], Tensor]
    accepts: frozenset[Kind]


def _depth(
    function: Callable[..., Tensor], *accepts: Kind, random: bool = False, geometric: bool = False
) -> Loss:
    """A loss on depth against a label of the same size; some draw at random, some need the camera."""

    def compute(c: Context) -> Tensor:
        camera = (c.batch.intrinsics,) if geometric else ()
        extra = {"generator": c.generator} if random else {}
        return function(c.depth, c.label, c.mask, *camera, **extra)

    return Loss(compute, frozenset(accepts))


def _disparity(function: Callable[..., Tensor]) -> Loss:
    """A loss on disparity, known up to scale and shift."""
    return Loss(lambda c: function(c.disparity, c.label, c.mask), frozenset({"affine"}))


def _pairwise_normal(c: Context) -> Tensor:
    return losses.pairwise_normal(
        c.depth, c.label, c.mask, c.batch.intrinsics, image=c.image, generator=c.generator
    )


def _low(c: Context) -> Tensor:
    assert c.low is not None
    return losses.low_resolution(c.low, c.label, c.mask)


def _high(c: Context) -> Tensor:
    return losses.downsampled_high(c.depth, c.label, c.mask, mode=c.batch.sensor)


def _consistency(c: Context) -> Tensor:
    assert c.low is not None
    return losses.consistency(c.low, c.depth, distance="log_l1", mode=c.batch.sensor)


def _affinity(c: Context) -> Tensor:
    if c.teacher is None or c.features is None:
        return c.depth.new_zeros(c.depth.shape[0])
    student = min(c.features, key=lambda f: abs(f.shape[-1] - c.teacher.shape[-1]))  # type: ignore[union-attr]
    return losses.affinity_distillation(student, c.teacher)


def _reprojection(c: Context) -> Tensor:
    """Minimum reprojection, the mean over the network's scales, all at full size (Monodepth2)."""
    assert c.poses is not None
    frames = c.batch.frames.float() / 255.0
    scales = [_warped_error(depth, frames, c.poses, c.batch.intrinsics) for depth in (c.depth, *c.coarser)]
    return torch.stack(scales).mean(0)


def _warped_error(depth: Tensor, frames: Tensor, poses: Tensor, intrinsics: Tensor) -> Tensor:
    pairs = [
        losses.inverse_warp(frames[:, k + 1], depth, poses[:, k], intrinsics) for k in range(poses.shape[1])
    ]
    warped, valid = (torch.stack(parts, 1) for parts in zip(*pairs, strict=True))
    return losses.minimum_reprojection(frames[:, 0], warped, frames[:, 1:], valid)


def _smoothness(c: Context) -> Tensor:
    """Smoothness of each scale's disparity; a coarser scale counts half as much as the one before."""
    clean = c.batch.frames[:, 0].float() / 255.0 if len(c.batch.frames) else c.image
    return torch.stack(
        [losses.smoothness(1.0 / d, clean) / 2**k for k, d in enumerate((c.depth, *c.coarser))]
    ).sum(0)


_UNSCALED: tuple[Kind, ...] = ("metric", "scaled")
_EVERY: tuple[Kind, ...] = ("metric", "scaled", "affine", "coarse", "video")

LOSSES: Mapping[str, Loss] = {
    "silog": _depth(losses.silog, "metric"),
    "log_l1": _depth(losses.log_l1, "metric"),
    "random_proposals": _depth(losses.random_proposals, *_UNSCALED, random=True),
    "random_ranges": _depth(losses.random_ranges, *_UNSCALED, random=True),
    "whole_image": _depth(losses.whole_image, *_UNSCALED),
    "virtual_normal": _depth(losses.virtual_normal, *_UNSCALED, random=True, geometric=True),
    "pairwise_normal": Loss(_pairwise_normal, frozenset(_UNSCALED)),
    "log_gradient": _depth(losses.log_gradient, *_UNSCALED),
    "scale_invariant_log": _depth(losses.scale_invariant_log, *_UNSCALED),
    "ordinal": _depth(losses.ordinal, *_UNSCALED, random=True),
    "ssi_trim": _disparity(losses.ssi_trim),
    "ssi_mae": _disparity(losses.ssi_mae),
    "ssi_mse": _disparity(losses.ssi_mse),
    "ssi_gradient": _disparity(losses.ssi_gradient),
    "si_mse": _disparity(losses.si_mse),
    "normalised_gradient": _disparity(losses.normalised_gradient),
    "low_resolution": Loss(_low, frozenset({"coarse"})),
    "downsampled_high": Loss(_high, frozenset({"coarse"})),
    "consistency": Loss(_consistency, frozenset({"coarse"})),
    "affinity": Loss(_affinity, frozenset({"coarse"})),
    "reprojection": Loss(_reprojection, frozenset({"video"})),
    "smoothness": Loss(_smoothness, frozenset(_EVERY)),
}

DEFAULT_LOSSES: Mapping[Kind, Mapping[str, float]] = {
    "metric": {
        "silog": 1.0,
        "random_proposals": 0.1,
        "virtual_normal": 0.1,
        "pairwise_normal": 0.1,
        "log_gradient": 0.1,
    },
    "scaled": {"scale_invariant_log": 1.0, "log_gradient": 0.1},
    "affine": {"ssi_trim": 1.0, "ssi_gradient": 0.5},
    "coarse": {"low_resolution": 1.0, "downsampled_high": 1.0, "consistency": 0.5},
    "video": {"reprojection": 1.0, "smoothness": 1e-3},
}
