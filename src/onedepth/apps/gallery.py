"""One static HTML page of a run: photo and depth side by side, metres under the pointer.

The page is one file without outside requests: small pictures, style and script are inside; only the links to
the full-size results lead to files beside it.
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from onedepth import __version__
from onedepth.apps.summary import UNIT_TEXTS, Summary, number_text, source_text
from onedepth.depthmap import DepthMap, Kind
from onedepth.files.atomic import write_bytes
from onedepth.files.colormaps import colormap as colormap_table
from onedepth.files.pictures import render_picture
from onedepth.predict.predictor import Prediction

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL = 720  # pixels of the longer side: sharp in half of a wide page, about 60 kB
_GRID = 96
_STOPS = 16
_LARGEST_STEP = 65535
_LABELS = {".ply": "points", ".glb": "mesh"}


@dataclass(frozen=True, eq=False)
class Card:
    """One photo of the page.

    Attributes:
        title: Name of the photo.
        summary: Its numbers.
        photo: Small photo, JPEG.
        depth: Small depth picture, JPEG, of the same size.
        steps: uint16 (rows, columns): 0 where there is no depth, else log-spaced steps within `limits`.
        limits: Metres of the first and the last step.
        colours: Metres of the two end colours.
        outputs: Files of full size.
    """

    title: str
    summary: Summary
    photo: bytes
    depth: bytes
    steps: npt.NDArray[np.uint16]
    limits: tuple[float, float]
    colours: tuple[float, float]
    outputs: tuple[Path, ...] = ()


def make_card(title: str, prediction: Prediction, summary: Summary, *, colormap: str = "Spectral_r") -> Card:
    """Reduce a prediction to what the page shows of it, so that the large arrays can go."""
    from PIL import Image as pil  # noqa: N813 - the module's usual name is taken by the class

    height, width = prediction.depth.shape
    scale = min(1.0, THUMBNAIL / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    photo = pil.fromarray(prediction.pixels)
    if scale < 1:
        photo = photo.resize(size, pil.Resampling.BOX, reducing_gap=2.0)
    small = _sample(prediction.depth, size)
    colours = _colour_limits(summary)
    picture = pil.fromarray(render_picture(small, colormap, bar=False, limits=colours))
    grid_scale = min(1.0, _GRID / max(size))
    grid = _sample(small, (max(1, round(size[0] * grid_scale)), max(1, round(size[1] * grid_scale))))
    steps, limits = _encode(grid)
    return Card(title, summary, _jpeg(photo), _jpeg(picture), steps, limits, colours)


def write_page(
    path: Path,
    cards: Iterable[Card],
    *,
    failures: Sequence[tuple[str, str]] = (),
    title: str = "Depth",
    subtitle: str = "",
    colormap: str = "Spectral_r",
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: The HTML file.
        cards: Photos in order; links are made relative to the page.
        failures: Name and reason of photos that have no result.
        title: Heading.
        subtitle: A sentence below it.
        colormap: The one the cards were made with.

    Raises:
        OneDepthError: If the file cannot be written.
    """
    gradient = _gradient(colormap)
    parts = [_card_html(card, gradient, path.parent) for card in cards]
    parts += [_failure_html(name, reason) for name, reason in failures]
    template = Template(files("onedepth.apps").joinpath("gallery.html").read_text("utf-8"))
    page = template.substitute(
        title=html.escape(title), subtitle=html.escape(subtitle), cards="\n".join(parts), version=__version__
    )
    write_bytes(path, page.encode(errors="replace"))  # names may hold bytes that are no text


def with_outputs(card: Card, outputs: Iterable[Path]) -> Card:
    """Return the card with links to these files."""
    return replace(card, outputs=tuple(outputs))


def _sample(depth: DepthMap, size: tuple[int, int]) -> DepthMap:
    """Take the nearest value for each pixel of a smaller map, so that no depth is made up across an edge."""
    height, width = depth.shape
    columns = ((np.arange(size[0]) + 0.5) * width / size[0]).astype(int)
    rows = ((np.arange(size[1]) + 0.5) * height / size[1]).astype(int)
    at = np.ix_(rows, columns)
    return DepthMap(depth.values[at], depth.kind, valid=depth.valid[at])


def _spread(low: float, high: float) -> tuple[float, float]:
    """Values of the end colours, ascending; apart even for a flat or an empty map."""
    if low <= 0:
        return 1.0, 2.0
    return (low, high) if high > 1.001 * low else (low / 1.05, high * 1.05)


