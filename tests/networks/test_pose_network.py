import pytest
import torch
from network_cases import SMALL, images
from torch import nn

from onedepth.networks.encoder import build_encoder
from onedepth.networks.pose import PoseNet, widen_first_convolution


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return PoseNet(SMALL).eval()


def test_motion_is_small_at_the_start_and_one_per_pair(net):
    turn, move = net(images(3, seed=1), images(3, seed=2))
    assert turn.shape == move.shape == (3, 3)
    assert turn.abs().max() < 0.01
    assert move.abs().max() < 0.01
    assert not torch.equal(turn[0], turn[1])


def test_the_order_of_the_frames_counts(net):
    first, second = images(seed=1), images(seed=2)
    assert not torch.equal(net(first, second)[0], net(second, first)[0])


def test_output_is_the_mean_over_the_image_times_one_hundredth(net):
    for parameter in net.head[-1].parameters():
        nn.init.zeros_(parameter)
    net.head[-1].bias.data = torch.arange(6.0)
    turn, move = net(images(), images())
    torch.testing.assert_close(turn[0], torch.tensor([0.0, 0.01, 0.02]))
    torch.testing.assert_close(move[1], torch.tensor([0.03, 0.04, 0.05]))


@pytest.mark.parametrize("name", [SMALL, "resnet18", "convnext_atto"])
def test_the_same_frame_twice_has_the_features_of_that_frame(name):
    torch.manual_seed(0)
    module = build_encoder(name).module.eval()
    image = images(1, 64, 64)
    with torch.no_grad():
        alone = module(image)
        widen_first_convolution(module)
        twice = module(torch.cat([image, image], 1))
    for a, b in zip(alone, twice, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_packaged_weights_serve_pose_too():
    pose = PoseNet("tf_efficientnet_lite0", pretrained=True)
    image = build_encoder("tf_efficientnet_lite0", pretrained=True).module.state_dict()["conv_stem.weight"]
    torch.testing.assert_close(pose.encoder.state_dict()["conv_stem.weight"][:, :3], image / 2)


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    net = PoseNet("resnet18").train()
    sum(part.square().sum() for part in net(images(seed=1), images(seed=2))).backward()
    # Residual branches of a ResNet start closed (their last normalisation scales by zero), hence only None.
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("frozen", [True, False])
def test_normalisation_statistics_are_frozen_only_where_asked(frozen):
    net = PoseNet(SMALL, freeze_normalisation=frozen)
    before = {name: value.clone() for name, value in net.named_buffers()}
    net(images(seed=1), images(seed=2))
    assert all(torch.equal(before[name], value) for name, value in net.named_buffers()) == frozen


def test_same_seed_same_motion():
    motions = []
    for _ in range(2):
        torch.manual_seed(4)
        motions.append(PoseNet(SMALL)(images(seed=1), images(seed=2)))
    assert all(map(torch.equal, *motions))
