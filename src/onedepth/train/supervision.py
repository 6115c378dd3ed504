"""The supervision table: which losses compare what with which kind of label.

The network predicts canonical depth. A label never changes what is predicted, only how much of it is compared;
adding a kind of label is one row here and one file in `losses/`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from onedepth import losses
from onedepth.data.sample import SourceBatch
from onedepth.networks.depthnet import canonical_scale


@dataclass(frozen=True)
class View:
    """What a loss sees of a sub-batch.

    Attributes:
        prediction: (B, 1, H, W) canonical depth.
        target: (B, 1, H, W) the label in canonical depth.
        mask: (B, 1, H, W) bool, where the label was measured.
    """

    prediction: Tensor
    target: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Loss:
    """A loss by name: the function on a view, and the supervision kinds it is meaningful for."""

    function: Callable[[View], Tensor]
    accepts: frozenset[str]


LOSSES: Mapping[str, Loss] = {
    "silog": Loss(lambda v: losses.silog(v.prediction, v.target, v.mask), frozenset({"metric"})),
    "log_gradient": Loss(
        lambda v: losses.log_gradient(v.prediction, v.target, v.mask), frozenset({"metric"})
    ),
}

DEFAULT_LOSSES: Mapping[str, Mapping[str, float]] = {
    "metric": {"silog": 1.0, "log_gradient": 0.1},
}


def view_of(batch: SourceBatch, prediction: Tensor, canonical_focal: float) -> View:
    """Bring the labels of a sub-batch into the canonical camera, z_c = z * f_c / f (Metric3D eq. 2)."""
    target = batch.depth / canonical_scale(batch.focal, canonical_focal)
    return View(prediction, target, batch.depth > 0)


def source_losses(
    batch: SourceBatch, prediction: Tensor, weights: Mapping[str, float], canonical_focal: float
) -> dict[str, Tensor]:
    """Weighted losses of one sub-batch, by name; each the mean over the images that have a label.

    Args:
        batch: The sub-batch.
        prediction: (B, 1, H, W) canonical depth for its images.
        weights: Loss name to weight.
        canonical_focal: Of the network.
    """
    view = view_of(batch, prediction, canonical_focal)
    labelled = view.mask.flatten(1).any(1).sum().clamp_min(1)
    return {name: weight * LOSSES[name].function(view).sum() / labelled for name, weight in weights.items()}
