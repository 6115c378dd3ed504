"""What holds for every encoder with every decoder."""

import pytest
import torch
from network_cases import DECODERS, ENCODERS, SMALL, images, network

zoo = pytest.mark.parametrize(("encoder", "decoder"), [(e, d) for e in ENCODERS for d in DECODERS])
each_decoder = pytest.mark.parametrize("decoder", DECODERS)


@zoo
def test_depth_is_positive_has_the_images_size_and_starts_inside_the_range(encoder, decoder):
    depth = network(encoder, decoder, depth_range=(1.0, 4.0)).eval()(images(1, 32, 96))
    assert depth.shape == (1, 1, 32, 96)
    assert depth.dtype == torch.float32
    assert (depth > 0).all()
    assert depth.isfinite().all()
    assert 1.0 < depth.median() < 4.0


@zoo
def test_gradients_reach_every_parameter(encoder, decoder):
    net = network(encoder, decoder, scales=4).train()
    sum(depth.log().square().mean() for depth in net.forward_scales(images())).backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


@zoo
def test_scales_halve_and_the_first_is_the_forward_pass(encoder, decoder):
    net = network(encoder, decoder, scales=4).train()
    image = images()
    depths = net.forward_scales(image)
    assert [tuple(d.shape) for d in depths] == [(2, 1, 64 >> i, 96 >> i) for i in range(4)]
    assert all((d > 0).all() for d in depths)
    assert torch.equal(depths[0], net(image))
    assert torch.equal(net.decode(net.encode(image)), net(image))


@each_decoder
def test_more_scales_change_nothing_but_the_auxiliary_heads(decoder):
    one, four = (network(SMALL, decoder, scales=scales).state_dict() for scales in (1, 4))
    assert {name.split(".")[0] for name in four.keys() - one.keys()} == {"auxiliary"}
    assert all(torch.equal(four[name], value) for name, value in one.items())
    assert len(network(SMALL, decoder).forward_scales(images(1, 32, 32))) == 1


@each_decoder
def test_same_seed_same_weights_and_same_depth_even_in_training(decoder):
    first, second = (network(SMALL, decoder, seed=5).train() for _ in range(2))
    other = network(SMALL, decoder, seed=6).train()
    image = images()
    assert torch.equal(first(image), second(image))
    assert torch.equal(first(image), first(image))
    assert not torch.equal(first(image), other(image))


@each_decoder
def test_an_image_does_not_see_the_rest_of_its_batch(decoder):
    net = network(SMALL, decoder).train()
    image = images(3)
    torch.testing.assert_close(net(image)[1:2], net(image[1:2]), rtol=1e-4, atol=1e-5)


@each_decoder
def test_a_photo_that_differs_gets_another_depth(decoder):
    net = network(SMALL, decoder).eval()
    one, other = net(images(2))
    assert (one / other).log().std() > 0


@each_decoder
def test_learns_the_depth_of_one_image(decoder):
    net = network(SMALL, decoder).train()
    image = images(1, 32, 32)
    target = torch.linspace(1.0, 8.0, 32).expand(1, 1, 32, 32)
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    errors = []
    for _ in range(25):
        error = (net(image).log() - target.log()).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[-1] < 0.5 * errors[0]


@each_decoder
def test_autocast_keeps_the_depth_in_single_precision(decoder):
    net = network(SMALL, decoder).eval()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        depth = net(images(1, 32, 32))
    assert depth.dtype == torch.float32
    torch.testing.assert_close(depth, net(images(1, 32, 32)), rtol=0.1, atol=0)
