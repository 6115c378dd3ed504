"""The page of a check: one HTML file without outside requests, with histograms, examples and findings."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from onedepth import __version__
from onedepth.check.charts import charts
from onedepth.check.groups import summary
from onedepth.check.kinds import KINDS, SEVERITIES
from onedepth.check.report import Example, Report
from onedepth.check.thumbnails import image_thumbnail, label_thumbnail
from onedepth.errors import DataError
from onedepth.files.atomic import write_bytes

SAMPLES = 12
"""Records shown as examples, spread evenly over the list."""

PICTURED = 6
"""Findings of a kind that are shown with pictures."""

LINES = 50
"""Findings of a kind that are listed in words."""

_GROUPS = 50


def write_check_page(report: Report, path: Path, title: str) -> None:
    """Write the page, whole or not at all. Records that it shows are opened a second time.

    Args:
        report: Of a check.
        path: The HTML file.
        title: What was checked.

    Raises:
        OneDepthError: The file cannot be written.
    """
    template = Template(files("onedepth.check").joinpath("page.html").read_text("utf-8"))
    page = template.substitute(
        title=html.escape(title),
        verdict=html.escape(verdict(report)),
        kinds="\n".join(_overview(report)),
        charts="\n".join(
            f"<figure><figcaption>{name}</figcaption>{svg}</figure>" for name, svg in charts(report)
        ),
        groups="\n".join(_groups(report)),
        samples="\n".join(_picture(report, *sample) for sample in _samples(report)),
        findings="\n".join(_section(report, kind) for kind in report.counts),
        version=__version__,
    )
    write_bytes(path, page.encode(errors="replace"))  # names may hold bytes that are no text


def verdict(report: Report) -> str:
    """One sentence on the whole list."""
    total = len(report.table)
    if not report.faults:
        return f"All {total:,} records were opened, and nothing was found wrong."
    return f"{report.faults:,} of {total:,} records have findings; {report.opened:,} could be opened."


def _overview(report: Report) -> Iterator[str]:
    for kind, count in report.counts.items():
        severity, title, remedy = KINDS[kind]
        yield (
            f'<tr class="{severity}"><td><a href="#{kind}">{title}</a></td><td class="number">{count:,}</td>'
            f"<td><b>{severity}</b>: {SEVERITIES[severity]}</td><td>{remedy}</td></tr>"
        )


def _groups(report: Report) -> Iterator[str]:
    for number, group in enumerate(report.groups[:_GROUPS]):
        numbers = summary(report.table, number)
        median = "–" if numbers.median != numbers.median else f"{numbers.median:.4g}"
        yield (
            f'<tr><td>{html.escape(group.text)}</td><td class="number">{numbers.records:,}</td>'
            f'<td class="number">{median}</td><td class="number">{np.nan_to_num(numbers.valid):.0%}</td></tr>'
        )


def _samples(report: Report) -> Iterator[tuple[int, str, str]]:
    opened = np.flatnonzero(report.table["width"])
    said = {example.number: example.message for listed in report.examples.values() for example in listed}
    for place in np.unique(np.linspace(0, len(opened) - 1, SAMPLES).astype(int)) if len(opened) else ():
        row, number = report.table[opened[place]], int(opened[place])
        record = report.records[number]
        depth = "" if np.isnan(row["median"]) else f", median {row['median']:.3g}"
        text = f"{row['width']}×{row['height']}{depth}"
        if record.label is not None and np.isnan(row["valid"]):
            text += f"; {said.get(number, 'its label cannot be opened')}"
        elif record.label is not None:
            text += f", {row['valid']:.0%} measured"
        yield number, record.id, text


def _section(report: Report, kind: str) -> str:
    severity, title, remedy = KINDS[kind]
    listed, count = report.examples.get(kind, ()), report.counts[kind]
    rest = "" if count <= LINES else f"<p>... and {count - LINES:,} more.</p>"
    lines = "".join(_line(example) for example in listed[:LINES])
    pictures = "".join(_picture(report, *example) for example in listed[:PICTURED])
    return (
        f'<section id="{kind}" class="{severity}"><h2>{title} <span>{count:,}</span></h2>'
        f'<p>To mend: {remedy}.</p><div class="cards">{pictures}</div>'
        f"<details><summary>List</summary><ul>{lines}</ul>{rest}"
        "</details></section>"
    )


def _line(example: Example) -> str:
    return f"<li><b>{html.escape(example.id)}</b> {html.escape(example.message)}</li>"


def _picture(report: Report, number: int, name: str, text: str) -> str:
    try:
        record = report.records[number]
        pictures = _view(image_thumbnail(record), "image", "image cannot be opened")
        label = "no label" if record.label is None else "label cannot be opened"
        pictures += _view(label_thumbnail(record), "label", label)
    except DataError:
        pictures = ""
    return (
        f'<article><div class="views">{pictures}</div><h3>{html.escape(name)}</h3>'
        f"<p>{html.escape(text)}</p></article>"
    )


def _view(jpeg: bytes | None, what: str, otherwise: str) -> str:
    if jpeg is None:
        return f'<span class="none">{otherwise}</span>'
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{what}">'
