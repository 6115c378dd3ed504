"""The supervision table through the networks: what a perfect prediction scores, in every kind and size."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from onedepth.data.mixture import collate
from onedepth.data.sample import SourceBatch
from onedepth.data.sources import open_source
from onedepth.networks import DepthNet
from onedepth.networks.autoencoder import DepthAutoencoder
from onedepth.networks.pose import PoseNet
from onedepth.train.context import low_view
from onedepth.train.loop import build_mixture
from onedepth.train.supervision import LOSSES
from onedepth.train.system import AutoencoderSystem, System
from train_cases import STEP, batch_of, config_of, recipe_of, video_batch

UNIT = 25.0  # grey levels per metre in the images that the oracle reads


class Oracle(nn.Module):
    """Reads the depth of a view off its first colour, and says it as the canonical camera would see it.

    It knows the focal length of whole images only, so each reduced view must be told from its size.
    """

    def __init__(self, focal: float, size: tuple[int, int]) -> None:
        super().__init__()
        self.config = config_of(canonical_focal=77.0)
        self.focal, self.size = focal, size

    def encode(self, image: Tensor) -> list[Tensor]:
        return [image]

    def decode_scales(self, features: list[Tensor]) -> list[Tensor]:
        view = features[0]
        zoom = math.sqrt(view.shape[-1] / self.size[0] * view.shape[-2] / self.size[1])
        return [view[:, :1] * 255.0 / UNIT * self.config.canonical_focal / (self.focal * zoom)]


class Motion(nn.Module):
    """A pose network that always says the same motion."""

    def __init__(self, x: float) -> None:
        super().__init__()
        self.x = x

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        shift = torch.tensor([self.x, 0.0, 0.0]).expand(len(first), 3)
        return torch.zeros(len(first), 3), shift


def readable(batch: SourceBatch, depth: Tensor) -> SourceBatch:
    return replace(batch, image=(depth * UNIT).repeat(1, 3, 1, 1))


def oracle_for(batch: SourceBatch, error: float = 1.0) -> System:
    height, width = batch.image.shape[-2:]
    return System(Oracle(float(batch.focal[0]) / error, (width, height)), Motion(-STEP))  # type: ignore[arg-type]


def losses_of(system: System, batch: SourceBatch, losses: dict[str, float]) -> dict[str, Tensor]:
    sources = [{"name": batch.source, "path": "x", "kind": batch.kind, "losses": losses}]
    recipe = recipe_of(sources=sources)
    return dict(system.losses([batch], recipe, torch.Generator().manual_seed(0))[batch.source])


DEPTH = {
    name: loss
    for name, loss in LOSSES.items()
    if "metric" in loss.accepts and name not in ("smoothness", "ordinal")
}


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (160, 96)])
@pytest.mark.parametrize("name", DEPTH)
def test_a_perfect_prediction_costs_nothing_at_any_input_size(name, size):
    batch = batch_of(size=size)
    batch = readable(batch, batch.label)
    right = losses_of(oracle_for(batch), batch, {name: 1.0})[name]
    assert right.shape == (2,)
    assert float(right.abs().max()) < 1e-3
    if "scaled" not in DEPTH[name].accepts:  # so absolute metres count
        wrong = losses_of(oracle_for(batch, error=1.5), batch, {name: 1.0})[name]
        assert float(wrong.min()) > 0.05


@pytest.mark.parametrize("name", ["scale_invariant_log", "random_proposals", "whole_image", "log_gradient"])
def test_scaled_labels_may_be_in_any_unit(name):
    batch = batch_of("scaled", "scaled")
    batch = replace(readable(batch, batch.label), label=7.0 * batch.label)
    assert float(losses_of(oracle_for(batch), batch, {name: 1.0})[name].abs().max()) < 1e-3


@pytest.mark.parametrize("name", ["ssi_trim", "ssi_mae", "ssi_mse", "ssi_gradient"])
def test_affine_labels_are_disparity_up_to_scale_and_shift(name):
    batch = batch_of("affine", "affine")
    depth = batch.label
    batch = replace(readable(batch, depth), label=3.0 / depth + 0.4)
    right = losses_of(oracle_for(batch), batch, {name: 1.0})[name]
    assert float(right.abs().max()) < 1e-3
    batch = replace(batch, label=depth)  # depth is no disparity
    wrong = losses_of(oracle_for(batch), batch, {name: 1.0})[name]
    assert (wrong > 10 * right.abs()).all()


COARSE = {"low_resolution": 1.0, "downsampled_high": 1.0, "consistency": 1.0}


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
@pytest.mark.parametrize(("size", "tolerance"), [((512, 512), 1e-4), ((96, 64), 0.02), ((64, 160), 0.02)])
def test_a_coarse_label_meets_the_focal_length_of_its_view(factor, size, tolerance):
    """In small images the reduced view is enlarged to the network's raster, not alike in both directions."""
    metric = batch_of("coarse", "coarse", size=size)
    cells = nn.functional.avg_pool2d(metric.label, factor)
    batch = replace(
        readable(metric, metric.label),
        label=cells,
        mask=torch.ones_like(cells, dtype=torch.bool),
        factor=factor,
    )
    found = losses_of(oracle_for(batch), batch, COARSE)
    assert max(float(v.max()) for v in found.values()) < tolerance
    wrong = losses_of(oracle_for(batch, error=1.3), batch, COARSE)
    for name in ("low_resolution", "downsampled_high"):
        assert float(wrong[name].min()) > 0.2


