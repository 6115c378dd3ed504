import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from onedepth.networks import NetworkConfig

sides = st.integers(1, 20_000)
multiples = st.integers(1, 40).map(lambda n: 32 * n)
size_lists = st.lists(st.tuples(multiples, multiples), min_size=1, max_size=6).map(tuple)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("input_sizes", (), "at least one"),
        ("input_sizes", ((256, 190),), "256x190.*multiples of 32"),
        ("input_sizes", ((0, 32),), "positive multiples"),
        ("input_sizes", ((-32, 32),), "positive multiples"),
        ("depth_range", (5.0, 5.0), "below the second"),
        ("depth_range", (0.0, 5.0), "greater than 0"),
        ("depth_range", (1.0, math.inf), "finite"),
        ("canonical_focal", 0.0, "greater than 0"),
        ("canonical_focal", math.nan, "finite|greater"),
        ("scales", 0, "greater than or equal to 1"),
        ("encodr", "x", "Extra inputs"),
    ],
)
def test_wrong_values_are_refused_by_name(field, value, words):
    with pytest.raises(ValidationError, match=words) as error:
        NetworkConfig(**{field: value})
    assert field in str(error.value)


def test_configurations_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        NetworkConfig().encoder = "other"


@pytest.mark.parametrize("scales", [1, 3])
def test_survives_being_stored(scales):
    config = NetworkConfig(scales=scales, canonical_focal=123.0)
    assert NetworkConfig.model_validate_json(config.model_dump_json()) == config


def test_a_description_of_before_a_field_existed_means_its_default():
    stored = NetworkConfig().model_dump(mode="json")
    for field in ("scales", "canonical", "pixel_budget"):
        del stored[field]
    assert NetworkConfig.model_validate(stored) == NetworkConfig()


@given(sizes=size_lists, width=sides, height=sides)
def test_nearest_size_is_nearest(sizes, width, height):
    def stretch(size):
        return abs(math.log(size[0] / size[1] / (width / height)))

    chosen = NetworkConfig(input_sizes=sizes).nearest_size(width, height)
    assert chosen in sizes
    assert all(stretch(chosen) <= stretch(size) + 1e-9 for size in sizes)


@given(sizes=size_lists, which=st.integers(0, 5), zoom=st.integers(1, 9))
def test_an_image_of_an_input_sizes_aspect_is_not_stretched(sizes, which, zoom):
    width, height = sizes[which % len(sizes)]
    chosen = NetworkConfig(input_sizes=sizes).nearest_size(zoom * width, zoom * height)
    assert chosen[0] * height == chosen[1] * width


@given(sizes=size_lists, width=sides, height=sides)
def test_turning_the_image_turns_the_size(sizes, width, height):
    turned = tuple((h, w) for w, h in sizes)
    chosen = NetworkConfig(input_sizes=sizes).nearest_size(width, height)
    other = NetworkConfig(input_sizes=turned).nearest_size(height, width)
    assert math.isclose(
        abs(math.log(chosen[0] / chosen[1] * height / width)),
        abs(math.log(other[1] / other[0] * height / width)),
        abs_tol=1e-9,
    )
