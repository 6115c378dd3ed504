"""The training loop, flat enough to be read in one sitting."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from onedepth.data.sample import SourceBatch
from onedepth.data.sources import Mixture, open_source
from onedepth.errors import ConfigError, ModelFileError
from onedepth.networks.checkpoint import load_checkpoint
from onedepth.networks.depthnet import DepthNet
from onedepth.train.logs import Log
from onedepth.train.optim import MovingAverage, build_optimiser, rate, set_rate
from onedepth.train.recipe import InputSize, Recipe
from onedepth.train.state import checkpoints, newest_whole, restore_state, save_state
from onedepth.train.supervision import source_losses
from onedepth.train.validate import validate

_KEEP = 3  # checkpoints of a run that stay on disk
_LOG_EVERY = 10  # steps whose mean is one row of the log
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    samples_per_second: float
    loss: float


def train(
    recipe: Recipe,
    *,
    data_root: Path,
    folder: Path,
    max_steps: int | None = None,
    device: str = "auto",
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Run a recipe, or go on with it where it was stopped, and return the last checkpoint.

    Args:
        recipe: What to train.
        data_root: Folder that the sources' paths are relative to.
        folder: Of the run: checkpoints and logs.
        max_steps: Stop after this step number, without changing the schedule.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called after every step.

    Raises:
        OneDepthError: Data, recipe or checkpoint cannot be used.
    """
    fabric = Fabric(accelerator=device, devices=1)
    fabric.launch()
    torch.manual_seed(recipe.seed)
    network = _start_network(recipe).to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = build_optimiser(network, recipe.optimiser)
    average = MovingAverage(network, recipe.ema) if recipe.ema else None
    held_out = [open_source(s, data_root, held_out=True) for s in recipe.sources if s.holdout]
    mixture = build_mixture(recipe, data_root)

    folder.mkdir(parents=True, exist_ok=True)
    start, best = _resume(folder, recipe, network, optimiser, average)
    stop = min(recipe.steps, max_steps or recipe.steps)
    log = Log(folder, start)
    model, optimiser = fabric.setup(network, optimiser)
    network.train()

    window: list[dict[str, float]] = []
    seen, clock = 0, time.monotonic()
    for step, batches in enumerate(_loader(mixture, start, stop, recipe.workers), start):
        set_rate(optimiser, rate(step, recipe.steps, recipe.optimiser))
        losses = _forward(model, recipe, [b.to(fabric.device) for b in batches])
        total = torch.stack(list(losses.values())).sum()
        fabric.backward(total)
        norm = fabric.clip_gradients(
            model, optimiser, max_norm=recipe.optimiser.clip, error_if_nonfinite=True
        )
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if average is not None:
            average.update(network, step)

        seen += recipe.batch
        window.append({k: v.item() for k, v in losses.items()} | {"gradient_norm": float(norm or 0.0)})
        speed = seen / (time.monotonic() - clock)
        on_progress(Progress(step + 1, recipe.steps, speed, total.item()))
        if (step + 1) % _LOG_EVERY == 0:
            log.write(step, _mean(window) | {"lr": optimiser.param_groups[-1]["lr"], "samples/s": speed})
            window = []
        if held_out and recipe.validate_every and (step + 1) % recipe.validate_every == 0:
            scores = _validate(network, average, held_out, fabric.device)
            log.write(step, {f"val/{k}": v for k, v in scores.items()})
        if (step + 1) % recipe.checkpoint_every == 0 or step + 1 == stop:
            save_state(
                folder / f"step_{step + 1:07d}.safetensors",
                step=step + 1,
                recipe=recipe,
                network=network,
                optimiser=optimiser,
                average=average,
                best=best,
            )
            for old in checkpoints(folder)[_KEEP:]:
                old.unlink()
    log.close()
    return checkpoints(folder)[0]


def build_mixture(recipe: Recipe, data_root: Path) -> Mixture:
    """Open all sources of a recipe."""
    sizes = recipe.sizes or tuple(InputSize(width=w, height=h) for w, h in recipe.network.input_sizes)
    return Mixture(
        sources=tuple(open_source(s, data_root) for s in recipe.sources),
        batch=recipe.batch,
        sizes=tuple((s.width, s.height) for s in sizes),
        size_weights=tuple(s.weight for s in sizes),
        augment=recipe.augment,
        seed=recipe.seed,
    )


def _start_network(recipe: Recipe) -> DepthNet:
    if recipe.init is None:
        return DepthNet(recipe.network, pretrained=recipe.pretrained)
    network = load_checkpoint(recipe.init)
    if network.config != recipe.network:
        raise ConfigError(
            f"init: {recipe.init} holds another network than the recipe; copy its `network` section"
        )
    return network


def _resume(
    folder: Path,
    recipe: Recipe,
    network: DepthNet,
    optimiser: torch.optim.Optimizer,
    average: MovingAverage | None,
) -> tuple[int, float | None]:
    for path in newest_whole(folder):
        try:
            header = restore_state(path, network=network, optimiser=optimiser, average=average)
        except ModelFileError as error:
            _log.warning("%s; trying the one before", error)
            continue
        if header["recipe"] != recipe.model_dump(mode="json"):
            raise ConfigError(f"{folder}: holds a run of another recipe; choose another folder with --output")
        return int(header["step"]), header["best"]
    return 0, None


def _forward(model: torch.nn.Module, recipe: Recipe, batches: list[SourceBatch]) -> dict[str, Tensor]:
    """One forward pass over all sub-batches, then the losses of each, as `source/loss`."""
    images = torch.cat([b.image for b in batches]).contiguous(memory_format=torch.channels_last)
    predictions = model(images.float().div_(255.0)).split([len(b.ids) for b in batches])
    losses: dict[str, Tensor] = {}
    for batch, prediction in zip(batches, predictions, strict=True):
        share = len(batch.ids) / recipe.batch
        weights = recipe.losses_of(batch.kind)
        for name, value in source_losses(batch, prediction, weights, recipe.network.canonical_focal).items():
            losses[f"{batch.source}/{name}"] = share * value
    return losses


def _validate(
    network: DepthNet,
    average: MovingAverage | None,
    sources: list,
    device: torch.device,  # type: ignore[type-arg]
) -> dict[str, float]:
    kept = {k: v.clone() for k, v in network.state_dict().items()}
    if average is not None:
        network.load_state_dict(average.state)
    scores = validate(network.eval(), sources, device)
    network.load_state_dict(kept)
    network.train()
    return scores


class _Steps(Dataset[list[SourceBatch]]):
    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture

    def __getitem__(self, step: int) -> list[SourceBatch]:
        return self.mixture[step]


def _loader(mixture: Mixture, start: int, stop: int, workers: int) -> Iterator[list[SourceBatch]]:
    loader = DataLoader(
        _Steps(mixture),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    names = {name for row in rows for name in row}
    return {n: sum(v) / len(v) for n in sorted(names) if (v := [row[n] for row in rows if n in row])}
