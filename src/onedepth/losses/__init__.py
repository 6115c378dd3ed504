"""Losses as plain functions: (prediction, target, mask) -> one value per image.

Maps are (B, 1, H, W), masks are bool of the same shape, results are (B,). An image without enough valid
pixels gives exactly 0 with zero gradient, never NaN. Reduction over images and the choice which label may
feed which loss live in the trainer.
"""

from onedepth.losses.affine import ssi_gradient, ssi_mae, ssi_mse, ssi_trim
from onedepth.losses.affinity import affinity, affinity_distillation
from onedepth.losses.downsample import downsample
from onedepth.losses.geometry import pose_matrix, project, unproject
from onedepth.losses.gradient import log_gradient, multiscale_gradient
from onedepth.losses.normals import surface_normals
from onedepth.losses.ordinal import ordinal, ranking
from onedepth.losses.pairwise_normal import pairwise_normal
from onedepth.losses.photometric import minimum_reprojection, photometric, reprojection_choice, ssim_distance
from onedepth.losses.plane_normal import plane_normal
from onedepth.losses.proposals import draw_crops, random_proposals, random_ranges, whole_image
from onedepth.losses.resolution import consistency, downsampled_high, l1, log_l1, low_resolution
from onedepth.losses.scaled import normalised_gradient, scale_invariant_log, si_mse
from onedepth.losses.silog import silog
from onedepth.losses.smoothness import smoothness
from onedepth.losses.virtual_normal import virtual_normal
from onedepth.losses.warp import inverse_warp

__all__ = [
    "affinity",
    "affinity_distillation",
    "consistency",
    "downsample",
    "downsampled_high",
    "draw_crops",
    "inverse_warp",
    "l1",
    "log_gradient",
    "log_l1",
    "low_resolution",
    "minimum_reprojection",
    "multiscale_gradient",
    "normalised_gradient",
    "ordinal",
    "pairwise_normal",
    "photometric",
    "plane_normal",
    "pose_matrix",
    "project",
    "random_proposals",
    "random_ranges",
    "ranking",
    "reprojection_choice",
    "scale_invariant_log",
    "si_mse",
    "silog",
    "smoothness",
    "ssi_gradient",
    "ssi_mae",
    "ssi_mse",
    "ssi_trim",
    "ssim_distance",
    "surface_normals",
    "unproject",
    "virtual_normal",
    "whole_image",
]
