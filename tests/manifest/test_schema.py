"""The published JSON Schema is that of the code, and agrees with it on what is right."""

import json
from pathlib import Path

import jsonschema
import pytest
from test_manifest import GOOD, WRONG, fisheye, full

from onedepth.manifest.schema import manifest_schema, write_schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "manifest.schema.json"
ELSEWHERE = ("no JSON", "scale NaN", "deep", "leaves", "leaves inside", "neighbour leaves", "pipe", "scheme")


def test_the_published_schema_is_current(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    assert PUBLISHED.read_text() == (tmp_path / "schema.json").read_text(), "call write_schema(PUBLISHED)"


def test_it_accepts_what_we_write(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    for record in (full(tmp_path), fisheye(tmp_path)):
        jsonschema.validate(record.model_dump(mode="json", exclude_defaults=True), manifest_schema())
    jsonschema.validate(GOOD, manifest_schema())


@pytest.mark.parametrize("case", [case for case in WRONG if case not in ELSEWHERE])
def test_it_refuses_what_we_refuse(case: str) -> None:
    row = WRONG[case][0]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(row) if isinstance(row, str) else row, manifest_schema())
