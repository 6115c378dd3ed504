"""What do the metric losses add to a training step? lite0 encoder, light decoder, 256x192.

    python benchmarks/metric_losses.py [--batch 8] [--repeat 7] [--threads 1]

Times forward + backward of each default metric loss, and a step of the network without any of them (forward,
backward, fused AdamW), in processor milliseconds per image: the median of rounds that take turns. Prints the
losses' share of the whole step.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _machine import print_header
from torch import Tensor

from onedepth import losses
from onedepth.networks import DepthNet, NetworkConfig
from onedepth.train.supervision import DEFAULT_LOSSES

HEIGHT, WIDTH = 192, 256


def scene(batch: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Prediction, target, mask, intrinsics and image of made-up rooms."""
    coarse = F.interpolate(torch.rand(batch, 1, 6, 8), (HEIGHT, WIDTH), mode="bilinear")
    target = 1 + 4 * coarse + 0.02 * torch.rand(batch, 1, HEIGHT, WIDTH)
    prediction = (target * (0.9 + 0.2 * torch.rand_like(target))).requires_grad_()
    intrinsics = torch.tensor([[0.8 * WIDTH, 0.8 * WIDTH, WIDTH / 2, HEIGHT / 2]] * batch)
    return prediction, target, torch.rand_like(target) < 0.9, intrinsics, torch.rand(batch, 3, HEIGHT, WIDTH)


def calls(batch: int) -> dict[str, Callable[[], None]]:
    """Name -> forward and backward of a default metric loss, or of the step without losses."""
    prediction, target, mask, intrinsics, image = scene(batch)
    random = torch.Generator().manual_seed(0)
    maps = (prediction, target, mask)
    values: dict[str, Callable[[], Tensor]] = {
        "silog": lambda: losses.silog(*maps),
        "log_gradient": lambda: losses.log_gradient(*maps),
        "random_proposals": lambda: losses.random_proposals(*maps, generator=random),
        "virtual_normal": lambda: losses.virtual_normal(*maps, intrinsics, generator=random),
        "pairwise_normal": lambda: losses.pairwise_normal(*maps, intrinsics, image=image, generator=random),
    }
    missing = DEFAULT_LOSSES["metric"].keys() - values.keys()
    assert not missing, f"no row for the default metric losses {missing}"

    def differentiated(name: str) -> Callable[[], None]:
        def call() -> None:
            prediction.grad = None
            values[name]().mean().backward()

        return call

    network = DepthNet(NetworkConfig(), pretrained=False).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), fused=True)
    batch_of_images = image.contiguous(memory_format=torch.channels_last)

    def step() -> None:
        optimiser.zero_grad()
        network(batch_of_images).mean().backward()
        optimiser.step()

    return {"step without losses": step} | {name: differentiated(name) for name in DEFAULT_LOSSES["metric"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print_header(f"Metric losses beside a lite0 step, {options.batch} x {WIDTH}x{HEIGHT}", ["torch", "timm"])
    rounds: dict[str, list[float]] = {}
    todo = calls(options.batch)
    for number in range(options.repeat + 1):
        for name, call in todo.items():
            start = time.process_time()
            call()
            if number:  # the first round warms up
                rounds.setdefault(name, []).append(1e3 * (time.process_time() - start) / options.batch)
    cost = {name: statistics.median(times) for name, times in rounds.items()}
    total = sum(cost.values())
    for name, milliseconds in cost.items():
        print(f"  {name:22s}{milliseconds:7.2f} ms/image{milliseconds / total:8.1%} of the step")
    print(f"  {'metric losses together':22s}{total - cost['step without losses']:7.2f} ms/image"
          f"{1 - cost['step without losses'] / total:8.1%} of the step")  # fmt: skip


if __name__ == "__main__":
    main()
