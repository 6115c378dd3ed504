"""Sources: which labels may serve as what, which records are usable, and which are kept for validation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from onedepth.data.sources import Holdout, Source, SourceConfig, open_source
from onedepth.errors import DataError
from scene_builder import write_scene

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
