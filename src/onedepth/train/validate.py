"""Validation during training: metric depth of whole held-out images, without and with median alignment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from onedepth.data.sample import Pixels, Raster, Sample, SourceBatch
from onedepth.data.sources import Source, open_source
from onedepth.data.transforms import resize
from onedepth.errors import DataError
from onedepth.evaluate.align import align
from onedepth.evaluate.metrics import depth_metrics
from onedepth.networks.depthnet import DepthNet, canonical_scale
from onedepth.train.optim import MovingAverage
from onedepth.train.recipe import Recipe
from onedepth.train.setup import Run

_log = logging.getLogger(__name__)
_BATCH = 8
_PICTURES = 2  # per source
_SCORES = ("abs_rel", "rmse", "log10", "silog", "delta1", "delta2", "delta3")
_METRIC = ("metric", "coarse", "video")  # kinds whose stored label may be metric depth


@dataclass(frozen=True)
class Validation:
    """Held-out images with metric truth, whatever kind of label training makes of them."""

    sources: tuple[Source, ...]

    @classmethod
    def of(cls, recipe: Recipe, data_root: Path) -> Self | None:
        """The held-out parts of a recipe's sources that have metric labels; None when there are none."""
        if recipe.task != "depth":
            return None
        held_out = []
        for config in recipe.sources:
            if config.holdout is None:
                continue
            source = open_source(config, data_root, held_out=True)
            if config.kind in _METRIC and _has_metres(source):
                metric = config.model_copy(update={"kind": "metric"})
                held_out.append(Source(metric, source.records))
        return cls(tuple(held_out)) if held_out else None

    def run(self, run: Run, average: MovingAverage | None, device: torch.device) -> dict[str, float]:
        """Mean metrics over the held-out images of each source, as `source/metric`.

        Images meet the network as in prediction: whole, resized to the input size of nearest aspect. Metrics
        are taken at that resolution, per image, then averaged over images; `median_` marks median alignment.
        """
        results: dict[str, list[float]] = {}
        with averaged(run, average) as network:
            for source in self.sources:
                for batch in _batches(source, network):
                    depth = predict(network, batch, device)
                    for predicted, truth in zip(depth, batch.label.numpy(), strict=True):
                        for name, value in _scores(predicted, truth):
                            results.setdefault(f"{source.config.name}/{name}", []).append(value)
        return {name: float(np.mean(values)) for name, values in sorted(results.items())}

    def pictures(
        self, run: Run, average: MovingAverage | None, device: torch.device
    ) -> dict[str, tuple[Pixels, Raster, Raster]]:
        """A few examples: image, predicted metres and true metres (0 = unmeasured), by name."""
        shown: dict[str, tuple[Pixels, Raster, Raster]] = {}
        with averaged(run, average) as network:
            for source in self.sources:
                batch = next(_batches(source, network), None)
                if batch is None:
                    continue
                depth = predict(network, batch, device)
                for i in range(min(_PICTURES, len(depth))):
                    image = batch.image[i].permute(1, 2, 0).numpy()
                    shown[f"{source.config.name}/{i}"] = (image, depth[i, 0], batch.label[i, 0].numpy())
        return shown


def _has_metres(source: Source) -> bool:
    return all(r.label is not None and r.label.kind == "metric" for r in source.records)


@contextmanager
def averaged(run: Run, average: MovingAverage | None) -> Iterator[DepthNet]:
    """The depth network in evaluation mode with its averaged weights; afterwards it is as it was."""
    network = run.main
    assert isinstance(network, DepthNet)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    if average is not None:
        network.load_state_dict(average.state)
    try:
        yield network.eval()
    finally:
        network.load_state_dict(kept)
        network.train()


@torch.no_grad()
def predict(network: DepthNet, batch: SourceBatch, device: torch.device) -> Raster:
    """Metres (B, 1, H, W) for the images of a batch."""
    canonical = network(batch.image.to(device).float() / 255.0).cpu()
    metres: Raster = (canonical * canonical_scale(batch.focal, network.config.canonical_focal)).numpy()
    return metres


def _batches(source: Source, network: DepthNet) -> Iterator[SourceBatch]:
    by_size: dict[tuple[int, int], list[Sample]] = {}
    for index in range(len(source.records)):
        try:
            sample = source.load(index)
        except DataError as error:
            _log.warning("validation leaves out a record of %s: %s", source.config.name, error)
            continue
        size = network.config.input_size(sample.camera.width, sample.camera.height, sample.camera.focal)
        waiting = by_size.setdefault(size, [])
        waiting.append(resize(sample, *size))
        if len(waiting) == _BATCH:
            yield SourceBatch.collate(source.config.name, "metric", waiting)
            waiting.clear()
    for waiting in by_size.values():
        if waiting:
            yield SourceBatch.collate(source.config.name, "metric", waiting)


def _scores(predicted: Raster, truth: Raster) -> Iterator[tuple[str, float]]:
    valid = truth > 0
    prediction, target = predicted[valid], truth[valid]
    fit = align("median", prediction, target)
    # A network that has diverged scores NaN, not nothing.
    aligned = fit.apply(prediction) if fit.ok else np.full_like(prediction, np.nan)
    for prefix, depth in (("", prediction), ("median_", aligned)):
        scores = depth_metrics(depth, target)
        yield from ((f"{prefix}{name}", scores[name]) for name in _SCORES if name in scores)
