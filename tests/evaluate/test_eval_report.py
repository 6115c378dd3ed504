"""The report is one file that needs nothing else, shows the right images, and looks right in a browser."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from eval_cases import HEIGHT, WIDTH, flat, protocol, ramp, saying, write_set

from onedepth.evaluate import result
from onedepth.evaluate.align import Fit
from onedepth.evaluate.charts import colour_scale
from onedepth.evaluate.loading import open_data
from onedepth.evaluate.models import Model, View
from onedepth.evaluate.pictures import error_map, four_pictures
from onedepth.evaluate.protocol import Protocol
from onedepth.evaluate.report import Content, extremes, fit_of, write_report
from onedepth.evaluate.run import evaluate
from onedepth.evaluate.scoring import pair, score
from onedepth.evaluate.summary import summarise
from onedepth.evaluate.table import Table
from onedepth.evaluate.tallies import Tallies

NAN = float("nan")


def _sparse() -> np.ndarray:
    truth = np.full((HEIGHT, WIDTH), NAN, np.float32)
    truth[::6, ::7] = ramp(2, 20)[::6, ::7]
    return truth


TRUTHS = [flat(4), ramp(2, 20), _sparse(), flat(NAN), flat(6)]


def _answer(view: View) -> np.ndarray:
    """Right for the first image, 10 and 20 % too far for the next, twice too near for the last."""
    index = int(view.id[-1])
    return [flat(4), ramp(2, 20) * 1.1, ramp(2, 20) * 1.2, flat(1), flat(3)][index].astype(np.float32)


def _content(tmp_path: Path, rules: Protocol | None = None) -> Content:
    rules = rules or protocol()
    folder = write_set(tmp_path / "set", TRUTHS)
    records = open_data(str(folder))
    models = [
        saying(_answer, name="<b>ours</b>"),
        saying(lambda view: _answer(view) * np.float32(1.3), name="other"),
    ]
    tallies = Tallies(rules)
    outcome = evaluate(records, models, rules, on_pair=tallies.add)
    summary = summarise(outcome.table, rules.average)
    values = result.build(
        result.Setting(str(folder), 1, None, "onedepth eval"), rules, models, outcome, summary
    )
    return Content(records, models, rules, outcome.table, *summary, tallies, values)


def test_best_median_and_worst_are_by_the_first_metric(tmp_path: Path) -> None:
    table = _content(tmp_path).table
    assert extremes(table, "<b>ours</b>", "none") == [("best", 0), ("median", 2), ("worst", 4)]
    by_delta = _content(tmp_path / "x", protocol(metrics=["delta1", "abs_rel"])).table
    assert extremes(by_delta, "<b>ours</b>", "none")[-1] == ("worst", 4)


def test_an_image_is_shown_once_and_none_where_there_is_none(tmp_path: Path) -> None:
    one = Table(("abs_rel",))
    model, record = saying(flat(2)), SimpleNamespace(id="0", scene="")
    rules = protocol(metrics=["abs_rel"])
    one.add(record.id, "", {model.name: score(pair(flat(2), "metric", flat(3), None, rules), rules)})
    assert extremes(one, model.name, "none") == [("best", 0)]
    none = Table(("abs_rel",))
    none.add(record.id, "", {model.name: score(pair(flat(2), "metric", flat(NAN), None, rules), rules)})
    assert extremes(none, model.name, "none") == []


def test_the_page_is_one_file_without_requests(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, _content(tmp_path))
    page = path.read_text()
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert "url(" not in page
    assert "<script" not in page
    assert page.count("data:image/jpeg") == 2 * 3 * 4
    assert page.count("<svg") == 4
    assert "&lt;b&gt;ours&lt;/b&gt;" in page
    assert "<b>ours</b>" not in page
    assert "1 of 5 images without a number: no truth between 0.001 and 80 m" in page
    assert "$" not in re.sub(r"data:[^\"]*", "", page)


def test_the_error_map_is_blue_where_too_near_and_red_where_too_far() -> None:
    truth = np.array([[2.0, 2.0, 2.0, NAN]], np.float32)
    near, right, far, none = error_map(np.array([[1.0, 2.0, 4.0, 2.0]], np.float32), truth)[0].astype(int)
    assert near[2] > near[0] + 50
    assert far[0] > far[2] + 50
    assert np.ptp(right) == 0
    assert right[0] > 240
    assert none.max() < 40


def test_errors_are_tallied_by_true_depth_and_by_size() -> None:
    rules = protocol()
    tallies = Tallies(rules)
    truth = np.array([[10.0, 10.0, 50.0, NAN]], np.float32)
    prediction = np.array([[10.2, 13.0, 100.0, 3.0]], np.float32)  # 2 %, 30 %, and 60 % once clamped to 80 m
    both = pair(prediction, "metric", truth, None, rules)
    record: Any = None
    tallies.add(saying(prediction), record, record, both, score(both, rules))
    counts = tallies.models["saying"].by_depth
    edges = tallies.edges
    assert edges[-1] == 80
    assert np.allclose(edges[1:] / edges[:-1], 2**0.5)
    row10, row50 = np.searchsorted(edges, [10.0, 50.0], "right") - 1
    assert counts[row10].tolist() == [1, 0, 0, 1, 0]
    assert counts[row50].tolist() == [0, 0, 0, 0, 1]
    assert counts.sum() == tallies.models["saying"].density.sum() == 3


def test_the_photo_is_cut_to_the_window_of_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onedepth.evaluate.pictures as pictures

    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(pictures, "_jpeg", lambda pixels: seen.append(pixels.shape) or "")
    half = [{"rows": [0.5, 1], "columns": [0, 0.25], "of": "fractions", "rounding": "nearest"}]
    rules = protocol(crop=half)
    record = open_data(str(write_set(tmp_path / "set", [flat(4)])))[0]
    fit = Fit(alignment="none", kind="metric", space="depth", scale=1.0, shift=0.0)
    four_pictures(record, saying(flat(4)), fit, rules)
    assert seen == [(HEIGHT // 2, WIDTH // 4, 3)] * 4


def test_truth_and_prediction_have_a_scale_in_metres(tmp_path: Path) -> None:
    content = _content(tmp_path)
    write_report(tmp_path / "r.html", content)
    page = (tmp_path / "r.html").read_text()
    assert page.count('class="scale"') == 2 * page.count('alt="truth of')
    fit = fit_of(content.table, content.models[0], "none", 1, content.protocol)
    shown = four_pictures(content.records[1], content.models[0], fit, content.protocol)
    assert 2 <= shown.near < 3 < 15 < shown.far <= 20
    scale = colour_scale(2.0, 6.0)
    assert re.findall(r"<span>(.*?) m</span>", scale) == ["2.0", "3.0", "6.0"]
    warm, *_, cold = re.findall(r"rgb\((\d+) \d+ (\d+)\)", scale)
    assert int(warm[0]) > int(warm[1])
    assert int(cold[0]) < int(cold[1])


def test_disparity_models_have_a_report_as_well(tmp_path: Path) -> None:
    rules = protocol("midas-kitti")
    records = open_data(str(write_set(tmp_path / "set", [ramp(2, 20), ramp(3, 30)])))
    model = saying(lambda view: 2 / ramp(2, 20) + np.float32(1), kind="affine_disparity")
    tallies = Tallies(rules)
    outcome = evaluate(records, [model], rules, on_pair=tallies.add)
    summary = summarise(outcome.table, rules.average)
    values = result.build(result.Setting("set", 1, None, "x"), rules, [model], outcome, summary)
    path = tmp_path / "report.html"
    write_report(path, Content(records, [model], rules, outcome.table, *summary, tallies, values))
    assert path.read_text().count("data:image/jpeg") == 2 * 4


@pytest.fixture
def page_of() -> Any:
    """A function that opens a page offline in Chromium, with what it asked for and complained of."""
    playwright = pytest.importorskip("playwright.sync_api")
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=executable, args=["--no-sandbox"])

        def open_page(path: Path, width: int) -> tuple[Any, list[str]]:
            page = browser.new_context(viewport={"width": width, "height": 900}, offline=True).new_page()
            trouble: list[str] = []
            page.on("console", lambda message: trouble.append(f"console: {message.text}"))
            page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
            own = path.as_uri()
            page.on("request", lambda r: None if r.url.startswith(("data:", own)) else trouble.append(r.url))
            page.goto(own)
            return page, trouble

        yield open_page
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_opens_offline_in_a_browser_and_everything_on_it_shows(
    tmp_path: Path, width: int, page_of: Callable[[Path, int], tuple[Any, list[str]]]
) -> None:
    path = tmp_path / "report.html"
    write_report(path, _content(tmp_path))
    page, trouble = page_of(path, width)
    shown = page.evaluate(
        "[...document.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])"
    )
    assert len(shown) == 24
    assert all(complete and natural > 0 and drawn > 20 for complete, natural, drawn in shown)
    assert page.locator("svg").count() == 4
    assert page.locator("svg rect").count() > 10
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("summary").click()
    assert "ends: closed" in page.locator("pre").inner_text()

    picture = tmp_path / "report.png"
    page.screenshot(path=str(picture), full_page=True)
    from PIL import Image

    with Image.open(picture) as image:
        colours = np.asarray(image.convert("RGB"))
    assert colours.shape[1] == width
    drawn = np.abs(colours.astype(int) - colours[0, 0]).max(axis=2) > 30
    assert drawn.mean() > 0.1  # not blank
    assert trouble == []


def test_the_command_writes_the_page(tmp_path: Path, tiny_model: Path) -> None:
    from typer.testing import CliRunner

    from onedepth.apps.cli import app

    data = write_set(tmp_path / "set", [flat(2), ramp(1, 8)])
    path = tmp_path / "report.html"
    words = ["eval", "--model", tiny_model, "--data", data, "--protocol", "kitti-odometry", "--report", path]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    assert "KITTI, whole frame, LiDAR" in path.read_text()


def test_a_model_without_a_number_has_a_section_without_pictures(tmp_path: Path) -> None:
    content = _content(tmp_path)
    silent = Model("silent", "metric", "silent", (), lambda view: flat(NAN))
    rules = content.protocol
    outcome = evaluate(content.records, [*content.models, silent], rules, on_pair=content.tallies.add)
    summary = summarise(outcome.table, rules.average)
    models = [*content.models, silent]
    values = result.build(result.Setting("set", 1, None, "x"), rules, models, outcome, summary)
    path = tmp_path / "report.html"
    write_report(
        path, Content(content.records, models, rules, outcome.table, *summary, content.tallies, values)
    )
    assert "silent, none: 5 of 5 images without a number" not in path.read_text()  # two reasons, told apart
    assert (
        "silent, none: 4 of 5 images without a number: not one predicted value is usable" in path.read_text()
    )
