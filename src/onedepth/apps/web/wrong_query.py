"""What is wrong with a query, in one line: the name, what was found, what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onedepth.apps.web.options import DepthOptions

_EXPECTED = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "string_pattern_mismatch": "x,y in pixels, such as 320,240",
    "too_long": "at most {max_length} of them",
}
"""Pydantic's type of error -> words for it."""

_SHOWN = 40  # characters of what the client sent


def wrong_query(error: Mapping[str, Any]) -> str:
    """Return one line for people.

    Args:
        error: One of pydantic's, as `RequestValidationError.errors()` lists them.
    """
    where, found = [str(part) for part in error["loc"][1:]], error.get("input")
    if not where:  # options that do not fit together
        return str(error["msg"]).removeprefix("Value error, ")
    name = where[0]
    if error["type"] == "extra_forbidden":
        return f"{name[:_SHOWN]}: unknown; expected one of {', '.join(DepthOptions.model_fields)}"
    expected = _EXPECTED.get(error["type"])
    if expected is None:
        return f"{name}: {error['msg']}"
    told = str(len(found)) if isinstance(found, list) else repr(found)[:_SHOWN]
    return f"{name}: found {told}, expected {expected.format(**error.get('ctx', {}))}"
