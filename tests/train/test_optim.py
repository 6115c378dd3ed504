"""Parameter groups, learning-rate schedule and moving average."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from onedepth.networks import DepthNet
from onedepth.networks.pose import PoseNet
from onedepth.train.optim import MovingAverage, build_optimiser, rate, set_rate
from onedepth.train.recipe import Optimiser
from onedepth.train.system import System
from train_cases import config_of

CONFIG = Optimiser(lr=1e-2, encoder_lr=1e-3, weight_decay=0.1, warmup=4, final=0.05)


def test_warms_up_to_the_peak_and_ends_low_without_a_jump():
    shares = [rate(step, 104, CONFIG) for step in range(104)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert max(shares) == 1.0
    assert all(a >= b for a, b in pairwise(shares[4:]))
    assert max(abs(a - b) for a, b in pairwise(shares[4:])) < 0.02
    assert shares[54] == pytest.approx((1 + 0.05) / 2)  # half way, half a cosine
    assert rate(104, 104, CONFIG) == pytest.approx(0.05)
    assert rate(0, 10, Optimiser(warmup=0)) == 1.0


@pytest.fixture(scope="module")
def system() -> System:
    return System(DepthNet(config_of()), PoseNet("test_resnet"))


def test_every_parameter_is_in_one_group_with_its_own_rate_and_decay(system):
    optimiser = build_optimiser(system, CONFIG)
    found = {id(p): g for g in optimiser.param_groups for p in g["params"]}
    assert sum(len(g["params"]) for g in optimiser.param_groups) == len(found)
    for name, parameter in system.named_parameters():
        group = found[id(parameter)]
        pretrained = name.startswith(("depth.encoder.", "pose.encoder."))
        assert group["peak_lr"] == (1e-3 if pretrained else 1e-2), name
        is_matrix = name.endswith("weight") and parameter.ndim > 1
        assert group["weight_decay"] == (0.1 if is_matrix else 0.0), name
    assert len(optimiser.param_groups) == 4


def test_the_last_group_is_of_new_layers_since_the_log_shows_its_rate(system):
    optimiser = build_optimiser(system, CONFIG)
    set_rate(optimiser, 0.5)
    assert {g["lr"] for g in optimiser.param_groups} == {0.5e-3, 0.5e-2}
    assert all(g["lr"] == 0.5 * g["peak_lr"] for g in optimiser.param_groups)
    assert optimiser.param_groups[-1]["lr"] == 0.5e-2


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_moving_average_is_the_sum_that_it_says(layout):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to(memory_format=layout)
    average = MovingAverage(network, decay=0.6)
    slow = copy.deepcopy(network.state_dict())
    for step in range(12):
        with torch.no_grad():
            for value in network.state_dict().values():
                value.copy_(torch.randint(0, 9, value.shape) if value.dtype == torch.int64 else value + 1)
        keep = min(0.6, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            mixed = keep * slow[name] + (1 - keep) * value
            slow[name] = mixed if value.is_floating_point() else value.clone()
        average.update(network, step)
    assert average.state.keys() == slow.keys()
    for name, value in slow.items():
        torch.testing.assert_close(average.state[name], value)


def test_a_moving_average_is_no_view_of_the_network():
    network = nn.Linear(2, 2)
    average = MovingAverage(network, decay=0.5)
    before = network.weight.detach().clone()
    average.state["weight"].zero_()
    assert torch.equal(network.weight, before)
