"""What every loss promises, for all of them at once."""

import pytest
import torch
from loss_cases import CASES, Case, maps
from torch import Tensor

from onedepth import losses
from onedepth.errors import DataError

every_loss = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def value_and_gradient(case: Case, prediction: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    prediction = prediction.clone().requires_grad_()
    value = case.loss(prediction, target, mask)
    (gradient,) = torch.autograd.grad(value.sum(), prediction)
    return value.detach(), gradient


def test_table_names_every_loss():
    covered = {case.name for case in CASES}
    elsewhere = {"affinity", "affinity_distillation", "minimum_reprojection", "photometric", "smoothness"}
    helpers = {"downsample", "draw_crops", "inverse_warp", "pose_matrix", "project", "unproject", "ranking"}
    helpers |= {"reprojection_choice", "ssim_distance", "surface_normals"}
    assert set(losses.__all__) - elsewhere - helpers <= covered


@every_loss
def test_value_per_image_finite_and_positive(case):
    value, gradient = value_and_gradient(case, *maps(case))
    assert value.shape == (2,)
    assert (value > 0).all()
    assert gradient.isfinite().all()
    assert (gradient != 0).flatten(1).any(1).all()


@every_loss
def test_gradient_is_that_of_the_formula(case):
    prediction, target, mask = (value[:1].clone() for value in maps(case))
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: case.loss(p, target, mask), (prediction,), atol=1e-5)


@every_loss
def test_perfect_prediction_costs_nothing(case):
    if not case.zero_if_equal:
        pytest.skip("its minimum is elsewhere")
    _, target, mask = maps(case)
    assert case.loss(target.clone(), target, mask).abs().max() < 1e-9


@every_loss
def test_empty_mask_is_exactly_zero(case):
    prediction, target, mask = maps(case)
    value, gradient = value_and_gradient(case, prediction, target * torch.nan, torch.zeros_like(mask))
    assert torch.equal(value, torch.zeros_like(value))
    assert torch.equal(gradient, torch.zeros_like(gradient))


@every_loss
def test_one_empty_image_leaves_the_other_alone(case):
    prediction, target, mask = maps(case)
    before = case.loss(prediction, target, mask)
    mask = mask.clone()
    mask[1] = False
    value, gradient = value_and_gradient(case, prediction, target, mask)
    torch.testing.assert_close(value, torch.stack([before[0], torch.zeros_like(before[1])]))
    assert not gradient[1].any()


@every_loss
@pytest.mark.parametrize("valid", [1, 2])
def test_few_valid_pixels_are_finite(case, valid):
    prediction, target, _ = maps(case)
    mask = torch.zeros_like(target, dtype=torch.bool)
    mask.flatten(1)[:, 30 : 30 + valid] = True
    value, gradient = value_and_gradient(case, prediction, target, mask)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("which", ["prediction", "target", "both"])
def test_constant_maps_are_finite(case, which, dtype):
    prediction, target, mask = (v.to(dtype) if v.is_floating_point() else v for v in maps(case))
    prediction = torch.full_like(prediction, 2.3) if which != "target" else prediction
    target = torch.full_like(target, 2.3) if which != "prediction" else target
    value, gradient = value_and_gradient(case, prediction, target, mask)
    assert value.isfinite().all()
    assert gradient.isfinite().all()


@every_loss
def test_what_is_masked_out_does_not_matter(case):
    prediction, target, mask = maps(case)
    value, gradient = value_and_gradient(case, prediction, target, mask)
    dirty = torch.where(mask, target, torch.nan)
    wild = torch.where(mask, prediction, torch.inf)
    if "high" in case.name or case.name == "consistency":
        wild = prediction  # these use the prediction everywhere: it is a full map, only the label has holes
    again, gradient_again = value_and_gradient(case, wild, dirty, mask)
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(gradient_again, gradient)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(case, dtype):
    prediction, target, mask = maps(case)
    prediction = prediction.to(dtype)
    expected, expected_gradient = value_and_gradient(case, prediction.float(), target.float(), mask)
    prediction.requires_grad_()
    with torch.autocast("cpu", dtype=dtype):
        value = case.loss(prediction, target.float(), mask)
    (gradient,) = torch.autograd.grad(value.sum(), prediction)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient.to(dtype))


@every_loss
def test_masks_must_be_boolean_and_shapes_equal(case):
    prediction, target, mask = maps(case)
    if case.name in {"plane_normal", "consistency"} or "high" in case.name:
        pytest.skip("takes other maps")
    with pytest.raises(DataError, match=r"found .*expected"):
        case.loss(prediction, target[:1], mask)
    with pytest.raises(DataError, match=r"found torch.float64, expected torch.bool"):
        case.loss(prediction, target, mask.double())
