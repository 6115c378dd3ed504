"""The networks of a run: the depth network, and beside it what some kinds of supervision need."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onedepth.data.sample import SourceBatch
from onedepth.losses import log_l1, pose_matrix
from onedepth.networks.autoencoder import DepthAutoencoder
from onedepth.networks.config import STRIDE
from onedepth.networks.depthnet import DepthNet, canonical_scale
from onedepth.networks.pose import PoseNet
from onedepth.train.context import Context, low_view
from onedepth.train.recipe import Recipe
from onedepth.train.supervision import LOSSES


class Trainee(Protocol):
    """What the training step needs of the networks it trains."""

    def losses(
        self, batches: list[SourceBatch], recipe: Recipe, generator: torch.Generator
    ) -> Mapping[str, Mapping[str, Tensor]]:
        """Weighted losses of each image, (B,), by source and loss name."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All parameters."""

    def buffers(self) -> Iterator[Tensor]:
        """All buffers: normalisation statistics and constants."""

    def shared(self) -> set[int]:
        """Identities of the parameters that every source trains."""


class System(nn.Module):
    """Networks that are trained together.

    Args:
        depth: The depth network.
        pose: Relative pose of two frames; needed by `video`.
        teacher: Trained depth autoencoder; its features guide `coarse` supervision. Never trained here.
    """

    def __init__(
        self, depth: DepthNet, pose: PoseNet | None = None, teacher: DepthAutoencoder | None = None
    ) -> None:
        super().__init__()
        self.depth = depth
        self.pose = pose
        self._teacher = [teacher.eval().requires_grad_(False)] if teacher is not None else []

    def losses(
        self, batches: list[SourceBatch], recipe: Recipe, generator: torch.Generator
    ) -> Mapping[str, Mapping[str, Tensor]]:
        """Weighted losses of each image, (B,), by source and loss name, as the supervision table says."""
        return {
            c.batch.source: {
                name: weight * LOSSES[name].function(c)
                for name, weight in recipe.losses_of(c.batch.source).items()
            }
            for c in self.contexts(batches, generator)
        }

    def shared(self) -> set[int]:
        """Identities of the parameters that every source trains: those of the depth network."""
        return {id(p) for p in self.depth.parameters()}

    def contexts(self, batches: list[SourceBatch], generator: torch.Generator) -> list[Context]:
        """Run the networks on all sub-batches of a step.

        All views that a step needs (whole images, and the reduced ones of `coarse` batches) are grouped by
        size, and the depth network runs once per size. Normalisation statistics are the encoder's pretrained
        ones unless the recipe thaws them; then every view of the step updates them.
        """
        images = [b.image.float() / 255.0 for b in batches]
        coarse = [i for i, b in enumerate(batches) if b.kind == "coarse"]
        views = images + [low_view(images[i], batches[i].factor, STRIDE) for i in coarse]
        seen = self._run_by_size(views)
        low = {i: seen[len(batches) + k] for k, i in enumerate(coarse)}
        return [self._context(batch, seen[i], low.get(i), generator) for i, batch in enumerate(batches)]

    def _run_by_size(self, views: list[Tensor]) -> list["_Seen"]:
        groups: dict[torch.Size, list[int]] = {}
        for i, view in enumerate(views):
            groups.setdefault(view.shape[-2:], []).append(i)
        seen: dict[int, _Seen] = {}
        for members in groups.values():
            images = torch.cat([views[i] for i in members]).contiguous(memory_format=torch.channels_last)
            features = self.depth.encode(images)
            counts = [len(views[i]) for i in members]
            parts = [torch.split(f, counts) for f in features]
            maps = [torch.split(m, counts) for m in self.depth.decode_scales(features)]
            for k, i in enumerate(members):
                seen[i] = _Seen([m[k] for m in maps], [part[k] for part in parts])
        return [seen[i] for i in range(len(views))]

    def _context(
        self, batch: SourceBatch, seen: "_Seen", low: "_Seen | None", generator: torch.Generator
    ) -> Context:
        depth = self._metres(seen.maps[0], batch)
        if batch.kind == "video":
            size = depth.shape[-2:]
            coarser = [F.interpolate(m, size=size, mode="bilinear") for m in seen.maps[1:]]
            return Context(
                batch,
                depth,
                generator,
                coarser=[self._metres(m, batch) for m in coarser],
                poses=self._poses(batch),
            )
        if batch.kind != "coarse":
            return Context(batch, depth, generator)
        assert low is not None
        return Context(
            batch,
            depth,
            generator,
            low=F.interpolate(self._metres(low.maps[0], batch), size=batch.label.shape[-2:], mode="area"),
            features=seen.features,
            teacher=self._teach(batch),
        )

    def _metres(self, canonical: Tensor, batch: SourceBatch) -> Tensor:
        """Depth in metres, with the focal length at the resolution this view was seen at."""
        rows, columns = (a / b for a, b in zip(canonical.shape[-2:], batch.image.shape[-2:], strict=True))
        focal = batch.focal * math.sqrt(rows * columns)
        return canonical * canonical_scale(focal, self.depth.config.canonical_focal)

    def _poses(self, batch: SourceBatch) -> Tensor:
        """Motion from each target camera to those of the frames before and after, from unzoomed frames."""
        assert self.pose is not None
        frames = batch.pose_frames.float() / 255.0
        before, now, after = frames[:, 1], frames[:, 0], frames[:, 2]
        # The network always sees two frames in the order of time, so it learns one direction of motion.
        turns, shifts = self.pose(torch.cat([before, now]), torch.cat([now, after]))
        (turn_in, turn_out), (shift_in, shift_out) = turns.chunk(2), shifts.chunk(2)
        return torch.stack([pose_matrix(turn_in, shift_in, invert=True), pose_matrix(turn_out, shift_out)], 1)

    @torch.no_grad()
    def _teach(self, batch: SourceBatch) -> Tensor | None:
        return self._teacher[0].encode(batch.label, batch.mask) if self._teacher else None


@dataclass(frozen=True)
class _Seen:
    """What the depth network made of one view: canonical depth at each scale, finest first, and features."""

    maps: list[Tensor]
    features: list[Tensor]


class AutoencoderSystem(nn.Module):
    """Trains the depth autoencoder, the teacher of `coarse` supervision, to reproduce labels (L_rec).

    Args:
        autoencoder: The network to train.
    """

    def __init__(self, autoencoder: DepthAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def losses(
        self, batches: list[SourceBatch], recipe: Recipe, generator: torch.Generator
    ) -> Mapping[str, Mapping[str, Tensor]]:
        """Log-L1 error of the reproduced label of each image, by source."""
        return {
            b.source: {"reconstruction": log_l1(self.autoencoder(b.label, b.mask), b.label, b.mask)}
            for b in batches
        }

    def shared(self) -> set[int]:
        """Identities of all parameters."""
        return {id(p) for p in self.parameters()}