@pytest.mark.parametrize("sensor", ["area", "nearest"])
@pytest.mark.parametrize("factor", [2, 8])
def test_a_prediction_is_reduced_as_the_sensor_does_it(world, factor, sensor):
    values = {"name": "coarse", "path": "metric", "kind": "coarse", "factor": factor, "sensor": sensor}
    source = open_source(recipe_of(sources=[values]).sources[0], world)
    fine = source.load(3)
    batch = collate(source, [fine])
    assert batch.factor == factor
    batch = readable(batch, torch.tensor(fine.label)[None, None])
    found = losses_of(oracle_for(batch), batch, {"downsampled_high": 1.0})["downsampled_high"]
    assert float(found) < 1e-6


def test_low_views_fit_the_network_and_keep_the_mean():
    image = torch.rand(2, 3, 96, 160)
    for factor in (2, 4, 8, 16):
        view = low_view(image, factor, 32)
        rows, columns = view.shape[-2:]
        assert rows % 32 == 0
        assert columns % 32 == 0
        assert rows >= 96 / factor
        assert columns >= 160 / factor
        assert rows - 96 / factor < 32
        assert columns - 160 / factor < 32
        torch.testing.assert_close(view.mean((2, 3)), image.mean((2, 3)), atol=0.02, rtol=0)


def test_metres_do_not_depend_on_the_size_at_which_a_photo_is_seen():
    found = []
    for size in ((64, 64), (128, 128), (192, 192)):
        batch = batch_of(size=size, number=1)
        batch = readable(batch, torch.full_like(batch.label, 4.0))
        context = oracle_for(batch).contexts([batch], torch.Generator())[0]
        found.append(float(context.depth.mean()))
    assert found == pytest.approx([4.0] * 3)


def test_views_of_one_size_run_together_and_come_back_to_their_owners():
    class Counting(Oracle):
        runs = 0

        def encode(self, image: Tensor) -> list[Tensor]:
            type(self).runs += 1
            return super().encode(image)

    batches = []
    for i, kind in enumerate(("metric", "coarse", "scaled", "coarse")):
        batch = batch_of(f"{kind}{i}", kind, number=i + 1)
        batch = readable(batch, batch.label * (1 + 0.1 * i))
        if kind == "coarse":
            cells = nn.functional.avg_pool2d(batch.label * (1 + 0.1 * i), 2)
            batch = replace(batch, label=cells, mask=torch.ones_like(cells, dtype=torch.bool), factor=2)
        batches.append(batch)
    focal = float(batches[0].focal[0])
    system = System(Counting(focal, (64, 64)))  # type: ignore[arg-type]
    contexts = system.contexts(batches, torch.Generator())
    assert Counting.runs == 2  # 64 x 64, and the halves
    for i, (batch, context) in enumerate(zip(batches, contexts, strict=True)):
        assert context.batch is batch
        torch.testing.assert_close(context.depth, batch.image[:, :1] / UNIT, rtol=1e-4, atol=0)
        assert (context.low is not None) == (i in (1, 3))
        if context.low is not None:
            torch.testing.assert_close(context.low, batch.label, rtol=1e-4, atol=0)


