"""Charts of the report as SVG, drawn by hand so that the page needs nothing else."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from onedepth.evaluate.tallies import CELLS, ERROR_BOUNDS, OCTAVES, PER_OCTAVE, Tallies
from onedepth.files.colormaps import colormap

CLASS_COLOURS = ("#2f7d6b", "#7fb8a4", "#d9d3b8", "#e0a46c", "#b5483c")
_WIDTH, _HEIGHT = 560, 300
_LEFT, _TOP, _BOTTOM = 44, 14, 52


def error_histogram(tallies: Tallies, model: str) -> str:
    """Share of pixels by size of their relative error, one bar per range of true depth."""
    counts = tallies.models[model].by_depth
    totals = counts.sum(axis=1)
    used = np.flatnonzero(totals)
    if not len(used):
        return ""
    plot = _HEIGHT - _TOP - _BOTTOM
    step = (_WIDTH - _LEFT - 10) / len(used)
    parts = [_percent_axis(plot)]
    for position, row in enumerate(used):
        x, y = _LEFT + position * step, float(_TOP + plot)
        for share, colour in zip(counts[row] / totals[row], CLASS_COLOURS, strict=True):
            y -= share * plot
            parts.append(_rect(x + 2, y, step - 4, share * plot, colour))
        low, high = tallies.edges[row], tallies.edges[row + 1]
        parts.append(_text(x + step / 2, _HEIGHT - 34, f"{_metres(low)}–{_metres(high)}"))
        parts.append(_text(x + step / 2, _HEIGHT - 18, f"{100 * totals[row] / totals.sum():.0f} %", "soft"))
    parts.append(_text(_WIDTH / 2, _HEIGHT - 3, "true depth (m), and share of all pixels", "soft"))
    return _svg(parts, f"Errors of {model} by depth")


def error_legend() -> str:
    """What the colours of the histogram mean."""
    bounds = [f"{100 * bound:.0f} %" for bound in ERROR_BOUNDS]
    names = [f"below {bounds[0]}", *(f"{a[:-2]}–{b}" for a, b in pairwise(bounds))]
    names.append(f"above {bounds[-1]}")
    return "".join(
        f'<span class="key"><i style="background:{colour}"></i>{name}</span>'
        for name, colour in zip(names, CLASS_COLOURS, strict=True)
    )


def colour_scale(near: float, far: float) -> str:
    """The colours of truth and prediction from near to far, with metres; even steps are even in disparity."""
    table = colormap("Spectral_r")[::-1]  # nearest first
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in table[np.linspace(0, 255, 9).round().astype(int)])
    middle = 2 / (1 / near + 1 / far)
    labels = "".join(f"<span>{_metres(depth)} m</span>" for depth in (near, middle, far))
    return (
        f'<div class="scale"><i style="background:linear-gradient(to right, {stops})"></i>'
        f"<div>{labels}</div></div>"
    )


def scatter(tallies: Tallies, model: str) -> str:
    """Predicted against true depth of all pixels, as a density on logarithmic axes, with the 25 % band."""
    side = _HEIGHT - _TOP - _BOTTOM
    image = _density(tallies.models[model].density)
    left = (_WIDTH - side) / 2
    parts = [
        f'<image x="{left}" y="{_TOP}" width="{side}" height="{side}" href="{image}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated"/>'
    ]
    for factor, kind in ((0.8, "band"), (1.0, "equal"), (1.25, "band")):
        shift = np.log2(factor) / OCTAVES * side
        x1, y1, x2, y2 = left, _TOP + side - shift, left + side, _TOP - shift
        parts.append(f'<line class="{kind}" x1="{x1}" y1="{y1:.1f}" x2="{x2}" y2="{y2:.1f}"/>')
    for tick in tallies.edges[:: 2 * PER_OCTAVE]:
        share = 1 + np.log2(tick / tallies.protocol.range.cap) / OCTAVES
        parts.append(_text(left + share * side, _HEIGHT - 34, _metres(tick)))
        parts.append(_text(left - 8, _TOP + side * (1 - share) + 4, _metres(tick), anchor="end"))
    parts.append(_text(_WIDTH / 2, _HEIGHT - 12, "true depth (m); upwards: predicted depth (m)", "soft"))
    return _svg(parts, f"Predicted against true depth of {model}")


def _density(counts: npt.NDArray[np.int64]) -> str:
    """The density as PNG, logarithmic, far at the top; black where nothing is."""
    from PIL import Image

    level = np.log1p(counts) / max(np.log1p(counts.max()), 1e-9)
    rgb = colormap("magma")[np.rint(level * 255).astype(int)][::-1]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "PNG")
    assert rgb.shape == (CELLS, CELLS, 3)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _percent_axis(plot: float) -> str:
    lines = []
    for share in (0, 25, 50, 75, 100):
        y = _TOP + plot * (1 - share / 100)
        lines.append(f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{_WIDTH - 10}" y2="{y}"/>')
        lines.append(_text(_LEFT - 6, y + 4, f"{share} %", "soft", "end"))
    return "".join(lines)


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{height:.2f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(parts: Sequence[str], title: str) -> str:
    label = html.escape(title)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _metres(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"