def _colour_limits(summary: Summary) -> tuple[float, float]:
    """Values of the nearest and of the farthest colour."""
    low, high = _spread(*sorted((summary.near, summary.far)))
    return (high, low) if summary.kind == "affine_disparity" else (low, high)


def _encode(depth: DepthMap) -> tuple[npt.NDArray[np.uint16], tuple[float, float]]:
    known = depth.values[depth.valid]
    if not known.size:
        return np.zeros(depth.shape, np.uint16), (1.0, 2.0)
    near, far = _spread(float(known.min()), float(known.max()))
    logarithms = np.log(np.where(depth.valid, depth.values, near) / near) / np.log(far / near)
    steps = 1 + np.rint(logarithms * (_LARGEST_STEP - 1))
    return np.where(depth.valid, steps, 0).astype("<u2"), (near, far)


def _jpeg(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=84, optimize=True)
    return buffer.getvalue()


def _gradient(colormap: str) -> str:
    """The colour bar as CSS, nearest (warmest) on the left."""
    rows = np.linspace(255, 0, _STOPS).round().astype(int)
    colours = ",".join("#" + colormap_table(colormap)[row].tobytes().hex() for row in rows)
    return f"linear-gradient(90deg,{colours})"


def _card_html(card: Card, gradient: str, folder: Path) -> str:
    summary, name = card.summary, html.escape(card.title)
    rows, columns = card.steps.shape
    data = {
        "columns": columns,
        "rows": rows,
        "near": f"{card.limits[0]:.6g}",
        "far": f"{card.limits[1]:.6g}",
        "unit": UNIT_TEXTS[summary.kind][0],
        "grid": _base64(card.steps.tobytes()),
    }
    attributes = " ".join(f'data-{key}="{value}"' for key, value in data.items())
    notes = "".join(f'<span class="note">{html.escape(note)}</span>' for note in summary.notes)
    return f"""<article {attributes}>
<div class="views">{_view(card.photo, f"Photo {name}")}{_view(card.depth, f"Depth of {name}")}</div>
{_bar_html(card.colours, summary.kind, gradient)}
<div class="about">
<h2>{name}</h2>
<span class="fact"><b>{summary.range_text}</b></span>
<span class="fact">{summary.width} × {summary.height}</span>
<span class="fact">focal length <b>{summary.camera.focal:.4g} px</b>
<b class="{summary.camera.focal_source}">{source_text(summary.camera)}</b></span>
<span class="links">{_links(card.outputs, folder)}</span>{notes}
</div>
</article>"""


def _view(jpeg: bytes, text: str) -> str:
    source = f"data:image/jpeg;base64,{_base64(jpeg)}"
    return f'<figure class="view"><img src="{source}" alt="{text}"><span class="spot"><b></b></span></figure>'


def _bar_html(colours: tuple[float, float], kind: Kind, gradient: str) -> str:
    """The scale under the pictures: linear in disparity, like the colours."""
    unit = UNIT_TEXTS[kind][0]
    near, far = colours
    ticks = []
    for share in (0.25, 0.5, 0.75):
        value = near + share * (far - near)
        if kind != "affine_disparity":
            value = 1 / ((1 - share) / near + share / far)
        ticks.append(f'<span style="left:{share:.0%}">{number_text(value)}{unit}</span>')
    return (
        f'<div class="bar"><span>{number_text(near)}{unit}</span>'
        f'<div class="scale" style="background:{gradient}"></div>'
        f'<span>{number_text(far)}{unit}</span><div class="ticks">{"".join(ticks)}</div></div>'
    )


def _links(outputs: Iterable[Path], folder: Path) -> str:
    links = []
    for path in outputs:
        target = quote(os.fsencode(Path(os.path.relpath(path, folder)).as_posix()))
        picture = path.stem.endswith("_picture")
        label = "picture" if picture else f"{_LABELS.get(path.suffix, 'depth')} {path.suffix[1:]}"
        links.append(f'<a href="{target}">{html.escape(label)}</a>')
    return "".join(links)


def _failure_html(name: str, reason: str) -> str:
    name, reason = html.escape(name), html.escape(reason)
    return f'<article class="failed"><h2>{name}</h2><p>No result: {reason}</p></article>'


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
