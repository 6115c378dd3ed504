"""The table of layouts: every name has its reader and its line in the documentation."""

import inspect
from pathlib import Path

import pytest

from onedepth.errors import ConfigError
from onedepth.layouts import LAYOUTS, reader

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_has_its_reader_and_its_line(name: str) -> None:
    assert list(inspect.signature(reader(name)).parameters) == ["root", "options"]
    assert f"| `{name}` |" in DOCUMENTED


def test_a_name_that_is_nearly_right_is_told_apart() -> None:
    with pytest.raises(ConfigError, match="layout 'nyu' is unknown; did you mean 'nyu-v2'"):
        reader("nyu")
