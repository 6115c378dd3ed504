"""The metadata of a model file is read strictly."""

import json
from typing import Any

import pytest

from onedepth.errors import ModelFileError
from onedepth.predict.depth_errors import errors_at
from onedepth.predict.metadata import FORMAT_VERSION, ModelInfo
from tiny_model import METADATA


def test_json_comes_back_the_same() -> None:
    info = ModelInfo.from_dict(METADATA)
    assert info.input_sizes == ((64, 48),)
    assert ModelInfo.from_json(info.to_json()) == info
    assert json.loads(info.to_json()) == METADATA


@pytest.mark.parametrize("name", sorted(METADATA))
def test_every_field_is_needed(name: str) -> None:
    fields = {key: value for key, value in METADATA.items() if key != name}
    with pytest.raises(ModelFileError, match=name):
        ModelInfo.from_dict(fields, "x.onnx")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ModelFileError, match=r"x\.onnx: .*unknown colour"):
        ModelInfo.from_dict({**METADATA, "colour": "red"}, "x.onnx")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("name", 3),
        ("kind", "disparity"),
        ("canonical_focal", 0),
        ("canonical_focal", float("inf")),
        ("canonical_focal", "500"),
        ("canonical_focal", True),
        ("input_sizes", []),
        ("input_sizes", [[256]]),
        ("input_sizes", [[256, -192]]),
        ("input_sizes", [[256.0, 192]]),
        ("network", "light"),
        ("parameters", 0),
        ("training_data", "nyu"),
        ("training_data", [1]),
        ("depth_range", [10, 1]),
        ("depth_range", [0, 1]),
        ("format", "1"),
        ("format", 0),
        ("format", True),
    ],
)
def test_wrong_values_are_named(name: str, value: Any) -> None:
    with pytest.raises(ModelFileError, match=rf"x\.onnx: .*{name}.*expected"):
        ModelInfo.from_dict({**METADATA, name: value}, "x.onnx")


def test_a_newer_format_asks_for_an_upgrade_whatever_else_it_says() -> None:
    with pytest.raises(ModelFileError, match=f"format {FORMAT_VERSION + 1} is newer.*upgrade"):
        ModelInfo.from_dict({"format": FORMAT_VERSION + 1, "surprise": 1}, "x.onnx")


@pytest.mark.parametrize("text", ["", "[]", "{", "nope"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError, match=r"x\.onnx: .*not"):
        ModelInfo.from_json(text, "x.onnx")


ERRORS = [[0.0, 2.0, 0.1, 0.05], [2.0, 10.0, 0.1, 0.08]]


def test_the_table_of_depth_errors_is_optional_and_comes_back_the_same() -> None:
    assert ModelInfo.from_dict(METADATA).depth_errors == ()
    assert "depth_errors" not in ModelInfo.from_dict(METADATA).to_dict()
    info = ModelInfo.from_dict({**METADATA, "depth_errors": ERRORS})
    assert info.depth_errors[1].far == 10.0
    assert json.loads(info.to_json())["depth_errors"] == ERRORS
    assert ModelInfo.from_json(info.to_json()) == info


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        "x",
        [[0, 1, 0.1]],
        [[0, 1, 0.1, "a"]],
        [[0, 1, 0.1, True]],
        [[0, 1, 0.1, float("nan")]],
        [[1, 1, 0.1, 0.1]],
        [[-1, 1, 0.1, 0.1]],
        [[0, 1, -0.1, 0.1]],
        [[0, 2, 0.1, 0.1], [1, 3, 0.1, 0.1]],
    ],
)
def test_a_wrong_table_of_depth_errors_is_named(value: Any) -> None:
    with pytest.raises(ModelFileError, match=r"x\.onnx: .*depth_errors.*expected rows"):
        ModelInfo.from_dict({**METADATA, "depth_errors": value}, "x.onnx")


def test_errors_are_looked_up_by_depth_and_held_beyond_the_table() -> None:
    table = ModelInfo.from_dict({**METADATA, "depth_errors": ERRORS}).depth_errors
    common, local = errors_at(table, [0.0, 1.9, 2.0, 9.0, 99.0])
    assert common.tolist() == [0.1] * 5
    assert local.tolist() == [0.05, 0.05, 0.08, 0.08, 0.08]
