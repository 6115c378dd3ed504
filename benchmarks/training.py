"""How many training samples a second, and where do the CPU-seconds go?

One run of the real training loop gives both. Marks in the depth network and the optimiser read the CPU clock
of the process, all threads together:

    loading     batches arriving in the loop, and everything the worker processes used
    forward     the depth network's encode and decode
    losses      from there to the gradient of its output: losses with their own backward pass
    backward    from that gradient to the optimiser: the network's backward pass
    optimiser   the optimiser's step
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
from typing import Any
from unittest import mock

from _machine import EXAMPLES, ROOT, print_header

FRAMES, FRAME_SIZE = 64, (384, 288)
PHASES = ("loading", "forward", "losses", "backward", "optimiser")


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
    """Charges the CPU-seconds of this process between two marks to the phase that the later one ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.last = time.process_time()

    def end(self, phase: str) -> None:
        """Charge what was used since the last mark to `phase`."""
        now = time.process_time()
        self.seconds[phase] += now - self.last
        self.last = now


@contextmanager
def marked(clock: Clock) -> Iterator[None]:
    """Put the marks in while training runs inside."""
    import torch
    from torch.optim.optimizer import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )
    from torch.utils.data import DataLoader

    from onedepth.networks.depthnet import DepthNet

    encode, decode, iterate = DepthNet.encode, DepthNet.decode_scales, DataLoader.__iter__

    def marked_encode(self: DepthNet, *arguments: Any) -> Any:
        clock.end("other")
        return encode(self, *arguments)

    def marked_decode(self: DepthNet, *arguments: Any) -> Any:
        output = decode(self, *arguments)
        clock.end("forward")
        for tensor in [output] if isinstance(output, torch.Tensor) else output:
            tensor.register_hook(lambda _: clock.end("losses"))
        return output

    def marked_batches(self: DataLoader[Any]) -> Iterator[Any]:
        batches = iterate(self)
        while True:
            clock.end("other")
            batch = next(batches, None)
            clock.end("loading")
            if batch is None:
                return
            yield batch

    hooks = [
        register_optimizer_step_pre_hook(lambda *_: clock.end("backward")),
        register_optimizer_step_post_hook(lambda *_: clock.end("optimiser")),
    ]
    with (
        mock.patch.object(DepthNet, "encode", marked_encode),
        mock.patch.object(DepthNet, "decode_scales", marked_decode),
        mock.patch.object(DataLoader, "__iter__", marked_batches),
    ):
        yield
    for hook in hooks:
        hook.remove()


def child_cpu_seconds() -> float:
    """CPU-seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(recipe: Any, data: Path, steps: int) -> tuple[float, dict[str, float]]:
    """Samples a second without the first fifth of steps, and CPU-seconds by phase over all steps."""
    from onedepth.train.loop import train

    quiet = recipe.model_copy(update={"validate_every": 0, "checkpoint_every": steps})
    times: list[float] = []
    clock, children = Clock(), child_cpu_seconds()
    with tempfile.TemporaryDirectory() as folder, marked(clock):
        train(
            quiet,
            data_root=data,
            folder=Path(folder),
            max_steps=steps,
            on_progress=lambda _: times.append(time.monotonic()),
        )
    clock.seconds["loading"] += child_cpu_seconds() - children
    if unseen := [phase for phase in PHASES if clock.seconds[phase] == 0]:
        raise SystemExit(f"error: {', '.join(unseen)} took no time; the marks no longer fit the trainer")
    first = steps // 5
    return recipe.batch * (steps - 1 - first) / (times[-1] - times[first]), clock.seconds


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
        speed, seconds = measure(recipe, data, options.steps)

    print(f"  speed     {speed:.1f} samples/s")
    network = seconds["forward"] + seconds["backward"]
    for phase in PHASES:
        value = seconds[phase]
        per_sample = 1000 * value / (options.steps * recipe.batch)
        print(
            f"  {phase:<9} {per_sample:7.2f} CPU-ms a sample, {100 * value / network:5.1f} % of the network's"
        )


if __name__ == "__main__":
    main()
