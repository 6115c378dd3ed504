"""A recipe is strict: what is misspelt or contradicts itself is named, and nothing is assumed silently."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from onedepth.data.sources import Holdout, SourceConfig
from onedepth.data.transforms import Augment
from onedepth.errors import ConfigError
from onedepth.networks import NetworkConfig
from onedepth.train.recipe import InputSize, Optimiser, Recipe, parse_recipe, read_recipe
from onedepth.train.supervision import DEFAULT_LOSSES, LOSSES
from train_cases import SOURCES, recipe_of, recipe_values

HELD_OUT = SOURCES["metric"] | {"holdout": {"block": 1, "every": 3}}


def test_survives_a_trip_through_json():
    recipe = recipe_of(
        "scaled",
        "affine",
        "coarse",
        "video",
        sources=[HELD_OUT, SOURCES["affine"], SOURCES["coarse"] | {"factor": 8, "sensor": "nearest"}],
        sizes=[{"width": 64, "height": 96, "weight": 0.3}],
        monitor="metric/abs_rel",
        validate_every=3,
        losses={"metric": {"silog": 0.7}},
    )
    assert Recipe.model_validate(json.loads(json.dumps(recipe.model_dump(mode="json")))) == recipe


def _break(values: dict[str, Any], place: tuple[str | int, ...], key: str) -> None:
    for part in place:
        values = values[part] if isinstance(part, int) else values.setdefault(part, {})
    values[key] = 1


PLACES: list[tuple[tuple[str | int, ...], type[BaseModel]]] = [
    ((), Recipe),
    (("optimiser",), Optimiser),
    (("augment",), Augment),
    (("network",), NetworkConfig),
    (("sources", 0), SourceConfig),
    (("sources", 0, "holdout"), Holdout),
    (("sources", 0, "augment"), Augment),
    (("sizes", 0), InputSize),
]


@pytest.mark.parametrize(("place", "model"), PLACES, ids=lambda value: str(value))
def test_an_unknown_key_is_named_with_the_nearest_one_of_its_place(place, model):
    for name in model.model_fields:
        values = recipe_values(
            sizes=[{"width": 64, "height": 64}], network={}, sources=[dict(SOURCES["metric"])]
        )
        _break(values, place, f"{name}x")
        with pytest.raises(ConfigError) as caught:
            parse_recipe(values, "my.yaml")
        where = ".".join(map(str, (*place, f"{name}x")))
        assert f"my.yaml: {where}: unknown key; did you mean {name!r}?" in str(caught.value)


def test_a_key_that_resembles_none_gets_the_list():
    with pytest.raises(ConfigError, match=r"optimiser\.momentum: unknown key; choose one of clip"):
        parse_recipe(recipe_values(optimiser={"momentum": 1}), "my.yaml")


def test_a_key_of_another_place_is_not_suggested():
    with pytest.raises(ConfigError) as caught:
        parse_recipe(recipe_values(augment={"weigt": 1}), "my.yaml")
    assert "weight" not in str(caught.value)


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "two of a name": ({"sources": [SOURCES["metric"]] * 2}, "two are named 'metric'"),
    "no weight": ({"sources": [SOURCES["metric"] | {"weight": 0}]}, "at least one weight"),
    "no source": ({"sources": []}, "sources"),
    "unknown kind": ({"losses": {"metrik": {"silog": 1}}}, r"losses\.metrik: no such kind.*'metric'"),
    "unknown loss": ({"losses": {"metric": {"silogg": 1}}}, r"losses\.metric\.silogg.*did you mean 'silog'"),
    "no losses of a kind": ({"losses": {"metric": {}}}, r"losses\.metric: names no loss"),
    "no losses of a source": (
        {"sources": [SOURCES["metric"] | {"losses": {}}]},
        r"sources\.metric\.losses: names no loss",
    ),
    "weight of no loss": ({"losses": {"metric": {"silog": 0}}}, r"losses\.metric\.silog"),
    "no teacher": (
        {"sources": [SOURCES["coarse"] | {"losses": {"affinity": 1}}]},
        r"sources\.coarse: `affinity` needs `teacher`",
    ),
    "idle teacher": ({"teacher": "x.safetensors"}, "teacher: no source has the loss `affinity`"),
    "autoencoder of photos": (
        {"task": "autoencoder", "sources": [SOURCES["affine"]]},
        r"sources\.affine\.kind: an autoencoder needs metric or coarse",
    ),
    "autoencoder from a depth network": (
        {"task": "autoencoder", "init": "x.safetensors"},
        "init: starts a depth network, but `task` is autoencoder",
    ),
    "idle loss weight": (
        {"sources": [SOURCES["metric"] | {"loss_weight": 2}]},
        r"sources\.metric\.loss_weight: only counts with `mixing: weighted`, not 'mean'",
    ),
    "idle factor": (
        {"sources": [SOURCES["metric"] | {"factor": 8}]},
        r"sources\.metric\.factor: is for coarse labels, not 'metric'",
    ),
    "idle sensor": (
        {"sources": [SOURCES["video"] | {"sensor": "nearest"}]},
        r"sources\.video\.sensor: is for coarse labels, not 'video'",
    ),
    "size that does not fit": ({"sizes": [{"width": 100, "height": 64}]}, r"sizes\.0\.width.*multiple of 32"),
    "monitor of nothing": (
        {"monitor": "metric/abs_rel", "validate_every": 5},
        "monitor: source 'metric' holds nothing out",
    ),
    "monitor of a stranger": (
        {"monitor": "other/abs_rel", "validate_every": 5, "sources": [HELD_OUT]},
        r"monitor: source 'other' holds nothing out; those that do: \['metric'\]",
    ),
    "monitor of more is better": (
        {"monitor": "metric/delta1", "validate_every": 5, "sources": [HELD_OUT]},
        "monitor: 'delta1' is no error.*abs_rel",
    ),
    "monitor that never looks": (
        {"monitor": "metric/abs_rel", "validate_every": 0, "sources": [HELD_OUT]},
        "monitor: there is nothing to watch while `validate_every` is 0",
    ),
    "infinite rate": ({"optimiser": {"lr": float("inf")}}, r"optimiser\.lr"),
    "no steps": ({"steps": 0}, "steps"),
    "half a step": ({"steps": 1.5}, "steps"),
}


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_one_line_that_names_it(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_recipe(recipe_values(**changes), "my.yaml")
    assert str(caught.value).startswith("my.yaml: ")
    assert "\n" not in str(caught.value)


def test_all_problems_of_a_recipe_are_named_at_once():
    with pytest.raises(ConfigError, match=r"stepz.*batch|batch.*stepz"):
        parse_recipe(recipe_values(stepz=3, batch=0), "my.yaml")


@pytest.mark.parametrize("kind", DEFAULT_LOSSES)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_and_a_kind_fit_or_are_both_named(loss, kind):
    needs = {"teacher": "x.safetensors"} if loss == "affinity" else {}
    for changes in ({"losses": {kind: {loss: 1}}}, {"sources": [SOURCES[kind] | {"losses": {loss: 1}}]}):
        values = recipe_values(kind, **needs) | changes
        if kind in LOSSES[loss].accepts:
            assert parse_recipe(values, "my.yaml").losses_of(kind) == {loss: 1}
            continue
        with pytest.raises(ConfigError, match=f"loss '{loss}' accepts .*, not '{kind}'"):
            parse_recipe(values, "my.yaml")


@pytest.mark.parametrize("kind", DEFAULT_LOSSES)
def test_losses_of_the_source_go_before_those_of_the_kind_and_the_table(kind):
    table = dict(DEFAULT_LOSSES[kind])
    one = {next(iter(table)): 3.0}
    assert recipe_of(kind).losses_of(kind) == table
    assert recipe_of(kind, losses={kind: one}).losses_of(kind) == one
    own = recipe_of(kind, losses={kind: table}, sources=[SOURCES[kind] | {"losses": one}])
    assert own.losses_of(kind) == one


@pytest.mark.parametrize("kind", DEFAULT_LOSSES)
def test_default_losses_accept_their_kind(kind):
    assert all(kind in LOSSES[name].accepts for name in DEFAULT_LOSSES[kind])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps: [", "cannot be read as YAML"),
        (b"\xff\xfe\x00", "cannot be read as YAML"),
        (b"", "dictionary"),
        (b"- a\n- b\n", "dictionary"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_line(tmp_path: Path, content, message):
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        read_recipe(tmp_path / "none.yaml")


def test_reads_what_was_written(tmp_path: Path):
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(recipe_values("metric", "video")))
    assert read_recipe(path) == recipe_of("metric", "video")


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(sorted(Recipe.model_fields)),
)
def test_nonsense_is_never_a_traceback(value, field):
    with contextlib.suppress(ConfigError):
        assert parse_recipe(recipe_values() | {field: value}, "my.yaml")
