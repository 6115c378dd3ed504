"""Print facts as a table for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import typer


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print names and values in two columns; nested mappings become sections."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, "bold"), title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0)
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if isinstance(value, Mapping):
            table.add_row(Text(name, "bold"), "")
            for inner, text in value.items():
                table.add_row(f"  {inner}", Text(_text(text)))
        else:
            table.add_row(name, Text(_text(value)))
    Console(soft_wrap=False).print(table)


def print_json(facts: Mapping[str, Any]) -> None:
    """Print the facts as one JSON object."""
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return "-" if value is None else str(value)
