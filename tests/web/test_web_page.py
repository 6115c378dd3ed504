"""The page in Chromium: open a photo, read a metre value, measure, rotate, download."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image
from web_cases import Address, serving

from onedepth import Camera, DepthMap
from onedepth.apps.web.server import make_app
from onedepth.measure.ruler import Ruler
from onedepth.predict.depth_errors import DEFAULT_ERRORS
from onedepth.predict.predictor import Predictor

pytestmark = pytest.mark.browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
WIDTH, HEIGHT, FOCAL = 120, 80, 100.0


@pytest.fixture(scope="module")
def address(predictor: Predictor) -> Iterator[Address]:
    with serving(make_app(predictor)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, address: Address) -> Iterator[Any]:
    """The page, without a photo. Whatever it asks elsewhere, or complains of, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    opened, bad = context.new_page(), []
    own = (address.url, "blob:", "data:")
    opened.on("request", lambda request: None if request.url.startswith(own) else bad.append(request.url))
    opened.on("pageerror", lambda error: bad.append(str(error)))
    opened.on("console", lambda line: bad.append(line.text) if "Content Security" in line.text else None)
    opened.set_default_timeout(60_000)
    opened.goto(address.url)
    opened.wait_for_selector("html[data-ready]")
    yield opened
    context.close()
    assert bad == []


@pytest.fixture
def ramp() -> bytes:
    """Dark at the left, bright at the right, so the tiny model sees it near at the left."""
    grey = np.broadcast_to(np.linspace(0, 255, WIDTH), (HEIGHT, WIDTH)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(file, "PNG")
    return file.getvalue()


def show(page: Any, data: bytes, name: str = "photo.png", kind: str = "image/png") -> None:
    page.set_input_files("input.file", {"name": name, "mimeType": kind, "buffer": data})
    page.wait_for_selector(".work:not([hidden])")
    page.wait_for_selector(".busy", state="hidden")


def expected(predictor: Predictor, data: bytes, focal: float | None = None) -> DepthMap:
    image = Image.open(io.BytesIO(data))
    camera = None if focal is None else Camera.from_focal(focal, *image.size)
    return predictor.predict(image, camera)


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the photo lies on the screen."""
    box = page.locator("#compare").bounding_box()
    return box["x"] + box["width"] * x / WIDTH, box["y"] + box["height"] * y / HEIGHT


def told(page: Any, where: str, text: str) -> None:
    """Wait until a text stands there; scripts of the test's own the page's policy would forbid."""
    page.locator(where).filter(has_text=text).wait_for()


def metres(text: str) -> float:
    return float(re.search(r"[\d.]+", text)[0])


def test_the_value_under_the_pointer(page: Any, predictor: Predictor, ramp: bytes) -> None:
    show(page, ramp)
    truth = expected(predictor, ramp)
    for x, y in ((10.5, 40.5), (90.5, 20.5)):
        page.mouse.move(*at(page, x, y))
        text = page.locator(".spot b").inner_text()
        assert text.endswith(" m")
        assert metres(text) == pytest.approx(truth.depth[int(y), int(x)], abs=0.006)
    page.mouse.move(2, 2)
    assert page.locator(".spot").is_hidden()


def test_two_clicks_measure(page: Any, predictor: Predictor, ramp: bytes) -> None:
    show(page, ramp)
    truth = expected(predictor, ramp)
    assert truth.camera is not None
    ends = []
    for x, y in ((12.5, 60.5), (100.5, 30.5)):
        page.mouse.click(*at(page, x, y))
        ends.append(truth.camera.unproject((x, y), truth.depth[int(y), int(x)]))
    found = metres(page.locator(".between").inner_text())
    assert found == pytest.approx(np.linalg.norm(ends[0] - ends[1]), abs=0.012)
    answer = page.locator(".distance").inner_text()
    assert metres(answer) == found
    ruler = Ruler(truth, predictor.info.depth_errors or DEFAULT_ERRORS)
    length = ruler.distance((12, 60), (100, 30))
    assert metres(answer.split("±")[1]) == pytest.approx(length.uncertainty, abs=0.012)
    page.mouse.click(*at(page, 40, 60))
    assert page.locator(".between").is_hidden()


def test_the_focal_length_is_shown_with_its_source_and_edited(
    page: Any, predictor: Predictor, ramp: bytes
) -> None:
    show(page, ramp)
    assumed = Camera.assumed(WIDTH, HEIGHT).fx
    assert page.locator(".source").inner_text() == "assumed"
    assert float(page.locator(".focal input").input_value()) == pytest.approx(assumed, rel=1e-3)
    page.fill(".focal input", "0")
    page.click(".focal button")
    told(page, ".message", "expected a number above 0")
    page.fill(".focal input", str(2 * assumed))
    page.click(".focal button")
    told(page, ".source", "given")
    assert page.locator(".message").is_hidden()
    page.mouse.move(*at(page, 30.5, 30.5))
    truth = expected(predictor, ramp, 2 * assumed).depth[30, 30]
    assert metres(page.locator(".spot b").inner_text()) == pytest.approx(truth, abs=0.006)
    page.select_option(".focal select", "mm")
    assert float(page.locator(".focal input").input_value()) == pytest.approx(56, rel=1e-3)
    page.select_option(".focal select", "deg")
    page.fill(".focal input", "90")
    page.click(".focal button")
    told(page, ".focal-note", "60 px")
    page.click(".reset")
    told(page, ".source", "assumed")


def test_the_slider_uncovers_the_photo(page: Any, ramp: bytes) -> None:
    show(page, ramp)

    def colourful(x: float) -> bool:
        shot = Image.open(io.BytesIO(page.locator("#compare").screenshot())).convert("RGB")
        pixel = np.asarray(shot)[shot.height * 3 // 4, int(shot.width * x / WIDTH)].astype(int)
        return bool(np.ptp(pixel) > 40)

    assert colourful(30)
    assert not colourful(90)
    handle = page.locator(".slider").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(*at(page, 108, 40))
    page.mouse.up()
    assert int(page.locator(".slider").get_attribute("aria-valuenow")) == pytest.approx(90, abs=1)
    assert colourful(90)
    assert page.locator(".between").is_hidden()  # dragging the handle is no click
    page.locator(".slider").press("Home")
    assert not colourful(30)


def test_the_model_turns(page: Any, ramp: bytes) -> None:
    show(page, ramp)
    page.click("#tab-model")
    page.wait_for_selector("canvas.scene[data-triangles]")
    page.wait_for_selector(".busy", state="hidden")
    scene = page.locator("canvas.scene")
    assert int(scene.get_attribute("data-triangles")) > 10_000
    before, angle = scene.screenshot(), float(scene.get_attribute("data-azimuth"))
    pixels = np.asarray(Image.open(io.BytesIO(before)).convert("RGB"))
    assert pixels.std() > 20  # something is to be seen
    box = scene.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 20, steps=4)
    page.mouse.up()
    assert 0.2 < abs(float(scene.get_attribute("data-azimuth")) - angle) < 1.0
    assert scene.screenshot() != before


FORMATS = ("picture", "png16", "npz", "exr", "tiff", "pfm", "ply", "glb", "json")


def test_every_format_is_downloaded(page: Any, predictor: Predictor, ramp: bytes, tmp_path: Path) -> None:
    show(page, ramp, "../../evil name.png")
    truth = expected(predictor, ramp)
    found: dict[str, Path] = {}
    for name in FORMATS:
        with page.expect_download() as waiting:
            page.click(f"[data-format={name}]")
        file = tmp_path / waiting.value.suggested_filename
        assert "evil" not in file.name
        waiting.value.save_as(file)
        found[name] = file
    assert DepthMap.load(found["npz"]).values == pytest.approx(truth.values, rel=1e-5)
    assert DepthMap.load(found["png16"]).values == pytest.approx(truth.values, abs=6e-4)
    assert len(trimesh.load(found["ply"]).vertices) == WIDTH * HEIGHT
    assert trimesh.load(found["glb"], force="mesh").area > 0
    assert json.loads(found["json"].read_text())["kind"] == "metric"
    with Image.open(found["picture"]) as picture:
        assert picture.height == HEIGHT


def test_a_dropped_photo_and_one_that_is_none(page: Any, ramp: bytes) -> None:
    page.set_input_files("input.file", {"name": "a.txt", "mimeType": "image/png", "buffer": b"hello"})
    page.wait_for_selector(".message:not([hidden])")
    assert "not an image" in page.locator(".message span").inner_text()
    assert page.locator(".start").is_visible()
    page.evaluate(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
            const drop = {dataTransfer: transfer, bubbles: true, cancelable: true};
            document.body.dispatchEvent(new DragEvent("drop", drop));
        }""",
        list(ramp),
    )
    page.wait_for_selector(".work:not([hidden])")
    page.wait_for_selector(".busy", state="hidden")
    assert page.locator(".message").is_hidden()


