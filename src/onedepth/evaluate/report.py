"""One HTML page of a result: numbers with their protocol, where errors lie, best, median and worst images.

The page is one file without outside requests.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import yaml

from onedepth import __version__
from onedepth.evaluate import charts, markdown
from onedepth.evaluate.align import ALIGNMENTS, Fit
from onedepth.evaluate.metrics import METRICS
from onedepth.evaluate.models.base import Model
from onedepth.evaluate.pictures import four_pictures
from onedepth.evaluate.protocol import Protocol, accepted
from onedepth.evaluate.summary import Duel, Line
from onedepth.evaluate.table import Table
from onedepth.evaluate.tallies import Tallies
from onedepth.files.atomic import write_bytes
from onedepth.manifest.record import Record

_CAPTIONS = ("photo", "truth", "prediction", "too near (blue), too far (red)")
_SCALED = ("truth", "prediction")


@dataclass(frozen=True)
class Content:
    """What goes on a page.

    Attributes:
        records: The images, to be shown again.
        models: In order.
        protocol: Of all numbers.
        table: Numbers of the images.
        lines: Numbers of the set.
        duels: Comparisons of the models.
        tallies: Errors by depth.
        result: What the result file holds: command, versions, hashes, warnings.
    """

    records: Sequence[Record]
    models: Sequence[Model]
    protocol: Protocol
    table: Table
    lines: Sequence[Line]
    duels: Sequence[Duel]
    tallies: Tallies
    result: dict[str, Any]


def write_report(path: Path, content: Content) -> None:
    """Write the page, whole or not at all; three images per model are predicted once more for it.

    Raises:
        OneDepthError: It cannot be written.
    """
    protocol = content.protocol
    template = Template(files("onedepth.evaluate").joinpath("report.html").read_text("utf-8"))
    page = template.substitute(
        version=__version__,
        title=html.escape(protocol.title),
        subtitle=html.escape(f"{len(content.table.ids)} images of {content.result['data']['path']}"),
        protocol_line=html.escape(markdown.protocol_line(protocol)),
        protocol=html.escape(yaml.safe_dump(protocol.model_dump(mode="json"), sort_keys=False, width=100)),
        scores=_scores(content),
        duels="".join(f"<li>{html.escape(text)}</li>" for text in markdown.duel_rows(_first_metric(content))),
        warnings="".join(f'<p class="warning">{html.escape(text)}</p>' for text in _warnings(content)),
        models="\n".join(_model(content, model) for model in content.models),
        origin="".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in _origin(content)),
    )
    write_bytes(path, page.encode(errors="replace"))


def extremes(table: Table, model: str, alignment: str) -> list[tuple[str, int]]:
    """Best, median and worst image of a model by the first metric: names and indices; fewer if there are."""
    metric = table.metrics[0]
    values = table.columns[model, alignment].of(metric)
    order = np.argsort(-values if METRICS[metric].higher_is_better else values, kind="stable")
    order = order[np.isfinite(values[order])]
    if not len(order):
        return []
    chosen = {"best": int(order[0]), "median": int(order[len(order) // 2]), "worst": int(order[-1])}
    first = {index: name for name, index in reversed(chosen.items())}
    return [(name, index) for name, index in chosen.items() if first[index] == name]


def fit_of(table: Table, model: Model, alignment: str, index: int, protocol: Protocol) -> Fit:
    """The alignment that an image was scored with."""
    column = table.columns[model.name, alignment]
    scale, shift = column.numbers["scale"][index], column.numbers["shift"][index]
    return Fit(
        alignment=alignment,
        kind=model.kind,
        space=ALIGNMENTS[alignment].space,
        scale=scale,
        shift=shift,
        cap=protocol.range.cap,
    )


def _model(content: Content, model: Model) -> str:
    alignment = accepted(content.protocol, model.kind)[0]
    rows = [
        _image(content, model, alignment, name, index)
        for name, index in extremes(content.table, model.name, alignment)
    ]
    figures = ""
    if model.name in content.tallies.models:
        figures = (
            f"<figure>{charts.error_histogram(content.tallies, model.name)}"
            f"<figcaption>Relative error: {charts.error_legend()}</figcaption></figure>"
            f"<figure>{charts.scatter(content.tallies, model.name)}"
            "<figcaption>Brighter is more pixels; lines: equal, and 25 % off.</figcaption></figure>"
        )
    what = f"{html.escape(model.kind.replace('_', ' '))}, alignment {html.escape(alignment)}"
    return (
        f'<section class="card"><h2>{html.escape(model.name)}</h2><p class="soft">{what}</p>'
        f'<div class="charts">{figures}</div>{"".join(rows)}</section>'
    )


def _image(content: Content, model: Model, alignment: str, name: str, index: int) -> str:
    record, protocol = content.records[index], content.protocol
    fit = fit_of(content.table, model, alignment, index, protocol)
    numbers = content.table.columns[model.name, alignment].numbers
    values = ", ".join(
        f"{METRICS[m].title} {markdown.number(numbers[m][index])}" for m in protocol.metrics[:3]
    )
    shown = four_pictures(record, model, fit, protocol)
    scale = charts.colour_scale(shown.near, shown.far)
    figures = "".join(
        f'<figure><img src="{picture}" alt="{caption} of {html.escape(record.id)}">'
        f"<figcaption>{caption}</figcaption>{scale if caption in _SCALED else ''}</figure>"
        for picture, caption in zip(shown.urls, _CAPTIONS, strict=True)
    )
    head = f"<h3>{name} <span>{html.escape(record.id)}</span> <b>{html.escape(values)}</b></h3>"
    return f'{head}<div class="four">{figures}</div>'


def _scores(content: Content) -> str:
    heads = ["alignment", "model", "images", *markdown.heads(content.protocol.metrics)]
    rows = markdown.score_rows(content.lines, content.protocol, intervals=True)
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _cell(text: str) -> str:
    number, _, span = html.escape(text).partition(" [")
    return f"<td>{number}{f' <small>[{span}</small>' if span else ''}</td>"


def _first_metric(content: Content) -> list[Duel]:
    return [duel for duel in content.duels if duel.metric == content.protocol.metrics[0]]


def _warnings(content: Content) -> Iterator[str]:
    yield from content.result["warnings"]
    for line in content.lines:
        who = f"{line.model}, {line.alignment}"
        for reason, count in line.without.items():
            yield f"{who}: {count} of {len(content.table.ids)} images without a number: {reason}"
        for what in ("not_finite", "not_positive"):
            if line.counts[what]:
                yield f"{who}: {line.counts[what]} predicted values are {what.replace('_', ' ')}"


def _origin(content: Content) -> Iterator[tuple[str, str]]:
    result = content.result
    yield "command", result["command"]
    yield "data", f"{result['data']['path']}, SHA-256 {result['data']['sha256']}"
    for name, model in result["models"].items():
        yield name, f"{model['spec']}, {model['kind']}, SHA-256 {model['sha256'] or 'unknown'}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    yield "intervals", f"95 %, {result['bootstrap']['resamples']} bootstrap resamples of the images"
