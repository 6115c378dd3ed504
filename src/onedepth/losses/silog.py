"""Scale-invariant logarithmic error (Eigen et al. 2014), the metric loss of Metric3D."""

from __future__ import annotations

from torch import Tensor

from onedepth.losses.masked import check_maps, count, log_ratio, weights
from onedepth.losses.precision import full_precision


@full_precision
def silog(prediction: Tensor, target: Tensor, mask: Tensor, *, variance_focus: float = 0.5) -> Tensor:
    """Mean square of the log-depth error minus a part of its squared mean, in depth space.

    With d = log z - log z*: mean(d^2) - variance_focus * mean(d)^2. No square root and no factor 10. At 0.5
    it is Metric3D's training loss; at 1 it is blind to a global scale; at 0 it is the plain log error.

    Args:
        prediction: (B, 1, H, W) depth in metres, positive.
        target: (B, 1, H, W) depth in metres, positive where valid.
        mask: (B, 1, H, W) bool.
        variance_focus: share of the squared mean that is forgiven, in [0, 1].

    Returns:
        Tensor (B,), >= 0; 0 for an image without valid pixels.
    """
    check_maps(prediction, target, mask)
    mask = mask.flatten(1)
    pixels = count(mask, prediction.dtype)
    error = log_ratio(prediction.flatten(1), target.flatten(1), mask)
    mean = error.sum(-1) / pixels
    # The variance first: mean(d^2) - mean(d)^2 would cancel to a negative number when d is nearly constant.
    deviation = (error - mean.unsqueeze(-1)) * weights(mask, error.dtype)
    variance = deviation.square().sum(-1) / pixels
    return variance + (1.0 - variance_focus) * mean.square()
