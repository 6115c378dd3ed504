"""Test sets of the experiments, and the scores of a network on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional as F

from onedepth.camera import Camera
from onedepth.data.sample import Kind, Pixels, Raster, Sample
from onedepth.data.sources import Holdout, Source, SourceConfig, open_source
from onedepth.data.transforms import resize, resize_image
from onedepth.evaluate.align import align
from onedepth.evaluate.metrics import depth_metrics
from onedepth.evaluate.metrics.boundary import boundary_f1
from onedepth.evaluate.metrics.case import Case
from onedepth.evaluate.metrics.zoom import zoom_invariance
from onedepth.networks.depthnet import DepthNet

Score = dict[str, float]
ALIGNMENTS = {
    "metric": ("none", "median", "scale_shift_disparity"),
    "scaled": ("median", "scale_shift_disparity"),
}
ZOOM = 1.5


@dataclass(frozen=True)
class TestSet:
    """Images with truth that an experiment is scored on.

    Attributes:
        name: In tables.
        path: As in a recipe's source.
        count: So many images at most, evenly spread over the set.
        max_depth: Metres (or units) beyond which the truth does not count.
        kind: Whether the truth has metres.
        holdout: Take the held-out part.
        root: Whether the path starts at the data root or at the experiment's folder.
        edges: Score depth edges, too; the truth must be dense and sharp.
        zoom: Score how far a zoom of the camera changes the prediction.
    """

    __test__ = False

    name: str
    path: str
    count: int = 30
    max_depth: float = 10.0
    kind: Literal["metric", "scaled"] = "metric"
    holdout: Holdout | None = None
    root: Literal["data", "work"] = "data"
    edges: bool = False
    zoom: bool = False

    def samples(self, root: Path) -> Iterator[Sample]:
        """The images, in order."""
        kind: Kind = self.kind
        config = SourceConfig(
            name=self.name, path=self.path, kind=kind, max_depth=self.max_depth, holdout=self.holdout
        )
        source: Source = open_source(config, root, held_out=self.holdout is not None)
        total = len(source.records)
        for i in np.unique(np.linspace(0, total - 1, min(total, self.count)).round().astype(int)):
            yield source.load(int(i))


def score(network: DepthNet, test: TestSet, root: Path, *, low: int = 1) -> Score:
    """Mean scores over the images of a test set, at the network's resolution.

    Keys are `ALIGNMENT/METRIC`, `boundary_f1`, `zoom_change` and `zoom_rms_log`. Where an alignment finds no
    scale above 0, the median of the truth stands for the prediction.

    Args:
        network: In evaluation mode.
        test: What to score on.
        root: That the test set's path starts at.
        low: Show the network the photo at 1/low of its size and enlarge its depth to full size.
    """
    found: dict[str, list[float]] = {}
    for sample in test.samples(root):
        size = network.config.input_size(sample.camera.width, sample.camera.height, sample.camera.focal)
        sample = resize(sample, *size)
        depth = predict(network, sample.image, sample.camera, low=low)
        for name, value in _scores(depth, sample, test):
            found.setdefault(name, []).append(value)
    if test.zoom:
        found |= zoom_score(network, test, root)
    return {name: float(np.mean(values)) for name, values in sorted(found.items())}


@torch.no_grad()
def predict(network: DepthNet, image: Pixels, camera: Camera, *, low: int = 1) -> Raster:
    """Metres (H, W) for an image (H, W, 3) at one of the network's sizes."""
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255.0
    small = F.avg_pool2d(tensor, low) if low > 1 else tensor
    sides = [math.ceil(side / 32) * 32 for side in small.shape[-2:]]
    seen = F.interpolate(small, sides, mode="bilinear", align_corners=False)
    focal = camera.focal * math.sqrt(sides[0] * sides[1] / (camera.width * camera.height))
    depth = network(seen) * (focal / network.config.canonical_focal)
    if low > 1:  # what a network that knows only coarse photos gives: its depth at the label's size, enlarged
        depth = F.interpolate(depth, small.shape[-2:], mode="bilinear", align_corners=False)
    full = F.interpolate(depth, tensor.shape[-2:], mode="bilinear", align_corners=False)
    return np.asarray(full[0, 0].numpy(), np.float32)


def _scores(depth: Raster, sample: Sample, test: TestSet) -> Iterator[tuple[str, float]]:
    truth = sample.label
    valid = np.isfinite(truth) & (truth > 0)
    for alignment in ALIGNMENTS[test.kind]:
        fit = align(alignment, depth[valid], truth[valid], cap=test.max_depth)
        fitted = fit.apply(depth[valid]) if fit.ok else np.full(int(valid.sum()), np.median(truth[valid]))
        numbers = depth_metrics(np.clip(fitted, 1e-3, test.max_depth), truth[valid])
        yield from ((f"{alignment}/{metric}", numbers[metric]) for metric in ("abs_rel", "delta1", "rmse"))
    if test.edges:
        filled = np.where(valid, truth, 1.0)
        yield from boundary_f1(Case(prediction=depth, truth=filled, mask=valid)).items()


def zoom_score(network: DepthNet, test: TestSet, root: Path) -> dict[str, list[float]]:
    """How far a zoom by 1.5 changes the prediction of each image.

    `zoom_change` is |ln ratio| of the medians, `zoom_rms_log` what else changes (`metrics.zoom`).
    """
    changes, rests = [], []
    for sample in test.samples(root):
        size = network.config.input_size(sample.camera.width, sample.camera.height, sample.camera.focal)
        camera = sample.camera.resize(*size)
        depth = predict(network, resize_image(sample.image, *size), camera)
        width, height = (round(side / ZOOM) for side in sample.camera.size)
        left, top = (sample.camera.width - width) // 2, (sample.camera.height - height) // 2
        window = resize_image(sample.image[top : top + height, left : left + width], *size)
        zoomed = predict(network, window, camera.zoom(ZOOM))
        told = zoom_invariance(depth, zoomed, ZOOM)
        changes.append(abs(math.log(told["zoom_ratio"])))
        rests.append(told["zoom_rms_log"])
    return {"zoom_change": changes, "zoom_rms_log": rests}
