"""Strict records read from YAML: an unknown key is an error that names the nearest known one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from onedepth.errors import ConfigError


class Strict(BaseModel):
    """A record that takes no key it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T")
_LONGEST = 60  # characters of a wrong value that are shown


def read_yaml(path: Path) -> Any:
    """The plain data of a YAML file.

    Raises:
        ConfigError: It is missing or no YAML.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise ConfigError(f"{path}: {what}; expected a YAML file")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: cannot be read as YAML ({reason})") from error


def parse(kind: type[T] | TypeAdapter[T], values: Any, where: str) -> T:
    """Check plain data against a record type; `where` names it in errors.

    Raises:
        ConfigError: A key is unknown, missing or of the wrong kind; all of them in one line.
    """
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        fields = _fields(getattr(adapter, "_type", kind))
        kinds = {values.get("type")} if isinstance(values, dict) else set()
        text = "; ".join(_explained(item, fields, kinds) for item in error.errors())
        raise ConfigError(f"{where}: {text}") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(names)}"


def _explained(item: Any, fields: dict[str, set[str]], kinds: set[Any]) -> str:
    """One error; what tells records apart (`kinds`) is left out of its place."""
    place = ".".join(str(part) for at, part in enumerate(item["loc"]) if at or part not in kinds)
    if item["type"] == "extra_forbidden":
        key, parent = str(item["loc"][-1]), _parent(item["loc"][:-1])
        known = fields.get(parent) or set().union(*fields.values())
        return f"{place}: unknown key; {nearest(key, known)}"
    if item["type"] == "missing":
        return f"{place}: is missing; nothing in here has a silent default"
    message = _expected(item)
    return f"{place}: {message}" if place else message


def _expected(item: Any) -> str:
    """What was expected and what was found, in words that do not need the library's manual."""
    context, found = item.get("ctx", {}), repr(item["input"])[:_LONGEST]
    if item["input"] is None:
        found = "nothing (null)"
    match item["type"]:
        case "literal_error":
            return f"expected one of {context['expected']}, found {found}"
        case "union_tag_invalid":
            return f"type: expected one of {context['expected_tags']}, found {context['tag']!r}"
        case "union_tag_not_found":
            return "type: is missing; it says what is described"
        case "tuple_type" | "list_type":
            return f"expected a list, [] for none, found {found}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"expected keys and values, found {found}"
        case "value_error":
            return str(item["msg"]).removeprefix("Value error, ")
    return f"{item['msg']}, found {found}"


def _parent(place: tuple[int | str, ...]) -> str:
    """The field that holds a key, "" at the top; positions in lists do not count."""
    names = [part for part in place if isinstance(part, str)]
    return names[-1] if names else ""


def _fields(annotation: Any, name: str = "") -> dict[str, set[str]]:
    """Field name -> keys of the record it holds, at any depth; "" is the top."""
    found: dict[str, set[str]] = {}
    for model in _models(annotation):
        found.setdefault(name, set()).update(model.model_fields)
        tag = model.model_fields.get("type")
        for inner in (
            get_args(tag.annotation) if tag else ()
        ):  # records told apart by `type` name it in errors
            found.setdefault(inner, set()).update(model.model_fields)
        for field, info in model.model_fields.items():
            for key, keys in _fields(info.annotation, field).items():
                found.setdefault(key, set()).update(keys)
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
