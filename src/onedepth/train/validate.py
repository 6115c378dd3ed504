"""Validation during training: metric depth of whole held-out images, without and with median alignment."""

from collections.abc import Sequence

import numpy as np
import torch

from onedepth.data.sample import Sample, SourceBatch
from onedepth.data.sources import Source
from onedepth.data.transforms import resize
from onedepth.evaluate.align import align_median
from onedepth.evaluate.metrics import depth_metrics
from onedepth.networks.depthnet import DepthNet, canonical_scale

_BATCH = 8


@torch.no_grad()
def validate(network: DepthNet, sources: Sequence[Source], device: torch.device) -> dict[str, float]:
    """Mean metrics over the held-out images of each source, as `source/metric` and `source/median_metric`.

    Images meet the network as in prediction: whole, resized to the input size of nearest aspect. Metrics are
    taken at that resolution, per image, then averaged over images.

    Args:
        network: In evaluation mode.
        sources: Held-out parts of the sources.
        device: Where the network lives.
    """
    results: dict[str, list[float]] = {}
    for source in sources:
        by_size: dict[tuple[int, int], list[Sample]] = {}
        for index in range(len(source.records)):
            sample = source.load(index)
            size = network.config.nearest_size(sample.camera.width, sample.camera.height)
            by_size.setdefault(size, []).append(resize(sample, *size))
        for samples in by_size.values():
            for start in range(0, len(samples), _BATCH):
                batch = SourceBatch.collate(source.config.name, "metric", samples[start : start + _BATCH])
                for name, value in _scores(network, batch.to(device)):
                    results.setdefault(f"{source.config.name}/{name}", []).append(value)
    return {name: float(np.mean(values)) for name, values in sorted(results.items())}


def _scores(network: DepthNet, batch: SourceBatch) -> list[tuple[str, float]]:
    canonical = network(batch.image.float() / 255.0)
    depth = (canonical * canonical_scale(batch.focal, network.config.canonical_focal)).cpu().numpy()
    scores: list[tuple[str, float]] = []
    for predicted, truth in zip(depth, batch.depth.cpu().numpy(), strict=True):
        valid = truth > 0
        prediction, target = predicted[valid], truth[valid]
        aligned = align_median(prediction, target)
        scores += depth_metrics(prediction, target).items()
        scores += [(f"median_{k}", v) for k, v in depth_metrics(aligned, target).items()]
    return scores
