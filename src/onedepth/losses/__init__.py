"""Losses as plain functions: (prediction, target, mask) -> one value per image.

Maps are (B, 1, H, W), masks are bool of the same shape, results are (B,). An image without enough valid
pixels gives exactly 0 with zero gradient, never NaN. Reduction over images and the choice which label may
feed which loss live in the trainer.
"""

from onedepth.losses.gradient import log_gradient, multiscale_gradient
from onedepth.losses.silog import silog

__all__ = ["log_gradient", "multiscale_gradient", "silog"]
