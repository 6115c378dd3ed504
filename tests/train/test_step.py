"""A step is the gradient that its mixing names, however a batch is split; bad numbers leave no trace."""

import copy
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from onedepth.data.sample import Kind, SourceBatch
from onedepth.networks import DepthNet
from onedepth.networks.pose import PoseNet
from onedepth.train.optim import build_optimiser
from onedepth.train.recipe import Recipe
from onedepth.train.step import StepReport, combine, hash_seed, mixing_weights, train_step
from onedepth.train.system import System
from train_cases import SOURCES, batch_of, config_of, recipe_of, video_batch

FIXED: dict[Kind, dict[str, float]] = {  # losses that draw nothing at random
    "metric": {"silog": 1.0, "log_gradient": 0.1},
    "scaled": {"scale_invariant_log": 1.0},
    "affine": {"ssi_mae": 1.0},
    "coarse": {"low_resolution": 1.0, "downsampled_high": 1.0},
    "video": {"reprojection": 1.0, "smoothness": 0.01},
}


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def system_of(**config: object) -> System:
    torch.manual_seed(7)
    system = System(DepthNet(config_of(**config)), PoseNet("test_resnet"))
    system.to(memory_format=torch.channels_last)
    return system.train()


def all_kinds() -> list[SourceBatch]:
    small = torch.nn.functional.avg_pool2d
    metric, coarse, affine = (
        batch_of("metric"),
        batch_of("coarse", "coarse", 2),
        batch_of("affine", "affine", 3),
    )
    coarse = replace(coarse, label=small(coarse.label, 4), mask=coarse.mask[..., ::4, ::4], factor=4)
    affine = replace(affine, label=1 / affine.label)
    return [metric, batch_of("scaled", "scaled", 2), affine, coarse, video_batch(2)]


def counts_of(batches: list[SourceBatch]) -> dict[str, int]:
    return {b.source: len(b.ids) for b in batches}


def part_of(batch: SourceBatch, start: int, step: int) -> SourceBatch | None:
    """Every `step`-th sample, as a process of several gets them."""
    names = ("image", "label", "mask", "intrinsics", "frames", "pose_frames")
    parts = {name: getattr(batch, name)[start::step] for name in names}
    return replace(batch, ids=batch.ids[start::step], **parts) if len(batch.ids) > start else None


def losses_of(
    system: System, batches: list[SourceBatch], recipe: Recipe
) -> Mapping[str, Mapping[str, Tensor]]:
    return system.losses(batches, recipe, torch.Generator().manual_seed(0))