def reprojection(batch: SourceBatch, depth: float = 1.0, motion: float = -STEP) -> Tensor:
    """The photometric loss for the true depth times a factor, and a motion."""
    height, width = batch.image.shape[-2:]
    oracle = Oracle(float(batch.focal[0]), (width, height))
    system = System(oracle, Motion(motion))  # type: ignore[arg-type]
    seen = readable(batch, batch.label * depth)
    return losses_of(system, seen, {"reprojection": 1.0})["reprojection"]


@pytest.mark.parametrize("zoom", [(1.0, 1.0), (1.7, 1.7), (1.3, 1.9)])
def test_true_depth_and_motion_explain_a_video_best_also_through_a_zoom(zoom):
    batch = video_batch(size=(128, 96), zoom=zoom)
    right = reprojection(batch)
    assert float(right.max()) < 0.02
    for wrong in ({"depth": 0.7}, {"depth": 1.4}, {"motion": STEP}, {"motion": -1.5 * STEP}, {"motion": 0.0}):
        assert (reprojection(batch, **wrong) > 2 * right).all(), wrong
    together = reprojection(batch, depth=1.5, motion=-1.5 * STEP)  # a video has no unit
    torch.testing.assert_close(together, right, rtol=0, atol=2e-3)


def test_both_neighbours_count_each_on_its_own_side():
    """What leaves one of them at the side is still in the other; without either the loss rises."""
    batch = video_batch(size=(128, 96))
    right = reprojection(batch)
    for lost in (1, 2):
        frames = batch.frames.clone()
        frames[:, lost] = 127.0
        assert (reprojection(replace(batch, frames=frames)) > right).all()


def test_every_kind_trains_together_on_scene_folders(world: Path):
    recipe = recipe_of("metric", "scaled", "affine", "coarse", "video", batch=10)
    mixture = build_mixture(recipe, world)
    torch.manual_seed(0)
    system = System(DepthNet(recipe.network), PoseNet("test_resnet"))
    batches = mixture[0]
    assert {b.kind for b in batches} == {"metric", "scaled", "affine", "coarse", "video"}
    named = system.losses(batches, recipe, torch.Generator().manual_seed(0))
    for batch in batches:
        values = named[batch.source]
        assert values.keys() == recipe.losses_of(batch.source).keys()
        for value in values.values():
            assert value.shape == (len(batch.ids),)
            assert value.isfinite().all()
        system.zero_grad()
        torch.stack([v.sum() for v in values.values()]).sum().backward(retain_graph=True)
        reached = {
            name.split(".")[0] for name, p in system.named_parameters() if p.grad is not None and p.grad.any()
        }
        assert reached == ({"depth", "pose"} if batch.kind == "video" else {"depth"}), batch.kind


def test_the_weight_of_a_loss_is_a_factor_on_it():
    batch = batch_of()
    batch = readable(batch, batch.label * 1.3)
    system = oracle_for(batch)
    one, three = (losses_of(system, batch, {"silog": weight})["silog"] for weight in (1.0, 3.0))
    torch.testing.assert_close(three, 3 * one)


def test_affinity_needs_no_gradient_of_its_teacher():
    torch.manual_seed(2)
    batch = batch_of("coarse", "coarse")
    cells = nn.functional.avg_pool2d(batch.label, 4)
    batch = replace(batch, label=cells, mask=torch.ones_like(cells, dtype=torch.bool), factor=4)
    teacher = DepthAutoencoder()
    system = System(DepthNet(config_of()), teacher=teacher)
    sources = [{"name": "coarse", "path": "x", "kind": "coarse", "losses": {"affinity": 1.0}}]
    recipe = recipe_of(sources=sources, teacher="teacher.safetensors")
    value = system.losses([batch], recipe, torch.Generator())["coarse"]["affinity"]
    assert (value > 0).all()
    value.sum().backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert any(p.grad is not None and p.grad.any() for p in system.parameters())
    assert not any("teacher" in name for name in system.state_dict())


def test_the_autoencoder_learns_to_reproduce_labels():
    torch.manual_seed(3)
    system = AutoencoderSystem(DepthAutoencoder())
    optimiser = torch.optim.Adam(system.parameters(), 2e-3)
    recipe = recipe_of("metric", task="autoencoder")
    history = []
    for _ in range(30):
        value = system.losses([batch_of(size=(32, 32))], recipe, torch.Generator())["metric"][
            "reconstruction"
        ].mean()
        history.append(value.item())
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    assert history[-1] < 0.7 * history[0]
