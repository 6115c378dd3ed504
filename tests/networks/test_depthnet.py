import math

import pytest
import torch
from network_cases import SMALL, images, network

from onedepth.errors import ConfigError
from onedepth.networks.depthnet import canonical_scale
from onedepth.train.export import torch_reference


def test_the_light_network_stays_light():
    net = network("tf_efficientnet_lite0", "light")
    assert sum(p.numel() for p in net.parameters()) <= 3_800_000


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("called", [True, False])
def test_normalisation_statistics_are_frozen_only_where_the_configuration_says_so(frozen, called):
    net = network(SMALL, freeze_statistics=frozen)
    net = net.train() if called else net
    before = {name: value.clone() for name, value in net.named_buffers()}
    net(images())
    after = dict(net.named_buffers())
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before) == frozen
    assert net.training
    assert net.decoder.training


def test_leaving_training_mode_leaves_it_everywhere():
    net = network(SMALL, freeze_statistics=False).train().eval()
    assert not any(layer.training for layer in net.modules())


def test_what_is_stored_is_weights_and_statistics_only():
    names = network(SMALL).state_dict().keys()
    assert {name.split(".")[0] for name in names} == {"encoder", "decoder"}


def test_a_silent_decoder_says_the_middle_of_the_range_everywhere():
    net = network(SMALL, depth_range=(0.5, 50.0)).eval()
    torch.nn.init.zeros_(net.decoder.head.weight)
    torch.nn.init.zeros_(net.decoder.head.bias)
    assert torch.allclose(net(images()), torch.tensor(math.sqrt(0.5 * 50.0)))


@pytest.mark.parametrize("shout", [-1e6, 1e6])
def test_depth_stays_finite_and_positive_whatever_the_decoder_says(shout):
    net = network(SMALL).eval()
    torch.nn.init.constant_(net.decoder.head.bias, shout)
    depth = net(images(1, 32, 32))
    assert depth.isfinite().all()
    assert (depth > 0).all()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"decoder": "heavy"}, "decoder 'heavy' is unknown.*dca, light, refine"),
        ({"encoder": "mobilenetv9_small"}, "encoder 'mobilenetv9_small' cannot be built"),
        ({"encoder": SMALL, "scales": 6}, "scales: found 6, but decoder 'light' has 5"),
        ({"encoder": "vit_tiny_patch16_224"}, "strides"),
    ],
)
def test_what_cannot_be_built_is_one_clear_line(config, words):
    with pytest.raises(ConfigError, match=words) as error:
        network(**{"encoder": SMALL, **config})
    assert "\n" not in str(error.value)


def test_metres_follow_the_focal_length_and_the_size_of_the_photo():
    net = network(SMALL, input_sizes=((96, 64),), canonical_focal=50.0).eval()
    photo, focal = images(height=128, width=192), torch.tensor([80.0, 120.0])
    with torch.no_grad():
        metres = net.metres(photo, focal)
        assert metres.shape == (2, 1, 128, 192)
        torch.testing.assert_close(net.metres(photo, 2 * focal), 2 * metres)
        torch.testing.assert_close(net.metres(photo, torch.stack([focal / 2, 2 * focal], 1)), metres)
        small = torch.nn.functional.interpolate(photo, (64, 96), mode="bilinear", antialias=True)
        seen = net(small) * canonical_scale(focal / 2, 50.0)
        torch.testing.assert_close(net.metres(small, focal / 2), seen)


@pytest.mark.parametrize("canonical", ["cstm_label", "cstm_image"])
def test_metres_are_those_of_the_model_file(canonical):
    net = network(SMALL, canonical=canonical, canonical_focal=60.0).eval()
    random = torch.Generator().manual_seed(3)
    photo = torch.randint(0, 256, (70, 110, 3), dtype=torch.uint8, generator=random)
    with torch.no_grad():
        ours = net.metres(photo.movedim(2, 0)[None] / 255, torch.tensor([[90.0, 100.0]]))[0, 0]
    torch.testing.assert_close(ours, torch_reference(net, photo, (90.0, 100.0)), rtol=0.01, atol=0)


def test_metres_pass_gradients_to_photo_weights_and_focal_length():
    net = network(SMALL).train()
    photo, focal = images().requires_grad_(), torch.tensor([80.0, 90.0], requires_grad=True)
    net.metres(photo, focal).log().mean().backward()
    assert photo.grad.abs().sum() > 0
    torch.testing.assert_close(focal.grad, 0.5 / focal.detach())
    assert all(p.grad is not None for p in net.parameters())


def test_a_focal_length_for_each_image_is_asked_for():
    with pytest.raises(ConfigError, match=r"focal: found shape \(3,\), expected \(2,\) or \(2, 2\)"):
        network(SMALL).metres(images(), torch.ones(3))


def test_canonical_scale_is_one_focal_length_over_the_other():
    scale = canonical_scale(torch.tensor([100.0, 400.0]), 200.0)
    assert scale.shape == (2, 1, 1, 1)
    assert scale.flatten().tolist() == [0.5, 2.0]