def gradients_of(
    fabric: Fabric, system: System, batches: list[SourceBatch], counts: Mapping[str, int], recipe: Recipe
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Gradients by parameter name, and the weights of the sources."""
    per_source = {
        source: torch.stack([v.sum() for v in named.values()]).sum() / counts[source]
        for source, named in losses_of(system, batches, recipe).items()
    }
    parameters = list(system.parameters())
    weights = combine(fabric, per_source, counts, parameters, system.shared(), recipe)
    found = {name: p.grad for name, p in system.named_parameters() if p.grad is not None}
    assert len(found) == len(parameters)
    return found, weights


def backward(system: System, total: Tensor) -> dict[str, Tensor]:
    """What plain backpropagation says."""
    system.zero_grad()
    total.backward(retain_graph=True)
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in system.named_parameters()}


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float = 1e-5) -> None:
    assert found.keys() == expected.keys()
    size = max(float(v.abs().max()) for v in expected.values())
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=tolerance * size, msg=name)


def test_mean_is_the_mean_over_all_images_of_the_step(fabric):
    recipe = recipe_of(*FIXED, losses=FIXED)
    system, batches = system_of(), all_kinds()
    found, weights = gradients_of(fabric, system, batches, counts_of(batches), recipe)
    named = losses_of(system, batches, recipe)
    number = sum(len(b.ids) for b in batches)
    one_loss = torch.stack([v.sum() for losses in named.values() for v in losses.values()]).sum() / number
    assert_same(found, backward(system, one_loss))
    assert weights == pytest.approx({b.source: len(b.ids) / number for b in batches})


def test_a_part_of_a_step_is_divided_by_the_size_of_the_whole(fabric):
    """So that the parts of several processes can be added up."""
    norms = []
    for whole in (2, 6):
        system, recipe = system_of(), recipe_of("metric", losses=FIXED)
        optimiser = build_optimiser(system, recipe.optimiser)
        report = train_step(fabric, system, optimiser, [batch_of()], {"metric": whole}, recipe, 0)
        norms.append(report.gradient_norm)
    assert norms[0] == pytest.approx(3 * norms[1], rel=1e-4)


def test_two_sources_of_one_kind_are_one_large_source(fabric):
    recipe = recipe_of(
        losses=FIXED, sources=[SOURCES["metric"] | {"name": n} for n in ("all", "first", "second")], batch=3
    )
    system, whole = system_of(), batch_of("all", number=3)
    first, second = part_of(whole, 0, 2), part_of(whole, 1, 2)
    assert first is not None
    assert second is not None
    parts = [replace(first, source="first"), replace(second, source="second")]
    expected = {n: g.clone() for n, g in gradients_of(fabric, system, [whole], {"all": 3}, recipe)[0].items()}
    assert_same(gradients_of(fabric, system, parts, {"first": 2, "second": 1}, recipe)[0], expected)


def test_weighted_counts_images_and_factors():
    sources = [SOURCES["metric"] | {"loss_weight": 3.0}, SOURCES["affine"]]
    recipe = recipe_of(sources=sources, mixing="weighted")
    assert mixing_weights({"metric": 1, "affine": 2}, recipe) == pytest.approx([0.6, 0.4])
    plain = recipe_of("metric", "affine")
    assert mixing_weights({"metric": 1, "affine": 2}, plain) == pytest.approx([1 / 3, 2 / 3])


def test_weighted_is_the_weighted_sum_of_the_sources_means(fabric):
    sources = [SOURCES["metric"] | {"loss_weight": 3.0}, SOURCES["scaled"]]
    recipe = recipe_of(sources=sources, mixing="weighted", losses=FIXED)
    system, batches = system_of(), [batch_of("metric", number=1), batch_of("scaled", "scaled", number=2)]
    found, weights = gradients_of(fabric, system, batches, counts_of(batches), recipe)
    named = losses_of(system, batches, recipe)
    means = {s: torch.stack(list(losses.values())).sum(0).mean() for s, losses in named.items()}
    assert_same(found, backward(system, 0.6 * means["metric"] + 0.4 * means["scaled"]))
    assert weights == pytest.approx({"metric": 0.6, "scaled": 0.4})


@pytest.mark.parametrize("mixing", ["mean", "weighted"])
@pytest.mark.parametrize("shards", [2, 3])
def test_the_shards_of_a_batch_add_up_to_it(fabric, mixing, shards):
    recipe = recipe_of(*FIXED, losses=FIXED, mixing=mixing)
    system, batches = system_of(), all_kinds()
    counts = counts_of(batches)
    expected = {n: g.clone() for n, g in gradients_of(fabric, system, batches, counts, recipe)[0].items()}
    total: dict[str, Tensor] = {}
    for rank in range(shards):
        here = [part for b in batches if (part := part_of(b, rank, shards)) is not None]
        for name, value in gradients_of(fabric, system, here, counts, recipe)[0].items():
            total[name] = total.get(name, torch.zeros_like(value)) + value
    assert_same(total, expected)


def test_a_process_without_samples_adds_nothing(fabric):
    recipe = recipe_of("metric")
    found, _ = gradients_of(fabric, system_of(), [], {"metric": 1}, recipe)
    assert all(not value.any() for value in found.values())


def test_pareto_takes_the_shortest_mix_and_leaves_the_pose_network_alone(fabric):
    recipe = recipe_of(*FIXED, losses=FIXED, mixing="pareto")
    system, batches = system_of(), all_kinds()
    found, weights = gradients_of(fabric, system, batches, counts_of(batches), recipe)
    found = {name: value.clone() for name, value in found.items()}
    each = {}
    for source, named in losses_of(system, batches, recipe).items():
        gradient = backward(system, torch.stack(list(named.values())).sum(0).mean())
        each[source] = {name: value.clone() for name, value in gradient.items()}
    assert min(weights.values()) >= 0
    assert sum(weights.values()) == pytest.approx(1, abs=1e-5)
    mixed = {
        name: each["video"][name]
        if name.startswith("pose.")
        else torch.stack([weights[s] * g[name] for s, g in each.items()]).sum(0)
        for name in found
    }
    assert_same(found, mixed)
    assert any(value.any() for name, value in found.items() if name.startswith("pose."))
    shared = [name for name in found if not name.startswith("pose.")]
    flat = {s: torch.cat([g[n].flatten() for n in shared]) for s, g in each.items()}
    common = torch.cat([found[n].flatten() for n in shared])
    norm = float(common @ common)
    for source, gradient in flat.items():
        assert float(common @ gradient) >= norm * (1 - 1e-3), source
    assert norm <= min(float(g @ g) for g in flat.values()) * (1 + 1e-5)


def test_pareto_of_one_source_is_its_gradient(fabric):
    system, batches = system_of(), [batch_of()]
    mean, _ = gradients_of(fabric, system, batches, {"metric": 2}, recipe_of("metric", losses=FIXED))
    mean = {name: value.clone() for name, value in mean.items()}
    pareto, weights = gradients_of(
        fabric, system, batches, {"metric": 2}, recipe_of("metric", losses=FIXED, mixing="pareto")
    )
    assert_same(pareto, mean)
    assert weights == {"metric": 1.0}


def test_a_step_is_that_of_plain_adamw(fabric):
    """Backpropagation, clipping and torch's own optimiser, on plain layouts, give the same weights."""
    recipe = recipe_of("metric", losses=FIXED, optimiser={"lr": 0.01, "encoder_lr": 0.003, "clip": 0.1})
    system, batch = system_of(), batch_of()
    plain = copy.deepcopy(system).to(memory_format=torch.contiguous_format)
    slow = build_optimiser(plain, recipe.optimiser)
    for group in slow.param_groups:
        group["fused"] = False
    optimiser = build_optimiser(system, recipe.optimiser)
    for step in range(3):
        train_step(fabric, system, optimiser, [batch], {"metric": 2}, recipe, step)
        backward(plain, torch.stack(list(losses_of(plain, [batch], recipe)["metric"].values())).sum(0).mean())
        nn.utils.clip_grad_norm_(plain.parameters(), 0.1)
        slow.step()
    moved = 0.0
    for (name, ours), theirs in zip(system.named_parameters(), plain.parameters(), strict=True):
        moved = max(moved, float((ours - theirs).detach().abs().max()))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-3, msg=name)
    assert moved < 2e-3


