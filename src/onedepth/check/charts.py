"""Histograms of a check as SVG, drawn by hand so that the page needs nothing else."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from onedepth.check.report import Report

_WIDTH, _HEIGHT = 560, 220
_TOP, _BOTTOM = 12, 40
_SIZES = 8
_DEPTHS = np.geomspace(0.01, 10_000, 49)
_SHARES = np.linspace(0, 1, 21)
_ANGLES = np.linspace(0, 180, 37)


def charts(report: Report) -> Iterator[tuple[str, str]]:
    """Title and SVG of every histogram that has something to show."""
    table = report.table
    kinds = np.array([group.kind in ("metric", "coarse") for group in report.groups] + [False])
    depths = table["median"][kinds[table["group"]]]
    labelled = table["valid"][(table["group"] >= 0) & (table["width"] > 0)]
    yield from _histogram("Median depth (m)", depths, _DEPTHS, every=8)
    yield from _histogram("Measured share of the label", labelled, _SHARES, every=4, percent=True)
    yield from _histogram("Horizontal angle of view (degrees)", table["fov"], _ANGLES, every=6)
    yield from _sizes(table["width"], table["height"])


def _histogram(
    title: str,
    values: npt.NDArray[np.float32],
    edges: npt.NDArray[np.float64],
    *,
    every: int,
    percent: bool = False,
) -> Iterator[tuple[str, str]]:
    """Counts between edges, which stand below every so many; what lies beyond counts in the outer bars."""
    values = values[np.isfinite(values)]
    if not len(values):
        return
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    step = _WIDTH / len(counts)
    parts = list(_bars(counts.tolist(), step))
    for place in range(0, len(edges), every):
        text = f"{edges[place]:.0%}" if percent else f"{edges[place]:g}"
        anchor = "start" if place == 0 else "end" if place == len(edges) - 1 else "middle"
        parts.append(_text(place * step, _HEIGHT - 22, text, anchor))
    yield title, _svg(parts, title)


def _sizes(widths: npt.NDArray[np.int32], heights: npt.NDArray[np.int32]) -> Iterator[tuple[str, str]]:
    """The commonest sizes of images."""
    opened = widths > 0
    if not opened.any():
        return
    sizes, counts = np.unique(np.stack([widths[opened], heights[opened]]), axis=1, return_counts=True)
    tally = Counter({(int(w), int(h)): int(n) for (w, h), n in zip(sizes.T, counts, strict=True)})
    common = tally.most_common(_SIZES)
    names = [f"{width}×{height}" for (width, height), _ in common]
    numbers = [count for _, count in common]
    if len(tally) > _SIZES:
        names.append(f"{len(tally) - _SIZES} others")
        numbers.append(tally.total() - sum(numbers))
    step = _WIDTH / max(4, len(numbers))
    parts = list(_bars(numbers, step))
    for place, name in enumerate(names):
        parts.append(_text((place + 0.5) * step, _HEIGHT - 22 + 14 * (place % 2), name))
    yield "Size of the images (pixels)", _svg(parts, "Size of the images (pixels)")


def _bars(counts: Sequence[int], step: float) -> Iterator[str]:
    plot, most = _HEIGHT - _TOP - _BOTTOM, max(counts)
    for place, count in enumerate(counts):
        if not count:
            continue
        tall = max(2.0, count / most * plot)
        yield (
            f'<rect x="{place * step + 1:.1f}" y="{_TOP + plot - tall:.1f}" width="{step - 2:.1f}" '
            f'height="{tall:.1f}"><title>{count:,}</title></rect>'
        )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(parts: Sequence[str], title: str) -> str:
    label = html.escape(title)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
