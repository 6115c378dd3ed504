"""The documentation of training says what the code does: recipes parse, fields, losses and files exist.

Every `yaml` block of the pages is a recipe, or a part of one, which a smallest recipe then completes; one
that is something else has the comment `<!-- no recipe -->` above it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import onedepth
from onedepth import losses
from onedepth.data.sample import SERVES
from onedepth.data.sources import SourceConfig
from onedepth.data.transforms import Augment
from onedepth.errors import ConfigError
from onedepth.networks.config import NetworkConfig
from onedepth.train.recipe import Optimiser, Recipe, parse_recipe, read_recipe
from onedepth.train.supervision import DEFAULT_LOSSES, LOSSES

ROOT = Path(__file__).parents[2]
PACKAGE = Path(onedepth.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
METHODS = sorted((ROOT / "docs/methods").glob("*.md"))
TRAINING = ROOT / "docs/training.md"
YAML = re.compile(r"(?<!<!-- no recipe -->\n)^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLES = {  # heading in bold above a table of fields -> the model it describes
    "The run": Recipe,
    "A source": SourceConfig,
    "Augmentation": Augment,
    "The optimiser": Optimiser,
    "The network": NetworkConfig,
}
SMALLEST: Mapping[str, Any] = {
    "name": "fragment",
    "steps": 1,
    "sources": [{"name": kind, "path": ".", "kind": kind} for kind in DEFAULT_LOSSES],
}


def yaml_blocks() -> list[tuple[str, str]]:
    """Place and text of every `yaml` block of the pages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in YAML.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            found.append((f"{page.relative_to(ROOT)}:{line}", match[1]))
    return found


def rows(page: Path, header: str) -> Iterator[list[str]]:
    """Cells of the table that has this text as its first header cell, or that follows `header` in bold."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith((f"**{header}**", f"| {header} |")))
    body = (line for line in lines if line.startswith("|") or not line)
    started = False
    for line in body:
        if not line and started:
            return
        if line and not re.match(r"\|[ -]+\|[|-]|\| field ", line):
            started = True
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w-]+)`", cell)


@pytest.mark.parametrize(("where", "text"), yaml_blocks(), ids=[where for where, _ in yaml_blocks()])
def test_every_recipe_of_the_pages_is_accepted(where: str, text: str) -> None:
    values = yaml.safe_load(text)
    assert isinstance(values, dict), f"{where}: not a recipe"
    parse_recipe({**SMALLEST, **values}, where)


def test_there_is_a_recipe_on_every_page_of_a_method() -> None:
    with_recipe = {where.split(":")[0] for where, _ in yaml_blocks()}
    assert {"midas.md", "metric3d.md", "resolution.md", "dab.md"} <= {page.name for page in METHODS}
    assert {str(page.relative_to(ROOT)) for page in METHODS} <= with_recipe


def test_a_part_of_a_recipe_is_not_accepted_blindly() -> None:
    with pytest.raises(ConfigError, match="did you mean 'zoom'"):
        parse_recipe({**SMALLEST, "augment": {"zom": 1.0}}, "page.md:1")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: str(path.name))
def test_every_recipe_in_the_repository_is_accepted(path: Path) -> None:
    assert read_recipe(path).name


@pytest.mark.parametrize(("header", "model"), TABLES.items(), ids=list(TABLES))
def test_every_field_is_described_with_its_default(header: str, model: type[BaseModel]) -> None:
    described = {names(field)[0]: default for field, default, *_ in rows(TRAINING, header)}
    assert set(described) == set(model.model_fields)
    for name, field in model.model_fields.items():
        wanted = field.get_default(call_default_factory=True)
        if field.is_required():
            assert described[name] == "required", name
        elif isinstance(wanted, bool | int | float | str | None):
            assert yaml.safe_load(described[name]) == wanted, name
        elif described[name].startswith("["):
            assert tuple(yaml.safe_load(described[name])) == wanted, name


def test_the_table_of_kinds_is_that_of_the_code() -> None:
    table = {names(kind)[0]: (default, other) for kind, _, default, other in rows(TRAINING, "kind")}
    assert set(table) == set(DEFAULT_LOSSES) == set(SERVES["metric"])
    for kind, (default, other) in table.items():
        weights = {name: float(weight) for name, weight in re.findall(r"`(\w+)` ([\d.]+)", default)}
        assert weights == DEFAULT_LOSSES[kind], kind  # type: ignore[index]
        accepted = {name for name, loss in LOSSES.items() if kind in loss.accepts}
        assert set(weights) | set(names(other)) == accepted, kind


@pytest.mark.parametrize("page", METHODS, ids=lambda page: str(page.name))
def test_functions_and_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    functions = set(re.findall(r"`losses\.(\w+)`", text))
    assert functions
    assert functions <= set(losses.__all__)
    for file, name in re.findall(r"`([\w/]+\.py)(?:: (\w+))?`", text):
        source = (PACKAGE / file).read_text(encoding="utf-8")
        assert not name or re.search(rf"def {name}\b", source), f"{file}: {name}"