def test_the_camera_takes_a_photo(page: Any) -> None:
    page.click(".start [data-do=webcam]")
    page.wait_for_selector("dialog.webcam[open]")
    page.click(".take")
    page.wait_for_selector(".work:not([hidden])")
    page.wait_for_selector(".busy", state="hidden")
    assert page.locator(".source").inner_text() == "assumed"
    assert page.evaluate("document.querySelector('video').srcObject") is None


@pytest.mark.parametrize(("width", "height"), [(1280, 860), (390, 844)])
def test_nothing_sticks_out(page: Any, ramp: bytes, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    show(page, ramp)
    for tab in ("model", "compare"):
        page.click(f"#tab-{tab}")
        page.wait_for_selector(".busy", state="hidden")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator(f"#{tab}").bounding_box()
        assert box["height"] <= height


def test_a_token_is_asked_for(browser: Any, predictor: Predictor, ramp: bytes) -> None:
    from onedepth.apps.web.settings import Settings

    with serving(make_app(predictor, Settings(token="sesame"))) as guarded:
        context = browser.new_context()
        opened = context.new_page()
        opened.set_default_timeout(60_000)
        opened.goto(guarded.url)
        assert opened.locator("dialog.ask .small").is_hidden()
        opened.fill("dialog.ask input", "salami")
        opened.click("dialog.ask button.main")
        opened.wait_for_selector("dialog.ask .small:not([hidden])")
        assert "not the right one" in opened.locator("dialog.ask .small").inner_text()
        opened.click("dialog.ask button.plain")
        opened.wait_for_selector(".message:not([hidden])")
        opened.set_input_files("input.file", {"name": "a.png", "mimeType": "image/png", "buffer": ramp})
        assert opened.locator("dialog.ask .small").is_hidden()
        opened.fill("dialog.ask input", "sesame")
        opened.click("dialog.ask button.main")
        opened.wait_for_selector(".work:not([hidden])")
        opened.wait_for_selector(".busy", state="hidden")
        told(opened, ".about", "tiny")  # asked for again: without it lengths would lack the model's errors
        assert opened.locator(".message").is_hidden()
        assert opened.locator(".source").inner_text() == "assumed"
        context.close()
