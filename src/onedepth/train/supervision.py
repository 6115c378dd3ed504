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
    return losses.downsampled_high(c.depth, c.label, c.mask)


def _consistency(c: Context) -> Tensor:
    assert c.low is not None
    return losses.consistency(c.low, c.depth, distance="log_l1")


def _affinity(c: Context) -> Tensor:
    if c.teacher is None or c.features is None:
        return c.depth.new_zeros(c.depth.shape[0])
    student = min(c.features, key=lambda f: abs(f.shape[-1] - c.teacher.shape[-1]))  # type: ignore[union-attr]
    return losses.affinity_distillation(student, c.teacher)


def _reprojection(c: Context) -> Tensor:
    assert c.poses is not None
    frames = c.batch.frames.float() / 255.0
    warped, valid = zip(
        *(
            losses.inverse_warp(frames[:, k], c.depth, c.poses[:, k - 1], c.batch.intrinsics)
            for k in range(1, frames.shape[1])
        ),
        strict=True,
    )
    return losses.minimum_reprojection(
        frames[:, 0], torch.stack(warped, 1), frames[:, 1:], torch.stack(valid, 1)
    )


def _smoothness(c: Context) -> Tensor:
    clean = c.batch.frames[:, 0].float() / 255.0 if len(c.batch.frames) else c.image
    return losses.smoothness(c.disparity, clean)


_UNSCALED: tuple[Kind, ...] = ("metric", "scaled")
_EVERY: tuple[Kind, ...] = ("metric", "scaled", "affine", "coarse", "video")

LOSSES: Mapping[str, Loss] = {
    "silog": _depth(losses.silog, "metric"),
    "log_l1": _depth(losses.log_l1, "metric"),
    "random_proposals": _depth(losses.random_proposals, *_UNSCALED, random=True),
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
    "low_resolution": Loss(_low, frozenset({"coarse"})),
    "downsampled_high": Loss(_high, frozenset({"coarse"})),
    "consistency": Loss(_consistency, frozenset({"coarse"})),
    "affinity": Loss(_affinity, frozenset({"coarse"})),
    "reprojection": Loss(_reprojection, frozenset({"video"})),
    "smoothness": Loss(_smoothness, frozenset(_EVERY)),
}

DEFAULT_LOSSES: Mapping[Kind, Mapping[str, float]] = {
    "metric": {"silog": 1.0, "log_gradient": 0.1},
    "scaled": {"scale_invariant_log": 1.0, "log_gradient": 0.1},
    "affine": {"ssi_trim": 1.0, "ssi_gradient": 0.5},
    "coarse": {"low_resolution": 1.0, "downsampled_high": 1.0, "consistency": 0.5},
    "video": {"reprojection": 1.0, "smoothness": 1e-3},
}
