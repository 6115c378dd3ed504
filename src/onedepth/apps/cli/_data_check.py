"""`onedepth data check`: open every record of a list, and say what is wrong with the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onedepth.apps.cli import FAILED, FAILED_SOME

if TYPE_CHECKING:
    from onedepth.check.fix import Fixed
    from onedepth.check.report import Report

_EXAMPLES = 3


def check(
    manifest: Annotated[
        str, typer.Argument(help="Manifest, index of shards, or folder of scenes; a path or URL.")
    ],
    fix: Annotated[
        Path | None, typer.Option(help="Write a manifest of what can be used: .jsonl, .jsonl.gz or .parquet.")
    ] = None,
    drop_suspicious: Annotated[
        bool, typer.Option("--drop-suspicious", help="Let --fix leave out what is only suspicious, too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let --fix and --html replace files.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with histograms and pictures of the findings.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Records opened at once; one per processor if not given."),
    ] = None,
) -> None:
    """Open every record; report what is missing, damaged or suspicious (units, cameras, splits ...).

    Exit code 0: nothing found (notes do not count); 1: findings; 2: nothing could be opened.
    """
    from onedepth.apps.cli._progress import progress
    from onedepth.check.fix import check_output, check_target, write_fixed
    from onedepth.check.page import write_check_page
    from onedepth.check.report import as_json
    from onedepth.check.run import MANY, check_records, default_workers, quiet_decoders
    from onedepth.errors import ConfigError
    from onedepth.manifest.manifest import open_records

    if fix is None and drop_suspicious:
        raise ConfigError("--drop-suspicious says what --fix does; give --fix CLEANED.jsonl")
    if fix is None and html is None and overwrite:
        raise ConfigError("--overwrite says what --fix and --html may replace; give one of them")
    quiet_decoders()
    records = open_records(manifest)
    if fix is not None:
        check_target(fix, manifest, records, overwrite=overwrite)
    if html is not None:
        check_output("--html", html, manifest, records, overwrite=overwrite)
    with progress("checking", len(records), "records/s") as advance:
        count = workers or default_workers()
        report = check_records(
            records, workers=count, processes=count > 2 and len(records) >= MANY, advance=advance
        )
    fixed = (
        None
        if fix is None or not report.opened
        else write_fixed(report, fix, drop_suspicious=drop_suspicious)
    )
    if html is not None:
        write_check_page(report, html, manifest)
    if json:
        from onedepth.apps.cli._table import print_json

        print_json(
            {"path": manifest, **as_json(report), "fix": None if fixed is None else _facts(fixed, fix)}
        )
    else:
        _print(report, fixed, fix)
    if not report.opened:
        raise typer.Exit(FAILED)
    if report.faults:
        raise typer.Exit(FAILED_SOME)


def _facts(fixed: Fixed, path: Path | None) -> dict[str, Any]:
    return {
        "path": str(path),
        "written": fixed.written,
        "mended": fixed.mended,
        "dropped": dict(sorted(fixed.dropped.items())),
    }


def _print(report: Report, fixed: Fixed | None, path: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from onedepth.apps.cli._app import say
    from onedepth.check.kinds import KINDS
    from onedepth.check.page import verdict

    if report.counts:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for name, settings in _COLUMNS.items():
            table.add_column(name, **settings)
        for kind, count in report.counts.items():
            severity, title, _ = KINDS[kind]
            table.add_row(Text(kind), f"{count:,}", Text(severity, _STYLES[severity]), Text(title))
        Console().print(table)
    for kind in report.counts:
        listed = report.examples.get(kind, ())
        say(f"\n{kind} (to mend: {KINDS[kind].remedy})")
        for example in listed[:_EXAMPLES]:
            say(f"  {_shown(example.id)}: {_shown(example.message)}")
        if report.counts[kind] > _EXAMPLES:
            say(f"  ... and {report.counts[kind] - _EXAMPLES:,} more (--json lists them)")
    say(("\n" if report.counts else "") + verdict(report))
    if fixed is not None:
        say(_fixed_line(fixed, path))


def _shown(text: str) -> str:
    """Without what would steer the terminal; names come from files that somebody sent."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _fixed_line(fixed: Fixed, path: Path | None) -> str:
    lost = ", ".join(f"{kind} {count:,}" for kind, count in sorted(fixed.dropped.items()))
    return (
        f"{path}: {fixed.written:,} records written, {fixed.mended:,} of them mended, "
        f"{sum(fixed.dropped.values()):,} left out{f' ({lost})' if lost else ''}"
    )


_COLUMNS: dict[str, dict[str, Any]] = {
    "finding": {"style": "cyan", "no_wrap": True},
    "records": {"justify": "right"},
    "severity": {},
    "what": {"overflow": "fold"},
}
_STYLES = {"unusable": "red", "repairable": "blue", "suspicious": "yellow", "note": "dim"}
