"""Mixture: what a slot holds depends on seed, step and slot alone, and shares are as the weights say."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from onedepth.data.mixture import Mixture, unit_range
from onedepth.data.sample import SourceBatch
from onedepth.data.sources import Source, SourceConfig, open_source
from onedepth.data.transforms import Augment
from onedepth.errors import DataError
from onedepth.losses import downsample
from scene_builder import write_scene

TENSORS = ("image", "label", "mask", "intrinsics", "frames", "pose_frames")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_scene(root / "rooms", frames=7)
    write_scene(root / "photos", "scaled", frames=5, share=0.2)
    write_scene(root / "walk", None, clips="xxxxx")
    return root


def source(root: Path, path: str, **config: object) -> Source:
    return open_source(SourceConfig.model_validate({"name": path, "path": path, **config}), root)


@pytest.fixture(scope="module")
def mixture(root: Path) -> Mixture:
    return Mixture(
        sources=(
            source(root, "rooms", weight=2.0),
            source(root, "photos", kind="scaled", weight=0.7),
            source(root, "walk", kind="video", weight=1.3),
        ),
        batch=8,
        sizes=((24, 16), (16, 24)),
        size_weights=(3.0, 1.0),
        augment=Augment(camera_zoom=0.3, noise=0.3, blur=0.3),
        seed=5,
    )


def equal(one: list[SourceBatch], other: list[SourceBatch]) -> bool:
    return [(b.source, b.kind, b.ids, b.factor) for b in one] == [
        (b.source, b.kind, b.ids, b.factor) for b in other
    ] and all(
        torch.equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one, other, strict=True)
        for name in TENSORS
    )


def test_a_step_is_the_same_whenever_and_by_whomever_it_is_asked_for(mixture: Mixture) -> None:
    forth = {step: mixture[step] for step in (0, 1, 2, 7)}
    back = {step: replace(mixture)[step] for step in (7, 2, 1, 0)}
    assert all(equal(forth[step], back[step]) for step in forth)


def test_steps_slots_and_seeds_differ(mixture: Mixture) -> None:
    size, rooms = (24, 16), mixture.sources[0]
    images = [
        mix.sample_at(step, slot, rooms, size).image.tobytes()
        for mix in (mixture, replace(mixture, seed=6))
        for step in range(3)
        for slot in range(3)
    ]
    assert len(set(images)) == len(images)


def test_the_size_of_the_batch_changes_no_slot(mixture: Mixture) -> None:
    rooms = mixture.sources[0]
    one, other = (m.sample_at(4, 2, rooms, (24, 16)) for m in (mixture, replace(mixture, batch=4)))
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.label, other.label, equal_nan=True)


class _Steps(torch.utils.data.Dataset[list[SourceBatch]]):
    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture

    def __getitem__(self, step: int) -> list[SourceBatch]:
        return self.mixture[step]


@pytest.mark.parametrize("workers", [0, 2])
def test_any_number_of_workers_gives_the_same(workers: int, mixture: Mixture) -> None:
    steps = range(3, 9)
    loader = DataLoader(_Steps(mixture), batch_size=None, sampler=steps, num_workers=workers)
    loaded = list(loader)
    assert len(loaded) == len(steps)
    assert all(equal(batches, mixture[step]) for step, batches in zip(steps, loaded, strict=True))


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_slots_without_overlap(processes: int, mixture: Mixture) -> None:
    shards = [replace(mixture, shard=(rank, processes)) for rank in range(processes)]
    for step in range(4):
        whole = {batch.source: batch for batch in mixture[step]}
        parts = [{batch.source: batch for batch in shard[step]} for shard in shards]
        for name, batch in whole.items():
            slots = [s for s in range(8) if mixture.sources[mixture.source_at(step, s)].config.name == name]
            for rank, part in enumerate(parts):
                mine = [i for i, slot in enumerate(slots) if slot % processes == rank]
                assert (name in part) == bool(mine)
                if mine:
                    assert torch.equal(part[name].image, batch.image[mine])
                    assert torch.equal(part[name].label, batch.label[mine])
        assert sum(len(b.ids) for part in parts for b in part.values()) == mixture.batch


def test_counts_are_what_is_drawn(mixture: Mixture) -> None:
    for step in range(6):
        assert mixture.counts(step) == {batch.source: len(batch.ids) for batch in mixture[step]}
        assert replace(mixture, shard=(1, 2)).counts(step) == mixture.counts(step)  # of all processes


def test_shares_are_as_the_weights_say(mixture: Mixture) -> None:
    total: Counter[str] = Counter()
    for step in range(200):
        total.update(mixture.counts(step))
        drawn = mixture.batch * (step + 1)
        for s in mixture.sources:
            assert (
                abs(total[s.config.name] - drawn * s.config.weight / 4.0) < 4
            )  # never further off than this
    assert sum(total.values()) == 1600


def test_slots_follow_the_golden_ratio(root: Path, mixture: Mixture) -> None:
    """Positions 0, 0.618, 0.236, 0.854, 0.472, 0.090, 0.708, 0.326 of [0, 1), by hand."""
    halves = replace(mixture, sources=(source(root, "rooms"), source(root, "walk", kind="video")), batch=4)
    assert [halves.source_at(step, slot) for step in (0, 1) for slot in range(4)] == [0, 1, 0, 1, 0, 0, 1, 0]
    thirds = replace(mixture, sources=(*halves.sources, source(root, "photos", kind="scaled")), batch=8)
    assert [thirds.source_at(0, slot) for slot in range(8)] == [0, 1, 0, 2, 1, 0, 2, 0]


def test_weight_zero_is_never_drawn(root: Path, mixture: Mixture) -> None:
    for weights in ((0.0, 1.0), (1.0, 0.0)):
        sources = tuple(
            source(root, name, kind="scaled", weight=weight)
            for name, weight in zip(("rooms", "photos"), weights, strict=True)
        )
        mix = replace(mixture, sources=sources)
        assert {mix.source_at(step, slot) for step in range(50) for slot in range(8)} == {weights.index(1.0)}


def test_a_step_has_one_size_and_sizes_come_as_often_as_asked(mixture: Mixture) -> None:
    for step in range(5):
        width, height = mixture.size_at(step)
        assert {tuple(batch.image.shape[-2:]) for batch in mixture[step]} == {(height, width)}
    wide = sum(mixture.size_at(step) == (24, 16) for step in range(1000))
    assert 700 < wide < 800


def test_every_record_has_its_turn(mixture: Mixture) -> None:
    rooms = mixture.sources[0]
    seen = {mixture.sample_at(step, 0, rooms, (8, 8)).id for step in range(60)}
    assert seen == {record.id for record in rooms.records}


def test_batches_have_the_shapes_promised(mixture: Mixture) -> None:
    batches = {batch.source: batch for batch in mixture[0]}
    width, height = mixture.size_at(0)
    for batch in batches.values():
        count = len(batch.ids)
        assert batch.image.shape == (count, 3, height, width)
        assert batch.image.dtype == torch.uint8
        assert batch.label.shape == batch.mask.shape == (count, 1, height, width)
        assert batch.intrinsics.shape == (count, 4)
        assert not batch.label[~batch.mask].any()
        torch.testing.assert_close(batch.focal**2, batch.intrinsics[:, 0] * batch.intrinsics[:, 1])
    walk = batches["walk"]
    assert walk.frames.shape == walk.pose_frames.shape == (len(walk.ids), 3, 3, height, width)
    assert not walk.mask.any()
    assert batches["rooms"].frames.numel() == batches["rooms"].pose_frames.numel() == 0
    assert 0 < batches["photos"].mask.float().mean() < 0.5


def test_a_batch_holds_its_samples_in_slot_order(mixture: Mixture) -> None:
    slots = [slot for slot in range(8) if mixture.source_at(0, slot) == 0]
    samples = [mixture.sample_at(0, slot, mixture.sources[0], mixture.size_at(0)) for slot in slots]
    batch = mixture[0][0]
    for i, sample in enumerate(samples):
        assert batch.ids[i] == sample.id
        assert np.array_equal(batch.image[i].permute(1, 2, 0).numpy(), sample.image)
        np.testing.assert_array_equal(batch.label[i, 0].numpy(), np.nan_to_num(sample.label))
        camera = sample.camera
        assert batch.intrinsics[i].tolist() == pytest.approx([camera.fx, camera.fy, camera.cx, camera.cy])


# --- Records that cannot be read ---


@pytest.fixture
def broken(tmp_path: Path, mixture: Mixture) -> tuple[Mixture, Mixture]:
    """A mixture of seven rooms, and the same with two of their labels damaged."""
    for name in ("whole", "holes"):
        write_scene(tmp_path / name, frames=7)
    (tmp_path / "holes" / "000002.png").write_bytes(b"")
    (tmp_path / "holes" / "000005.jpg").unlink()
    whole, holes = (replace(mixture, sources=(source(tmp_path, name),)) for name in ("whole", "holes"))
    return whole, holes


def test_what_takes_the_place_of_a_record_depends_on_the_slot_alone(
    broken: tuple[Mixture, Mixture],
) -> None:
    whole, holes = broken
    size, replaced = (24, 16), 0
    for step in range(12):
        for slot in range(8):
            before = whole.draw(step, slot, whole.sources[0], size)
            drawn = holes.draw(step, slot, holes.sources[0], size)
            again = replace(holes, batch=4).draw(step, slot, holes.sources[0], size)
            assert np.array_equal(drawn.sample.image, again.sample.image)
            assert drawn.unreadable == again.unreadable
            assert drawn.sample.id[-1] not in "25"
            if before.sample.id[-1] in "25":
                replaced += 1
                assert len(drawn.unreadable) >= 1
            else:
                assert drawn.unreadable == ()
                assert np.array_equal(drawn.sample.image, before.sample.image)
    assert replaced > 10


def test_others_than_the_damaged_take_the_place_and_not_always_the_same(
    broken: tuple[Mixture, Mixture],
) -> None:
    _, holes = broken
    drawn = [holes.draw(step, slot, holes.sources[0], (8, 8)) for step in range(30) for slot in range(8)]
    assert {d.sample.id[-1] for d in drawn if d.unreadable} == set("01346")
    assert max(len(d.unreadable) for d in drawn) > 1


def test_any_number_of_workers_passes_over_the_same(broken: tuple[Mixture, Mixture]) -> None:
    _, holes = broken
    loaded = list(DataLoader(_Steps(holes), batch_size=None, sampler=range(6), num_workers=2))
    assert all(equal(batches, holes[step]) for step, batches in enumerate(loaded))
    told = [reason for batches in loaded for batch in batches for reason in batch.unreadable]
    assert told == [reason for step in range(6) for batch in holes[step] for reason in batch.unreadable]
    assert {Path(reason.split(":")[0]).name for reason in told} == {"000002.png", "000005.jpg"}


def test_a_source_of_nothing_readable_is_an_error(tmp_path: Path, mixture: Mixture) -> None:
    write_scene(tmp_path / "rooms", frames=3)
    for photo in (tmp_path / "rooms").glob("*.jpg"):
        photo.unlink()
    gone = replace(mixture, sources=(source(tmp_path, "rooms"),))
    with pytest.raises(DataError, match=r"source 'rooms': 16 records in a row cannot be used; .*\.jpg"):
        gone[0]


# --- Kinds whose labels change in a batch ---


@pytest.mark.parametrize(("factor", "sensor"), [(2, "area"), (4, "nearest"), (8, "area")])
def test_coarse_labels_are_the_fine_ones_reduced(
    factor: int, sensor: str, root: Path, mixture: Mixture
) -> None:
    fine = replace(mixture, sources=(source(root, "rooms"),))
    reduced = source(root, "rooms", kind="coarse", factor=factor, sensor=sensor)
    coarse = replace(mixture, sources=(reduced,))
    for step in range(3):
        (full,), (batch,) = fine[step], coarse[step]
        label, mask = downsample(full.label, full.mask, factor, mode=reduced.config.sensor)
        assert torch.equal(batch.image, full.image)
        assert torch.equal(batch.label, label)
        assert torch.equal(batch.mask, mask)
        assert batch.factor == factor
        assert batch.label.shape[-1] * factor == batch.image.shape[-1]


def test_affine_labels_span_zero_to_one_and_near_is_large(root: Path, mixture: Mixture) -> None:
    depth = replace(mixture, sources=(source(root, "rooms"),))
    affine = replace(mixture, sources=(source(root, "rooms", kind="affine"),))
    for step in range(3):
        (metres,), (batch,) = depth[step], affine[step]
        assert torch.equal(batch.mask, metres.mask)
        for z, disparity, mask in zip(metres.label, batch.label, batch.mask, strict=True):
            inverse = 1 / z[mask].double()
            expected = (inverse - inverse.min()) / (inverse.max() - inverse.min())
            torch.testing.assert_close(disparity[mask].double(), expected, rtol=1e-4, atol=1e-5)
            assert disparity[mask].min() == 0
            assert disparity[mask].max() == 1


def test_unit_range_of_nothing_of_one_pixel_and_of_a_wall() -> None:
    disparity = torch.full((3, 1, 2, 2), 0.25)
    mask = torch.zeros(3, 1, 2, 2, dtype=torch.bool)
    mask[1, 0, 0, 0] = True
    mask[2] = True
    assert torch.equal(unit_range(disparity, mask), torch.zeros(3, 1, 2, 2))


def test_unit_range_looks_at_each_image_and_only_at_what_was_measured() -> None:
    disparity = torch.tensor([[[[2.0, 4.0], [3.0, 90.0]]], [[[10.0, -7.0], [30.0, 20.0]]]])
    mask = torch.tensor([[[[True, True], [True, False]]], [[[True, False], [True, True]]]])
    expected = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]], [[[0.0, 0.0], [1.0, 0.5]]]])
    assert torch.equal(unit_range(disparity, mask), expected)


def test_a_source_may_vary_its_samples_in_its_own_way(root: Path, mixture: Mixture) -> None:
    still = Augment(zoom=1, whole=1, flip=0, colour=0, blur=0, noise=0)
    rooms = source(root, "rooms", augment=still.model_dump())
    sample = mixture.sample_at(0, 0, rooms, (24, 18))
    stored = next(rooms.load(i) for i, record in enumerate(rooms.records) if record.id == sample.id)
    assert np.array_equal(sample.image, stored.image)
    assert np.array_equal(sample.label, stored.label, equal_nan=True)


def test_moving_a_batch_keeps_what_it_says(mixture: Mixture) -> None:
    (batch, *_) = mixture[0]
    moved = batch.to(torch.device("meta"))
    assert (moved.source, moved.ids, moved.factor) == (batch.source, batch.ids, batch.factor)
    assert {getattr(moved, name).device.type for name in TENSORS} == {"meta"}
    assert [getattr(moved, name).shape for name in TENSORS] == [
        getattr(batch, name).shape for name in TENSORS
    ]
