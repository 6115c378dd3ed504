"""One optimiser step: losses per source, their gradients combined, and a guard against bad numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from onedepth.data.sample import SourceBatch
from onedepth.train.pareto import min_norm_weights
from onedepth.train.recipe import Recipe
from onedepth.train.system import Trainee

Losses = Mapping[str, Mapping[str, Tensor]]  # source -> loss -> (B,) weighted value of each image


@dataclass(frozen=True)
class StepReport:
    """What a step did.

    Attributes:
        values: Mean of each weighted loss over this process's images, as `source/loss`.
        total: The combined loss.
        gradient_norm: Before clipping; 0 for a skipped step.
        mixing: Weight that each source's gradient got.
        problem: Why the step was skipped; None when it was not.
    """

    values: dict[str, float]
    total: float
    gradient_norm: float = 0.0
    mixing: dict[str, float] = field(default_factory=dict)
    problem: str | None = None


def train_step(
    fabric: Fabric,
    system: Trainee,
    optimiser: torch.optim.Optimizer,
    batches: list[SourceBatch],
    counts: Mapping[str, int],
    recipe: Recipe,
    step: int,
) -> StepReport:
    """Take one step, or skip it when a loss or gradient is not finite.

    Losses are summed over images and divided by the number of samples the source has in the step over all
    processes, so the result does not depend on how the batch is split. An image without valid pixels counts
    with loss 0.

    Args:
        fabric: Device, precision and collectives.
        system: Networks to train.
        optimiser: Over the system's parameters.
        batches: This process's sub-batches.
        counts: Samples of each source in this step over all processes.
        recipe: Loss weights and mixing.
        step: Number of the step; seeds the losses that draw at random.
    """
    generator = torch.Generator(fabric.device).manual_seed(hash_seed(recipe.seed, step))
    buffers = [] if recipe.network.freeze_statistics else [(b, b.clone()) for b in system.buffers()]
    with fabric.autocast():
        losses = system.losses(batches, recipe, generator)
    values = {f"{s}/{n}": v.detach().mean().item() for s, named in losses.items() for n, v in named.items()}
    problem = _name_bad_loss(losses, batches)
    if _anywhere(fabric, problem is not None):
        _restore(buffers)
        return StepReport(values, float("nan"), problem=problem or "another process met a bad loss")

    per_source = {
        source: torch.stack([value.sum() for value in named.values()]).sum() / counts[source]
        for source, named in losses.items()
    }
    parameters = [p for p in system.parameters() if p.requires_grad]
    mixing = combine(fabric, per_source, counts, parameters, system.shared(), recipe)
    norm = float(nn.utils.clip_grad_norm_(parameters, recipe.optimiser.clip))
    total = sum(mixing.get(s, 0.0) * value.item() for s, value in per_source.items())
    if not torch.isfinite(torch.tensor(norm)):
        optimiser.zero_grad(set_to_none=True)
        problem = _name_bad_gradient(losses, batches, parameters)
        _restore(buffers)
        return StepReport(values, total, problem=problem)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return StepReport(values, total, norm, mixing)


def combine(
    fabric: Fabric,
    losses: Mapping[str, Tensor],
    counts: Mapping[str, int],
    parameters: list[nn.Parameter],
    shared: set[int],
    recipe: Recipe,
) -> dict[str, float]:
    """Set the gradients of the parameters and return the weight of each source.

    `mean` weighs a source by its share of the batch, `weighted` by the recipe's `loss_weight`; both need one
    backward pass. `pareto` needs one per source: it takes the shortest vector in the convex hull of the
    sources' gradients of the shared parameters (MiDaS eq. 13, plain MGDA). Parameters that are not shared
    (the pose network's) have one objective only and keep its gradient.

    Args:
        fabric: For the sum over processes.
        losses: Mean loss of each source, this process's part.
        counts: Samples of each source over all processes; names every source of the step.
        parameters: All trained parameters.
        shared: Identities (`id`) of those that every source trains.
        recipe: Says how to mix.
    """
    names = list(counts)
    if recipe.mixing == "pareto":
        gradients = [_reduced(fabric, _flat_gradient(losses.get(n), parameters)) for n in names]
        stacked = torch.stack(gradients)
        common = stacked * torch.cat([torch.full_like(p, id(p) in shared).flatten() for p in parameters])
        weights = min_norm_weights(common @ common.T)
        flat = weights @ common + (stacked - common).sum(0)
    else:
        weights = torch.tensor(mixing_weights(counts, recipe))
        parts = [w * losses[n] for n, w in zip(names, weights, strict=True) if n in losses]
        total = torch.stack(parts).sum() if parts else None
        flat = _reduced(fabric, _flat_gradient(total, parameters))
    _assign(flat, parameters)
    return dict(zip(names, weights.tolist(), strict=True))


def mixing_weights(counts: Mapping[str, int], recipe: Recipe) -> list[float]:
    """Weights of the sources of a step for the mixings that do not look at gradients; they sum to 1."""
    own = {s.name: s.loss_weight for s in recipe.sources}
    raw = [counts[n] * (own[n] if recipe.mixing == "weighted" else 1.0) for n in counts]
    return [w / sum(raw) for w in raw]


def hash_seed(*numbers: int) -> int:
    """One 63-bit seed from several numbers."""
    seed = 0
    for number in numbers:
        seed = (seed * 6364136223846793005 + number + 1442695040888963407) % (1 << 63)
    return seed


def _flat_gradient(loss: Tensor | None, parameters: list[nn.Parameter]) -> Tensor:
    if loss is None or not loss.requires_grad:
        return torch.cat([torch.zeros_like(p).flatten() for p in parameters])
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    pairs = zip(parameters, gradients, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in pairs])


def _assign(flat: Tensor, parameters: list[nn.Parameter]) -> None:
    for parameter, part in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
        # In the layout of the parameter: the fused optimiser goes through memory without looking at strides.
        parameter.grad = torch.empty_like(parameter).copy_(part.view_as(parameter))


def _reduced(fabric: Fabric, values: Tensor) -> Tensor:
    if fabric.world_size == 1:
        return values
    summed: Tensor = fabric.all_reduce(values, reduce_op="sum")  # type: ignore[assignment]
    return summed


def _anywhere(fabric: Fabric, here: bool) -> bool:
    return bool(_reduced(fabric, torch.tensor(float(here), device=fabric.device)) > 0)


def _restore(buffers: list[tuple[Tensor, Tensor]]) -> None:
    """Take back what the images of a skipped step have done to normalisation statistics."""
    for buffer, before in buffers:
        buffer.copy_(before)


def _name_bad_loss(losses: Losses, batches: list[SourceBatch]) -> str | None:
    ids = {b.source: b.ids for b in batches}
    for source, named in losses.items():
        for name, value in named.items():
            bad = (~value.detach().isfinite()).nonzero().flatten().tolist()
            if bad:
                names = ", ".join(ids[source][i] for i in bad)
                return f"loss {name!r} of source {source!r} is not finite; samples {names}"
    return None


def _name_bad_gradient(losses: Losses, batches: list[SourceBatch], parameters: list[nn.Parameter]) -> str:
    """Which loss it came from; images share one graph and cannot be told apart (0 times infinity is NaN)."""
    ids = {b.source: b.ids for b in batches}
    for source, named in losses.items():
        for name, value in named.items():
            if not _flat_gradient(value.sum(), parameters).isfinite().all():
                names = ", ".join(ids[source])
                return f"gradient of loss {name!r} of source {source!r} is not finite; samples {names}"
    return "the gradient is not finite, though those of all losses here are"
