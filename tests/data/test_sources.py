"""Sources: which labels may serve as what, which records are usable, and which are kept for validation."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from onedepth.data.sources import Holdout, Source, SourceConfig, open_source
from onedepth.errors import DataError
from onedepth.layouts.scenes import read_scene
from onedepth.manifest.manifest import write_manifest
from scene_builder import HEIGHT, UNIT, WIDTH, write_scene

KINDS = ("metric", "scaled", "affine", "coarse", "video")
MAY_SERVE = {
    "metric": {"metric", "scaled", "affine", "coarse", "video"},
    "scaled": {"scaled", "affine", "video"},
    "affine": {"affine", "video"},
    "coarse": {"coarse", "video"},
    None: {"video"},
}


def opened(root: Path, *, held_out: bool = False, **config: Any) -> Source:
    values = {"name": "mine", "path": ".", **config}
    return open_source(SourceConfig.model_validate(values), root, held_out=held_out)


def numbers(source: Source) -> list[int]:
    return [int(Path(record.image).stem) for record in source.records]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", MAY_SERVE)
def test_labels_serve_as_what_they_are_or_less(label: str | None, kind: str, tmp_path: Path) -> None:
    write_scene(tmp_path / "a", label, clips="xxx")
    if kind in MAY_SERVE[label]:
        source = opened(tmp_path, kind=kind)
        assert source.load(0).image.size
        return
    with pytest.raises(DataError) as error:
        opened(tmp_path, kind=kind)
    message = str(error.value)
    assert message.startswith("source 'mine': ")
    assert f"{label or 'no'} labels, which cannot serve as {kind!r}" in message
    assert message.endswith(f"they can as {', '.join(sorted(MAY_SERVE[label]))}")


def test_one_scene_of_another_label_is_enough_for_an_error(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", "metric")
    write_scene(tmp_path / "b", "scaled")
    with pytest.raises(DataError, match="scaled labels, which cannot serve as 'metric'"):
        opened(tmp_path)
    assert len(opened(tmp_path, kind="scaled").records) == 6


@pytest.mark.parametrize(
    ("kind", "used"),
    [("metric", [1, 2, 3]), ("coarse", [1, 2, 3]), ("scaled", [0, 1, 2, 3, 4]), ("affine", [0, 1, 2, 3, 4])],
)
def test_metres_need_a_camera(kind: str, used: list[int], tmp_path: Path) -> None:
    write_scene(tmp_path / "a", frames=5, without_camera=[0, 4])
    assert numbers(opened(tmp_path, kind=kind)) == used


def test_video_needs_a_camera_and_both_neighbours(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", None, clips="xxxxyyy", without_camera=[2])
    assert numbers(opened(tmp_path, kind="video")) == [1, 5]


@pytest.mark.parametrize(
    ("kind", "need"), [("metric", "camera"), ("coarse", "camera"), ("video", "two neighbouring frames")]
)
def test_a_source_of_nothing_usable_is_an_error(kind: str, need: str, tmp_path: Path) -> None:
    write_scene(tmp_path / "a", frames=2, without_camera=[0, 1])
    with pytest.raises(DataError, match=f"source 'mine': no training record with a .*{need}"):
        opened(tmp_path, kind=kind)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        opened(tmp_path, path="nowhere")


def test_records_of_all_scenes_in_order_with_names_of_their_own(tmp_path: Path) -> None:
    for name in ("b", "a/deep", "c"):
        write_scene(tmp_path / name, frames=2)
    records = opened(tmp_path).records
    assert [Path(r.image).parent.name for r in records] == ["deep", "deep", "b", "b", "c", "c"]
    assert len({r.id for r in records}) == 6


@given(st.integers(1, 30), st.integers(2, 12))
def test_held_out_are_whole_blocks_the_last_of_every_so_many(block: int, every: int) -> None:
    holdout = Holdout(block=block, every=every)
    held = np.array([holdout.is_held_out(i) for i in range(3 * block * every)])
    assert held.sum() == 3 * block
    assert held.reshape(-1, block * every)[:, -block:].all()


def test_training_and_validation_share_no_record_and_miss_none(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", frames=7)
    write_scene(tmp_path / "b", frames=6)
    config = {"holdout": {"block": 2, "every": 3}}
    training = [r.id for r in opened(tmp_path, **config).records]
    held = [r.id for r in opened(tmp_path, held_out=True, **config).records]
    everything = [r.id for r in opened(tmp_path).records]
    assert held == [*everything[4:6], *everything[10:12]]
    assert training == [name for name in everything if name not in held]


def test_video_never_shows_a_frame_of_the_other_part(tmp_path: Path) -> None:
    write_scene(tmp_path / "a", clips="x" * 12)
    config = {"kind": "video", "holdout": {"block": 4, "every": 2}}
    parts = [opened(tmp_path, held_out=held, **config) for held in (False, True)]
    shown = [{path for r in part.records for path in (r.image, *r.neighbours)} for part in parts]
    assert not shown[0] & shown[1]
    assert [numbers(part) for part in parts] == [[1, 2, 9, 10], [5, 6]]


def write_list(root: Path, splits: list[str | None], **scene: Any) -> Path:
    """A manifest of one scene whose records have these splits."""
    records = read_scene(write_scene(root / "a", frames=len(splits), **scene))
    listed = [r.model_copy(update={"split": split}) for r, split in zip(records, splits, strict=True)]
    write_manifest(listed, root / "list.jsonl")
    return root


def test_a_source_may_be_a_manifest(tmp_path: Path) -> None:
    write_list(tmp_path, ["train"] * 4)
    one, other = opened(tmp_path, path="a"), opened(tmp_path, path="list.jsonl")
    assert [r.image for r in one.records] == [r.image for r in other.records]
    assert np.array_equal(one.load(2).label, other.load(2).label)


def test_a_source_takes_the_records_of_its_split(tmp_path: Path) -> None:
    write_list(tmp_path, ["train", "val", "train", None, "test", "train"])
    assert numbers(opened(tmp_path, path="list.jsonl", split="train")) == [0, 2, 5]
    assert numbers(opened(tmp_path, path="list.jsonl")) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(DataError, match=r"has no split 'dev'; it has test, train, val"):
        opened(tmp_path, path="list.jsonl", split="dev")
    with pytest.raises(DataError, match=r"has no split 'train'; it has no splits"):
        opened(tmp_path, path="a", split="train")


def test_a_split_may_be_held_out(tmp_path: Path) -> None:
    write_list(tmp_path, ["train", "val", "train", None, "val", "train"])
    config: dict[str, Any] = {"path": "list.jsonl", "holdout": {"split": "val"}}
    assert numbers(opened(tmp_path, held_out=True, **config)) == [1, 4]
    assert numbers(opened(tmp_path, **config)) == [0, 2, 3, 5]
    assert numbers(opened(tmp_path, split="train", **config)) == [0, 2, 5]
    with pytest.raises(DataError, match="has no split 'dev'"):
        opened(tmp_path, path="list.jsonl", holdout={"split": "dev"})


def test_blocks_are_counted_within_a_split(tmp_path: Path) -> None:
    write_list(tmp_path, ["test", "train"] * 4)
    config: dict[str, Any] = {"path": "list.jsonl", "split": "train", "holdout": {"block": 1, "every": 2}}
    assert numbers(opened(tmp_path, **config)) == [1, 5]
    assert numbers(opened(tmp_path, held_out=True, **config)) == [3, 7]


def test_a_coarse_label_is_enlarged_and_reduced_again(tmp_path: Path) -> None:
    """Stored at a sixth of the photo: every cell of six pixels has one value, none is made up."""
    write_scene(tmp_path / "a", frames=1)
    (record,) = read_scene(tmp_path / "a")
    assert record.label is not None
    cells = np.arange(1, 13, dtype=np.uint16).reshape(3, 4)
    cells[1, 2] = 0
    cv2.imwrite(record.label.file, cells)
    coarse = record.model_copy(update={"label": record.label.model_copy(update={"kind": "coarse"})})
    write_manifest([coarse], tmp_path / "list.jsonl")
    label = opened(tmp_path, path="list.jsonl", kind="coarse").load(0).label
    assert label.shape == (HEIGHT, WIDTH)
    expected = np.where(cells == 0, np.nan, cells * np.float32(UNIT)).astype(np.float32)
    assert np.array_equal(label[3::6, 3::6], expected, equal_nan=True)
    assert np.array_equal(label, np.repeat(np.repeat(expected, 6, 0), 6, 1), equal_nan=True)


def test_records_are_not_kept(tmp_path: Path) -> None:
    """A source holds numbers; a record is parsed anew each time it is asked for."""
    write_list(tmp_path, [None] * 3)
    source = opened(tmp_path, path="list.jsonl")
    assert source.records[0] == source.records[0]
    assert source.records[0] is not source.records[0]


def test_a_broken_line_is_named_with_its_number(tmp_path: Path) -> None:
    write_list(tmp_path, [None] * 3)
    lines = (tmp_path / "list.jsonl").read_text().splitlines()
    lines[1] = lines[1].replace('"label":{', '"label":[{').replace("},", "}],", 1)
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"list\.jsonl:2: "):
        opened(tmp_path, path="list.jsonl")


def test_too_few_records_for_a_holdout_are_called_that(tmp_path: Path) -> None:
    write_list(tmp_path, [None] * 4)
    config: dict[str, Any] = {"path": "list.jsonl", "holdout": {"block": 2, "every": 3}}
    with pytest.raises(
        DataError, match=r"has 4 records, too few for its holdout.*held out is number 5; choose"
    ):
        opened(tmp_path, held_out=True, **config)
    write_list(tmp_path, [None] * 5)
    assert len(opened(tmp_path, held_out=True, **config).records) == 1


def test_without_holdout_nothing_is_held_out(tmp_path: Path) -> None:
    write_scene(tmp_path / "a")
    with pytest.raises(DataError, match="no held-out record"):
        opened(tmp_path, held_out=True)


def test_a_source_reads_its_labels_as_its_kind_says(tmp_path: Path) -> None:
    write_scene(tmp_path / "a")
    metric = opened(tmp_path, max_depth=3.0).load(1)
    affine = opened(tmp_path, kind="affine", max_depth=3.0).load(1)
    assert np.nanmax(metric.label) == pytest.approx(3.0)
    np.testing.assert_allclose(affine.label, 1 / metric.label, rtol=1e-6)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "relative"),
        ("weight", -1),
        ("weight", float("nan")),
        ("loss_weight", 0),
        ("max_depth", 0),
        ("factor", 3),
        ("sensor", "mean"),
        ("losses", {"silog": -1}),
        ("holdout", {"block": 0}),
        ("holdout", {"every": 1}),
        ("holdout", {"share": 0.1}),
        ("depth", 5),
    ],
)
def test_a_wrong_value_or_key_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        SourceConfig.model_validate({"name": "mine", "path": ".", key: value})