# --- bad numbers


class Toy(nn.Module):
    """A shared weight, one of its own, a normalisation layer, and a loss per image that a test may spoil."""

    def __init__(self, spoil: str = "") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0]))
        self.norm = nn.BatchNorm1d(1)
        self.spoil = spoil

    def losses(
        self, batches: list[SourceBatch], recipe: Recipe, generator: torch.Generator
    ) -> Mapping[str, Mapping[str, Tensor]]:
        return {b.source: {"first": self._first(b), "second": self._second(b)} for b in batches}

    def _first(self, batch: SourceBatch) -> Tensor:
        value = batch.image.mean((1, 2, 3))
        return self.norm(value[:, None])[:, 0] * self.weight[0] + self.weight[1] ** 2

    def _second(self, batch: SourceBatch) -> Tensor:
        each = []
        for sample in batch.ids:
            value = self.weight.sum()
            if self.spoil == "loss" and sample == "b/1":
                value = value * torch.nan
            if self.spoil == "gradient" and sample == "b/1":  # sqrt(0) is a number and its slope is none
                value = value + (self.weight[0] - self.weight[0].detach()).sqrt()
            each.append(value)
        return torch.stack(each)

    def shared(self) -> set[int]:
        return {id(p) for p in self.parameters()}


def toy_batches() -> list[SourceBatch]:
    return [batch_of("a"), batch_of("b")]


def toy_step(fabric: Fabric, toy: Toy, recipe: Recipe) -> StepReport:
    optimiser = torch.optim.AdamW(toy.parameters(), lr=0.1)
    return train_step(fabric, toy, optimiser, toy_batches(), {"a": 2, "b": 2}, recipe, 0)


