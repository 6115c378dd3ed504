"""`onedepth error-table`: measure a model's depth errors by range, and put them into its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onedepth.apps.cli._options import Device

if TYPE_CHECKING:
    from onedepth.manifest.record import Record


def error_table(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    data: Annotated[
        list[str],
        typer.Option(
            metavar="PATH[:BLOCK:EVERY]",
            help="Manifest or folder of scenes that the model was not trained on; give it again for several. "
            "With BLOCK and EVERY only the last of every EVERY blocks of BLOCK records, like a holdout.",
        ),
    ],
    write: Annotated[bool, typer.Option("--write", help="Write the table into the model file.")] = False,
    device: Device = "auto",
) -> None:
    """Measure how wrong a model's depth is, by range: what `onedepth measure` needs for its uncertainties."""
    from onedepth.apps.cli._app import say
    from onedepth.evaluate.depth_errors import measure_errors, write_errors
    from onedepth.predict.predictor import load

    records = [record for text in data for record in _records(text)]
    table = measure_errors(load(model, device), records)
    for row in table:
        say(f"{row.near:g} to {row.far:g} m: scale {row.common:.1%}, pixel {row.local:.1%}")
    if write:
        write_errors(model, table)
        say(f"{model}: table written")


def _records(text: str) -> list[Record]:
    """The records of PATH, or of its held-out blocks."""
    import re

    from onedepth.manifest.manifest import open_records

    match = re.fullmatch(r"(.+):(\d+):(\d+)", text)
    if match is None:
        return list(open_records(text))
    records, block, every = open_records(match[1]), max(1, int(match[2])), max(1, int(match[3]))
    return [records[i] for i in range(len(records)) if i // block % every == every - 1]
