"""A summary as rows of text: for the terminal, for Markdown, for the report."""

from __future__ import annotations

from collections.abc import Sequence

from onedepth.evaluate.metrics import METRICS
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.summary import Duel, Line

_ARROWS = {True: "↑", False: "↓"}
_PLACES = 3
_CAMERAS = {
    "required": "true camera given",
    "told": "camera given where known",
    "withheld": "no camera given",
}


def heads(metrics: Sequence[str]) -> list[str]:
    """Column heads: title, direction, unit."""
    return [
        f"{METRICS[name].title} {_ARROWS[METRICS[name].higher_is_better]}"
        + (f" ({METRICS[name].unit})" if METRICS[name].unit else "")
        for name in metrics
    ]


def number(value: float) -> str:
    """A number with three decimals, and fewer where they would say nothing."""
    if abs(value) >= 1000:
        return f"{value:.4g}"
    return f"{value:.{_PLACES}f}" if abs(value) < 10 else f"{value:.2f}"


def score_rows(lines: Sequence[Line], protocol: Protocol, *, intervals: bool = False) -> list[list[str]]:
    """One row per alignment and model, in the protocol's order: alignment, model, images, numbers."""
    order = [choice.name for choice in protocol.alignments]
    return [
        [line.alignment, line.model, str(line.images)]
        + [_cell(line, name, intervals) for name in protocol.metrics]
        for line in sorted(lines, key=lambda line: order.index(line.alignment))
    ]


def duel_rows(duels: Sequence[Duel]) -> list[str]:
    """One sentence per duel, the better model first."""
    return [_sentence(duel) for duel in duels]


def _sentence(duel: Duel) -> str:
    names, better = (duel.first, duel.second), duel.result.better
    if better < 0.5:
        names, better = names[::-1], 1 - better
    interval = duel.result.interval
    return (
        f"{names[0]} is better than {names[1]} in {METRICS[duel.metric].title} ({duel.alignment}) in "
        f"{100 * better:.1f} % of resamples of {duel.images} images; {duel.first} minus {duel.second} is "
        f"{signed(duel.result.difference)} [{signed(interval.low)}, {signed(interval.high)}]"
    )


def signed(value: float) -> str:
    """A difference, always with its sign."""
    return f"{'+' if value >= 0 else '-'}{number(abs(value))}"


def protocol_line(protocol: Protocol) -> str:
    """What must be known beside the numbers, in one sentence."""
    crop = "; ".join(_crop_text(crop) for crop in protocol.crop) or "whole frame"
    span = f"{protocol.range.floor:g}-{protocol.range.cap:g} m{', clamped' if protocol.clamp else ''}"
    aligned = ", ".join(f"{a.name} (in {a.space})" for a in protocol.alignments)
    return (
        f"{protocol.name}: {crop}; {span}; alignment {aligned}; mean per {protocol.average}; resize "
        f"{protocol.resize}; truth: {protocol.truth.what}; {_CAMERAS[protocol.camera]}"
    )


def _crop_text(crop: object) -> str:
    rows, columns, of = (getattr(crop, name) for name in ("rows", "columns", "of"))
    spans = [
        f"{what} {span[0]:g}:{span[1]:g}"
        for what, span in (("rows", rows), ("columns", columns))
        if span is not None
    ]
    where = of if isinstance(of, str) else f"{of[0]}x{of[1]}"
    return f"{', '.join(spans)} of {where}"


def table(lines: Sequence[Line], protocol: Protocol) -> str:
    """The scores as a Markdown table."""
    head = ["alignment", "model", "images", *heads(protocol.metrics)]
    rows = [head, ["---"] * len(head), *score_rows(lines, protocol)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(line: Line, metric: str, with_interval: bool) -> str:
    if metric not in line.scores:
        return "-"
    text = number(line.scores[metric])
    if with_interval and metric in line.intervals:
        span = line.intervals[metric]
        text += f" [{number(span.low)}, {number(span.high)}]"
    return text