@pytest.fixture(params=["mean", "pareto"])
def toy_recipe(request: pytest.FixtureRequest) -> Recipe:
    thawed = config_of(freeze_statistics=False).model_dump(mode="json")
    sources = [SOURCES["metric"] | {"name": name} for name in "ab"]
    return recipe_of(sources=sources, mixing=request.param, network=thawed)


def test_a_good_step_changes_weights_and_statistics(fabric, toy_recipe):
    toy = Toy()
    before = copy.deepcopy(toy.state_dict())
    report = toy_step(fabric, toy, toy_recipe)
    assert report.problem is None
    assert report.gradient_norm > 0
    assert all(not torch.equal(v, before[k]) for k, v in toy.state_dict().items() if k != "norm.bias")
    assert set(report.values) == {"a/first", "a/second", "b/first", "b/second"}
    assert all(p.grad is None for p in toy.parameters())


@pytest.mark.parametrize("spoil", ["loss", "gradient"])
def test_a_bad_step_is_skipped_without_a_trace_and_its_culprit_named(fabric, toy_recipe, spoil):
    toy = Toy(spoil)
    before = copy.deepcopy(toy.state_dict())
    report = toy_step(fabric, toy, toy_recipe)
    assert report.problem is not None
    for word in (spoil, "'second'", "'b'", "b/1"):
        assert word in report.problem
    assert "a/0" not in report.problem
    assert ("b/0" in report.problem) == (spoil == "gradient")  # images share a graph, as far as gradients go
    assert all(torch.equal(v, before[k]) for k, v in toy.state_dict().items())
    assert all(p.grad is None for p in toy.parameters())
    assert report.gradient_norm == 0


def test_a_bad_loss_of_another_process_skips_the_step_here(toy_recipe):
    class Other:
        world_size, device = 2, torch.device("cpu")

        def autocast(self) -> torch.autocast:
            return torch.autocast("cpu", enabled=False)

        def all_reduce(self, values: Tensor, reduce_op: str) -> Tensor:
            return values + 1

    toy = Toy()
    before = toy.weight.detach().clone()
    report = toy_step(Other(), toy, toy_recipe)
    assert report.problem == "another process met a bad loss"
    assert torch.equal(toy.weight, before)


# --- images without labels


@pytest.mark.parametrize("kind", ["metric", "scaled", "affine", "coarse"])
def test_a_sub_batch_without_labels_contributes_nothing(fabric, kind: Kind):
    recipe = recipe_of(
        losses={k: FIXED[k] for k in FIXED},
        sources=[SOURCES["scaled"] | {"name": "good"}, SOURCES[kind] | {"name": "empty"}],
    )
    system, good = system_of(), batch_of("good", "scaled")
    empty = next(b for b in all_kinds() if b.kind == kind)
    blank = torch.zeros_like(empty.mask)
    empty = replace(empty, source="empty", label=empty.label * 0, mask=blank)
    number = len(empty.ids)
    expected = gradients_of(fabric, system, [good], {"good": 2}, recipe)[0]
    expected = {name: value * 2 / (2 + number) for name, value in expected.items()}
    counts = {"good": 2, "empty": number}
    assert_same(gradients_of(fabric, system, [good, empty], counts, recipe)[0], expected)


def test_images_without_labels_change_the_others_by_their_number_only(fabric):
    recipe = recipe_of("metric", losses=FIXED)
    system, batch = system_of(), batch_of(number=4)
    mask = batch.mask.clone()
    mask[2:] = False
    half = replace(batch, mask=mask, label=torch.where(mask, batch.label, 0.0))
    found = {n: v.clone() for n, v in gradients_of(fabric, system, [half], {"metric": 4}, recipe)[0].items()}
    good = part_of(half, 0, 1)
    assert good is not None
    names = ("image", "label", "mask", "intrinsics")
    good = replace(good, ids=good.ids[:2], **{name: getattr(good, name)[:2] for name in names})
    expected = gradients_of(fabric, system, [good], {"metric": 2}, recipe)[0]
    assert_same(found, {name: value / 2 for name, value in expected.items()})


def test_seeds_of_steps_differ():
    assert len({hash_seed(seed, step) for seed in range(20) for step in range(200)}) == 4000
    assert all(0 <= hash_seed(seed, 1) < 2**63 for seed in (0, -5, 2**40))
