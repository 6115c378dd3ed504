"""Run `onedepth eval`: check what was asked, evaluate with a progress bar, write and print the result."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from onedepth.apps.cli._app import report_error, say
from onedepth.apps.cli._eval_files import Files
from onedepth.apps.cli._progress import progress
from onedepth.errors import ConfigError
from onedepth.evaluate import markdown, result
from onedepth.evaluate.loading import Selection, open_data
from onedepth.evaluate.models import Model, open_models
from onedepth.evaluate.models.opening import adapter_names
from onedepth.evaluate.per_image import write_per_image
from onedepth.evaluate.protocol import Protocol, accepted, load_protocol, protocol_names
from onedepth.evaluate.run import Outcome, evaluate
from onedepth.evaluate.summary import Duel, Line, summarise

Summary = tuple[list[Line], list[Duel]]
Done = Literal["all", "some", "none"]
_LISTED = 10


@dataclass(frozen=True)
class Asked:
    """What is to be compared with what, opened."""

    models: list[Model]
    records: Selection
    protocol: Protocol
    setting: result.Setting

    @classmethod
    def of(
        cls,
        models: Sequence[str],
        data: str | None,
        protocol: str | None,
        *,
        device: str,
        stride: int,
        limit: int | None,
    ) -> Asked:
        """Open everything; whatever cannot work is refused before the first image.

        Raises:
            OneDepthError: Something is missing, unknown, or makes no sense together.
        """
        for option, value in (("--model", models), ("--data", data), ("--protocol", protocol)):
            if not value:
                raise ConfigError(f"{option} is missing; see `onedepth eval --help`")
        chosen = load_protocol(str(protocol))
        records = open_data(os.path.expandvars(str(data)), stride=stride, limit=limit)
        opened = open_models([result.portable(spec) for spec in models], device)
        for model in opened:
            try:
                left = accepted(chosen, model.kind)
            except ConfigError as error:
                raise ConfigError(f"{model.name}: {error}") from error
            if out := [a.name for a in chosen.alignments if a.name not in left]:
                say(
                    f"{model.name} puts out {model.kind}: no numbers for alignment {', '.join(out)}", err=True
                )
        setting = result.Setting(result.portable(str(data)), stride, limit, _command(), device)
        return cls(opened, records, chosen, setting)


def run(asked: Asked, files: Files, form: str) -> Done:
    """Evaluate, write the files, print the summary."""
    pictures = None
    if files.report is not None:
        from onedepth.evaluate.tallies import Tallies

        pictures = Tallies(asked.protocol)
    with progress("Evaluating", len(asked.records), "images/s") as advance:
        outcome = evaluate(
            asked.records,
            asked.models,
            asked.protocol,
            on_image=advance,
            on_pair=None if pictures is None else pictures.add,
        )
    summary = summarise(outcome.table, asked.protocol.average)
    content = result.build(asked.setting, asked.protocol, asked.models, outcome, summary)
    scored = sum(line.images for line in summary[0])
    if files.result is not None and scored:
        result.write(files.result, content)
    if files.per_image is not None:
        write_per_image(files.per_image, outcome.table)
    if files.report is not None and pictures is not None and scored:
        from onedepth.evaluate.report import Content, write_report

        page = Content(
            asked.records, asked.models, asked.protocol, outcome.table, *summary, pictures, content
        )
        write_report(files.report, page)
    _PRINTED[form](asked, outcome, summary, content)
    _print_trouble(outcome, summary[0], len(asked.records))
    if not scored:
        report_error("nothing could be scored; no result was written")
        return "none"
    return "some" if outcome.failures else "all"


def check(path: Path, sample: int) -> bool:
    """Verify a result file and say what was found."""
    from onedepth.evaluate.verify import verify

    read = result.read(path)
    with progress("Verifying", sample or len(read.table.ids), "images/s") as advance:
        checked = verify(read, sample=sample, on_image=advance)
    for problem in checked.problems[:_LISTED]:
        report_error(problem)
    if len(checked.problems) > _LISTED:
        report_error(f"and {len(checked.problems) - _LISTED} more")
    verdict = f"{len(checked.problems)} differences" if checked.problems else "all agree"
    say(f"{path}: {checked.numbers} numbers of {checked.images} images compared, means recomputed: {verdict}")
    return not checked.problems


def print_protocols() -> None:
    """Names and titles of what is shipped."""
    from onedepth.apps.cli._table import print_facts

    print_facts("Protocols", {name: load_protocol(name).title for name in protocol_names()})
    print_facts("Descriptions of models", {name: f"--model {name}=FILE" for name in adapter_names()})


def _command() -> str:
    words = [result.portable(word) for word in sys.argv[1:] if word != "--overwrite"]
    return " ".join(["onedepth", *(f'"{word}"' if "$" in word else shlex.quote(word) for word in words)])


def _print_table(asked: Asked, outcome: Outcome, summary: Summary, content: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    lines, duels = summary
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("alignment", "model", "images"):
        table.add_column(head, no_wrap=True)
    for head in markdown.heads(asked.protocol.metrics):
        table.add_column(head, justify="right")
    for row in markdown.score_rows(lines, asked.protocol, intervals=True):
        table.add_row(*(cell.replace(" [", "\n[") for cell in row))
    say(markdown.protocol_line(asked.protocol))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    if any(line.intervals for line in lines):
        say("in brackets: 95 % bootstrap intervals")
    first = asked.protocol.metrics[0]
    for text in markdown.duel_rows([duel for duel in duels if duel.metric == first]):
        say(text)


def _print_markdown(asked: Asked, outcome: Outcome, summary: Summary, content: Any) -> None:
    lines, duels = summary
    say(markdown.table(lines, asked.protocol))
    say(f"\n{markdown.protocol_line(asked.protocol)}.\n")
    for warning in outcome.warnings:
        say(f"- warning: {warning}")
    for text in markdown.duel_rows(duels):
        say(f"- {text}")


def _print_json(asked: Asked, outcome: Outcome, summary: Summary, content: Any) -> None:
    say(json.dumps({key: value for key, value in content.items() if key != "per_image"}, indent=2))


_PRINTED = {"table": _print_table, "markdown": _print_markdown, "json": _print_json}


def _print_trouble(outcome: Outcome, lines: Sequence[Line], images: int) -> None:
    """What has no number and why, and what looks wrong; on stderr."""
    for warning in outcome.warnings:
        say(f"warning: {warning}", err=True)
    without: dict[tuple[str, str, int], list[str]] = {}
    for line in lines:
        for reason, count in line.without.items():
            told = "an error (below)" if reason.startswith("error: ") else reason
            without.setdefault((line.model, told, count), []).append(line.alignment)
    for (model, reason, count), names in without.items():
        say(
            f"{model}, {' and '.join(names)}: {count} of {images} images without a number: {reason}", err=True
        )
    for line in lines:
        who = f"{line.model}, {line.alignment}"
        for what in ("not_finite", "not_positive"):
            if line.counts[what]:
                say(f"{who}: {line.counts[what]} predicted values are {what.replace('_', ' ')}", err=True)
    for name, reason in list(outcome.failures.items())[:_LISTED]:
        report_error(reason if name in reason else f"{name}: {reason}")
    if len(outcome.failures) > _LISTED:
        report_error(f"and {len(outcome.failures) - _LISTED} more")
