"""The training loop, flat enough to be read in one sitting."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, Dataset

from onedepth.data.mixture import Mixture
from onedepth.data.sample import SourceBatch
from onedepth.data.sources import open_source
from onedepth.errors import ConfigError, DataError, OneDepthError
from onedepth.train.logs import Log
from onedepth.train.optim import MovingAverage, build_optimiser, rate, set_rate
from onedepth.train.recipe import InputSize, Recipe
from onedepth.train.resume import BEST, checkpoints, resume
from onedepth.train.setup import build_run
from onedepth.train.state import save_state
from onedepth.train.step import train_step
from onedepth.train.unreadable import Unreadable
from onedepth.train.validate import Validation

_KEEP = 2  # checkpoints of a run that stay on disk, beside the best one
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

    Under `torchrun` every process takes its share of each batch and process 0 writes.

    Args:
        recipe: What to train.
        data_root: Folder that the sources' paths are relative to.
        folder: Of the run: checkpoints and logs.
        max_steps: Stop after this step number, without changing the schedule.
        device: `auto`, `cpu`, `cuda` or `mps`.
        on_progress: Called after every step, on process 0.

    Raises:
        OneDepthError: Data, recipe or checkpoint cannot be used, or too many steps in a row failed.
    """
    fabric = start_fabric(device, recipe)
    mixture = build_mixture(recipe, data_root, (fabric.global_rank, fabric.world_size))
    run = build_run(recipe, fabric)
    optimiser = build_optimiser(run.system, recipe.optimiser)
    average = MovingAverage(run.main, recipe.ema) if recipe.ema else None
    validation = Validation.of(recipe, data_root)
    _make_folder(folder)
    start, best = resume(folder, recipe, run, optimiser, average)
    stop = min(recipe.steps, max_steps or recipe.steps)
    log = Log(folder, start) if fabric.is_global_zero else None
    run.system.train()
    unreadable = Unreadable(recipe.data_errors)

    failed, seen, clock = 0, 0, time.monotonic()
    for step, batches in enumerate(_loader(mixture, start, stop, recipe.workers), start):
        passed_over = unreadable.add(batches)
        set_rate(optimiser, rate(step, recipe.steps, recipe.optimiser))
        batches = [b.to(fabric.device) for b in batches]
        report = train_step(fabric, run.system, optimiser, batches, mixture.counts(step), recipe, step)
        failed = failed + 1 if report.problem else 0
        if report.problem:
            _log.warning("step %d skipped: %s", step, report.problem)
        if failed >= recipe.max_bad_steps:
            raise DataError(f"{failed} steps in a row were skipped; the last, {step}: {report.problem}")
        if average is not None and not report.problem:
            average.update(run.main, step)

        seen += recipe.batch
        speed = seen / (time.monotonic() - clock)
        done = step + 1
        saving = done % recipe.checkpoint_every == 0 or done == stop
        scores: dict[str, float] = {}
        if validation and recipe.validate_every and done % recipe.validate_every == 0:
            scores = validation.run(run, average, fabric.device)
        if log is not None:
            on_progress(Progress(done, recipe.steps, speed, report.total))
            log.add(step, report, {"unlabelled": unlabelled(batches), "unreadable": passed_over})
            if done % _LOG_EVERY == 0 or saving:  # a run that goes on from here has lost what is unwritten
                log.write(step, {"lr": optimiser.param_groups[-1]["lr"], "samples/s": speed})
            if validation and scores:
                log.write(step, {f"val/{k}": v for k, v in scores.items()})
                log.pictures(step, validation.pictures(run, average, fabric.device))
        monitored = scores.get(recipe.monitor or "", math.nan)
        improved = math.isfinite(monitored) and (best is None or monitored < best)
        best = monitored if improved else best
        if log is not None and (improved or saving):
            for name in [f"step_{done:07d}"] * saving + [BEST] * improved:
                save_state(
                    folder / f"{name}.safetensors",
                    step=done,
                    recipe=recipe,
                    parts=run.parts,
                    optimiser=optimiser,
                    average=average,
                    best=best,
                )
            for old in checkpoints(folder)[_KEEP:]:
                old.unlink()
    if log is not None:
        log.close()
    fabric.barrier()
    return checkpoints(folder)[0]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be the folder of a run ({error.strerror}); choose another with --output"
        ) from error


def start_fabric(device: str, recipe: Recipe) -> Fabric:
    """Device, precision and, under `torchrun`, the other processes.

    Raises:
        ConfigError: This machine has no such device.
    """
    processes = torch.distributed.is_torchelastic_launched()
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if processes else 1
    try:
        fabric = Fabric(
            accelerator=device,
            devices=here,
            num_nodes=int(os.environ["WORLD_SIZE"]) // here if processes else 1,
            strategy="ddp" if processes else "auto",
            precision=recipe.precision,
        )
    except (ValueError, RuntimeError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device {device!r} cannot be used here ({reason}); try --device auto") from error
    fabric.launch()
    torch.manual_seed(recipe.seed)
    return fabric


def build_mixture(recipe: Recipe, data_root: Path, shard: tuple[int, int] = (0, 1)) -> Mixture:
    """Open all sources of a recipe."""
    sizes = recipe.sizes or tuple(InputSize(width=w, height=h) for w, h in recipe.network.input_sizes)
    return Mixture(
        sources=tuple(open_source(s, data_root) for s in recipe.sources),
        batch=recipe.batch,
        sizes=tuple((s.width, s.height) for s in sizes),
        size_weights=tuple(s.weight for s in sizes),
        augment=recipe.augment,
        seed=recipe.seed,
        canonical_focal=recipe.network.canonical_focal if recipe.network.canonical == "cstm_image" else None,
        shard=shard,
    )


def unlabelled(batches: list[SourceBatch]) -> dict[str, int]:
    """Images of each source that have no valid pixel, where there are any."""
    empty = {b.source: int((~b.mask.flatten(1).any(1)).sum()) for b in batches if b.kind != "video"}
    return {source: number for source, number in empty.items() if number}


class _Steps(Dataset[list[SourceBatch] | OneDepthError]):
    """Batches by step; an error is handed over as a value, since a worker would turn it into a traceback."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture

    def __getitem__(self, step: int) -> list[SourceBatch] | OneDepthError:
        try:
            return self.mixture[step]
        except OneDepthError as error:
            return error


def _loader(mixture: Mixture, start: int, stop: int, workers: int) -> Iterator[list[SourceBatch]]:
    loader: Iterable[list[SourceBatch] | OneDepthError] = DataLoader(
        _Steps(mixture),
        batch_size=None,
        sampler=range(start, stop),
        num_workers=workers,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),  # its own, or each start of a loader would draw from that of the run
    )
    for batches in loader:
        if isinstance(batches, OneDepthError):
            raise batches
        yield batches


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
