"""The page is one file that needs nothing else, and tells the depth under the pointer."""

import base64
import io
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from onedepth import Camera, DepthMap
from onedepth.apps.cli import app
from onedepth.apps.gallery import THUMBNAIL, Card, make_card, with_outputs, write_page
from onedepth.apps.summary import summarise
from onedepth.depthmap import Kind
from onedepth.files.images import Photo
from onedepth.predict import Prediction

WIDTH, HEIGHT = 200, 100


def _prediction(values: np.ndarray, notes: tuple[str, ...] = (), kind: Kind = "metric") -> Prediction:
    height, width = values.shape
    pixels = np.full((height, width, 3), 90, np.uint8)
    return Prediction(
        DepthMap(values.astype(np.float32), kind, Camera.assumed(width, height)),
        pixels,
        Photo(pixels, notes=notes),
    )


def _ramp(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """1 m at the left edge to 9 m at the right one."""
    return np.broadcast_to(1 + 8 * (np.arange(width) + 0.5) / width, (height, width))


def _card(values: np.ndarray, title: str = "photo.jpg", notes: tuple[str, ...] = ()) -> Card:
    prediction = _prediction(values, notes)
    return make_card(title, prediction, summarise(prediction))


def _decoded(card: Card) -> np.ndarray:
    near, far = card.limits
    return np.where(card.steps, near * (far / near) ** ((card.steps - 1.0) / 65534), 0)


def test_the_grid_keeps_the_metres() -> None:
    card = _card(_ramp())
    rows, columns = card.steps.shape
    assert max(rows, columns) <= 96
    expected = 1 + 8 * (np.arange(columns) + 0.5) / columns
    assert _decoded(card)[rows // 2] == pytest.approx(expected, rel=0.03)


def _values_on_page(card: Card, folder: Path) -> tuple[list[str], str]:
    write_page(folder / "index.html", [card])
    page = (folder / "index.html").read_text()
    bar = re.search(r'<div class="bar">.*?</div></div>', page, re.DOTALL)
    assert bar is not None
    return re.findall(r">([\d.]+(?: m)?)</span>", bar[0]), page


@pytest.mark.parametrize("kind", ["scaled", "affine_disparity"])
def test_without_metres_no_number_is_called_one(tmp_path: Path, kind: Kind) -> None:
    prediction = _prediction(_ramp(), kind=kind)
    card = make_card("photo.jpg", prediction, summarise(prediction))
    numbers, page = _values_on_page(card, tmp_path)
    assert not any("m" in number for number in numbers)
    values = [float(number) for number in (numbers[0], *numbers[2:], numbers[1])]
    assert values == sorted(values, reverse=kind == "affine_disparity")  # near to far
    assert 'data-unit=""' in page
    assert "right up to" in page


def test_with_metres_every_number_has_its_unit(tmp_path: Path) -> None:
    numbers, page = _values_on_page(_card(_ramp()), tmp_path)
    assert len(numbers) == 5
    assert all(number.endswith(" m") for number in numbers)
    assert 'data-unit=" m"' in page


def test_pixels_without_depth_have_step_zero() -> None:
    values = _ramp().copy()
    values[:, : WIDTH // 2] = 0
    card = _card(values)
    half = card.steps.shape[1] // 2
    assert (card.steps[:, : half - 1] == 0).all()
    assert (card.steps[:, half + 1 :] > 0).all()


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_empty_and_flat_maps_make_a_card(level: float, tmp_path: Path) -> None:
    card = _card(np.full((HEIGHT, WIDTH), level))
    write_page(tmp_path / "index.html", [card])
    assert (_decoded(card) == pytest.approx(level)) if level else (card.steps == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (4000, 30)])
def test_pictures_are_small_and_of_one_size(size: tuple[int, int]) -> None:
    card = _card(_ramp(*size))
    photo, depth = (Image.open(io.BytesIO(jpeg)) for jpeg in (card.photo, card.depth))
    assert photo.size == depth.size
    assert max(photo.size) <= THUMBNAIL


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def _links(page: Path) -> _Links:
    parser = _Links()
    parser.feed(page.read_text("utf-8"))
    return parser


def test_the_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    write_page(page, [with_outputs(_card(_ramp()), [tmp_path / "sub" / "a b&c.png"])])
    found = _links(page)
    assert [link for link in found.links if not link.startswith("data:")] == ["sub/a%20b%26c.png"]
    assert not re.search(r"https?://|@import|url\(", page.read_text("utf-8"))
    assert not {"link", "iframe", "object", "embed"} & set(found.tags)


def test_names_are_text_and_not_markup(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>\"'&.jpg"
    page = tmp_path / "index.html"
    write_page(
        page, [_card(_ramp(), nasty, (nasty,))], failures=[(nasty, nasty)], title=nasty, subtitle=nasty
    )
    assert page.read_text("utf-8").count("<script>") == 1
    assert _links(page).tags.count("script") == 1


def test_the_command_writes_the_page(tmp_path: Path, tiny_model: Path) -> None:
    for name in ("one.png", "two.png"):
        Image.new("RGB", (60, 40), (99, 99, 99)).save(tmp_path / name)
    (tmp_path / "bad.jpg").write_text("no photo")
    out = tmp_path / "out"
    arguments = ["predict", str(tmp_path), "-o", str(out), "--model", str(tiny_model), "--html"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    text = (out / "index.html").read_text("utf-8")
    assert text.count("<article data-") == 2
    assert "not an image" in text
    assert "assumed, ±30 %" in text
    for link in _links(out / "index.html").links:
        assert link.startswith("data:") or (out / link).is_file()
    (out / "index.html").write_text("mine")
    assert "kept" in CliRunner().invoke(app, arguments).stdout
    assert (out / "index.html").read_text() == "mine"


@pytest.mark.browser
def test_the_browser_reads_metres_under_the_pointer(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    write_page(page, [_card(_ramp())])
    probe = """<script>
    addEventListener("load", () => {
      const view = document.querySelector(".view"), box = view.getBoundingClientRect();
      view.dispatchEvent(new PointerEvent("pointermove",
        {clientX: box.left + box.width * 0.75, clientY: box.top + box.height / 2}));
      document.title = [...document.querySelectorAll(".spot b")].map(b => b.textContent).join("|");
    });
    </script></body>"""
    page.write_text(page.read_text("utf-8").replace("</body>", probe), "utf-8")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    run = subprocess.run(
        [*command, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    title = re.search("<title>(.*?)</title>", run.stdout)
    assert title is not None
    first, second = title[1].split("|")
    assert first == second
    assert float(first.removesuffix(" m")) == pytest.approx(7, abs=0.15)


def test_pictures_inside_are_what_was_made(tmp_path: Path) -> None:
    card = _card(_ramp())
    write_page(tmp_path / "index.html", [card])
    images = [link for link in _links(tmp_path / "index.html").links if link.startswith("data:image/jpeg")]
    assert [base64.b64decode(image.split(",")[1]) for image in images] == [card.photo, card.depth]
