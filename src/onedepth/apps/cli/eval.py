"""`onedepth eval`: models beside each other on a set, by a stated protocol."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from onedepth.apps.cli import FAILED, FAILED_SOME
from onedepth.apps.cli._options import Device
from onedepth.errors import ConfigError


class Form(StrEnum):
    """How the summary is printed."""

    table = "table"
    markdown = "markdown"
    json = "json"


def eval(
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A model: name or file of ours (.onnx, .safetensors), DESCRIPTION.yaml or NAME=FILE of "
            "another ONNX file, folder of a transformers model or hf:ORG/NAME, folder of predictions. "
            "Give it again for several.",
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Manifest, or folder of scenes.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Name of a protocol (see --list), or a YAML file.", metavar="NAME")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many images.")] = None,
    stride: Annotated[int, typer.Option(min=1, help="Every how many images.")] = 1,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result file (JSON).")] = None,
    report: Annotated[
        Path | None, typer.Option(help="HTML page: best, median and worst images, errors by depth.")
    ] = None,
    per_image: Annotated[Path | None, typer.Option(help="All numbers, .csv or .parquet.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier run.")] = False,
    form: Annotated[Form, typer.Option("--format", help="How the summary is printed.")] = Form.table,
    device: Device = "auto",
    verify: Annotated[
        Path | None,
        typer.Option(metavar="RESULT", help="Check a result file: its means, and a sample of its images."),
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Images that --verify predicts again; 0 for all.")] = 8,
    list_them: Annotated[bool, typer.Option("--list", help="List the protocols and descriptions.")] = False,
) -> None:
    """Score models against measured depth; every number carries its protocol.

    Disparity is never treated as depth: a protocol whose alignment makes no sense for a model refuses it.
    Images without a number are counted and named. Exit code: 0 all images scored or rightly without truth,
    1 some failed (or --verify found a difference), 2 nothing could be scored.
    """
    from onedepth.apps.cli import _eval_files as written
    from onedepth.apps.cli import _eval_run as given

    specs = models or []
    files = written.Files(output, report, per_image)
    if list_them:
        given.print_protocols()
    elif verify is not None:
        _check_alone(models, data, protocol, output, report, per_image)
        raise typer.Exit(0 if given.check(verify, sample) else FAILED_SOME)
    else:
        files.check(written.inputs_of(specs, data, protocol), overwrite=overwrite)
        asked = given.Asked.of(specs, data, protocol, device=device, stride=stride, limit=limit)
        files.check((file for model in asked.models for file in model.files), overwrite=overwrite)
        outcome = given.run(asked, files, form.value)
        raise typer.Exit({"all": 0, "some": FAILED_SOME, "none": FAILED}[outcome])


def _check_alone(*others: object) -> None:
    """`--verify` takes models, data and protocol from the result; what else is asked would be ignored."""
    if any(others):
        raise ConfigError(
            "--verify takes models, data and protocol from the result and writes nothing; leave out --model, "
            "--data, --protocol, --output, --report and --per-image"
        )
