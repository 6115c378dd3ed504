"""How many training samples a second, and where do the CPU-seconds go?

First the real loop runs for its speed. Then the same step, taken apart, charges CPU-seconds of all threads to
its phases; loading also counts everything its worker processes used. Losses count with their own backward
pass, down to the prediction; the network's backward begins there.
"""

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _machine import EXAMPLES, ROOT, print_header

FRAMES, FRAME_SIZE = 64, (384, 288)


def write_scene(folder: Path) -> None:
    """Write a scene folder of photos with made-up depth, so that the benchmark needs no data set."""
    import cv2
    import numpy as np

    folder.mkdir(parents=True)
    width, height = FRAME_SIZE
    photos = [cv2.resize(cv2.imread(str(path)), FRAME_SIZE) for path in sorted(EXAMPLES.glob("*.jpg"))]
    floor = np.linspace(6000, 1000, height)[:, None] + np.zeros((1, width))
    camera = {"width": width, "height": height, "fx": 320, "fy": 320, "cx": width / 2, "cy": height / 2}
    rng = np.random.default_rng(0)
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f"{index:06d}.jpg"), photos[index % len(photos)])
        label = floor + rng.normal(0, 20, floor.shape)
        cv2.imwrite(str(folder / f"{index:06d}.png"), label.astype(np.uint16))
    frames = [{"id": f"{index:06d}", "camera": camera} for index in range(FRAMES)]
    scene = {"label": "metric", "depth_unit_m": 0.001, "frames": frames}
    (folder / "scene.json").write_text(json.dumps(scene))


class Clock:
    """CPU-seconds of this process by phase, all threads together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charge what happens inside to `name`."""
        start = time.process_time()
        yield
        self.seconds[name] += time.process_time() - start


def child_cpu_seconds() -> float:
    """CPU-seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def samples_per_second(recipe, data: Path, steps: int) -> float:
    """Wall speed of the real loop without its first fifth of steps."""
    from onedepth.train.loop import train

    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        quiet = recipe.model_copy(update={"validate_every": 0, "checkpoint_every": steps})
        train(
            quiet,
            data_root=data,
            folder=Path(folder),
            max_steps=steps,
            on_progress=lambda _: times.append(time.monotonic()),
        )
    first = steps // 5
    return recipe.batch * (steps - 1 - first) / (times[-1] - times[first])


def cpu_seconds(recipe, data: Path, steps: int) -> dict[str, float]:
    """CPU-seconds of `steps` training steps by phase."""
    import torch

    from onedepth.networks.depthnet import DepthNet
    from onedepth.train.loop import _loader, build_mixture
    from onedepth.train.optim import MovingAverage, build_optimiser
    from onedepth.train.supervision import source_losses

    network = DepthNet(recipe.network).to(memory_format=torch.channels_last).train()
    optimiser = build_optimiser(network, recipe.optimiser)
    average = MovingAverage(network, 0.998)
    clock, before = Clock(), child_cpu_seconds()
    batches_of_steps = _loader(build_mixture(recipe, data), 0, steps, recipe.workers)
    for step in range(steps):
        with clock.phase("loading"):
            batches = next(batches_of_steps)
        with clock.phase("forward"):
            images = torch.cat([batch.image for batch in batches])
            images = images.contiguous(memory_format=torch.channels_last).float() / 255
            prediction = network(images)
        with clock.phase("losses"):
            leaf = prediction.detach().requires_grad_()
            parts = leaf.split([len(batch.ids) for batch in batches])
            losses = [
                source_losses(batch, part, recipe.losses_of(batch.kind), recipe.network.canonical_focal)
                for batch, part in zip(batches, parts, strict=True)
            ]
            torch.stack([value for of_source in losses for value in of_source.values()]).sum().backward()
        with clock.phase("backward"):
            prediction.backward(leaf.grad)
        with clock.phase("optimiser"):
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.optimiser.clip)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            average.update(network, step)
    del batches_of_steps
    clock.seconds["loading"] += child_cpu_seconds() - before
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=ROOT / "recipes" / "metric_v0.yaml")
    parser.add_argument("--data", type=Path, help="data root of the recipe's sources; made up if left out")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 192), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()

    from onedepth.data.sources import SourceConfig
    from onedepth.train.recipe import InputSize, read_recipe

    print_header("Training speed, and where the CPU-seconds go", ["onedepth", "torch", "timm"])
    width, height = options.size
    changes: dict[str, object] = {"sizes": (InputSize(width=width, height=height),)}
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data or Path(temporary)
        if options.data is None:
            write_scene(data / "scene")
            changes["sources"] = (SourceConfig(name="made_up", path="scene"),)
        recipe = read_recipe(options.recipe).model_copy(update=changes)
        origin = options.data or f"{FRAMES} made-up frames of {FRAME_SIZE[0]}x{FRAME_SIZE[1]}"
        print(f"  protocol  {options.steps} steps of {recipe.batch} samples at {width}x{height}, {origin}")
        speed = samples_per_second(recipe, data, options.steps)
        seconds = cpu_seconds(recipe, data, options.steps)

    print(f"  speed     {speed:.1f} samples/s")
    network = seconds["forward"] + seconds["backward"]
    for phase, value in seconds.items():
        per_sample = 1000 * value / (options.steps * recipe.batch)
        print(
            f"  {phase:<9} {per_sample:7.2f} CPU-ms a sample, {100 * value / network:5.1f} % of the network's"
        )


if __name__ == "__main__":
    main()
