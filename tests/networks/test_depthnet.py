import math

import pytest
import torch
from network_cases import SMALL, images, network

from onedepth.errors import ConfigError
from onedepth.networks.depthnet import canonical_scale


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


def test_canonical_scale_is_one_focal_length_over_the_other():
    scale = canonical_scale(torch.tensor([100.0, 400.0]), 200.0)
    assert scale.shape == (2, 1, 1, 1)
    assert scale.flatten().tolist() == [0.5, 2.0]
