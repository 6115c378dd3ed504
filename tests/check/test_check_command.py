"""`onedepth data check`: exit codes, what is written and what is not, hostile input, and Ctrl-C."""

import io
import json
import re
import shutil
import subprocess
import tarfile
from html.parser import HTMLParser
from pathlib import Path

import cv2
import pytest
from check_cases import faulty_set, line, millimetres, photo, write_lines
from typer.testing import CliRunner, Result

from onedepth.apps.cli import app
from onedepth.check.run import check_records
from onedepth.manifest.manifest import open_manifest, open_records


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", "check", *map(str, words)])


def good_set(folder: Path, count: int = 3) -> Path:
    return write_lines(folder, [line(folder, index) for index in range(count)])


def test_exit_codes_tell_fine_findings_and_nothing(tmp_path: Path) -> None:
    path = good_set(tmp_path)
    done = run(path)
    assert done.exit_code == 0, done.output
    assert "All 3 records were opened, and nothing was found wrong." in done.output
    (tmp_path / "000.png").unlink()
    done = run(path)
    assert done.exit_code == 1
    assert "000.png" in done.output
    for name in ("001.png", "002.jpg"):
        (tmp_path / name).unlink()
    assert run(path).exit_code == 2
    assert run(tmp_path / "none.jsonl").exit_code == 2
    (tmp_path / "empty.jsonl").write_text("")
    assert run(tmp_path / "empty.jsonl").exit_code == 2


def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    done = run(write_lines(tmp_path, [line(tmp_path, 0, id="a\x1b[2J\nb", camera=None)]))
    assert "a?[2J?b: label is metric" in done.output
    assert "\x1b[2J" not in done.output


def test_a_note_is_no_fault(tmp_path: Path) -> None:
    path = write_lines(tmp_path, [line(tmp_path, 0, camera=None)])
    done = run(path)
    assert done.exit_code == 0
    assert "no_camera" in done.output


def test_a_folder_of_scenes_is_checked(tmp_path: Path) -> None:
    frames = []
    for index in range(2):
        values = line(tmp_path, index)
        frames.append({"id": values["id"], "camera": {**values["camera"], "cx": 63.5, "cy": 47.5}})
    scene = {"label": "metric", "depth_unit_m": 0.001, "frames": frames}
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    assert run(tmp_path).exit_code == 0


def test_a_file_that_is_no_list_is_called_a_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no list")
    done = run(tmp_path / "notes")
    assert done.exit_code == 2
    assert "notes: is a file, and by its name neither manifest" in " ".join(done.output.split())


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    path, expected = faulty_set(tmp_path)
    done = run(path, "--json", "--fix", tmp_path / "clean.jsonl")
    assert done.exit_code == 1
    values = json.loads(done.stdout)
    assert values["records"] == len(open_manifest(path))
    numbers = {
        item["number"]: kind for kind, finding in values["findings"].items() for item in finding["listed"]
    }
    assert numbers == expected
    assert values["fix"]["written"] == len(open_manifest(tmp_path / "clean.jsonl"))
    assert values["fix"]["written"] + sum(values["fix"]["dropped"].values()) == values["records"]


def test_the_input_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = good_set(tmp_path)
    (tmp_path / "001.png").unlink()
    before = path.read_bytes()
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    for target in (path, link):
        done = run(path, "--fix", target)
        assert done.exit_code == 2
        assert "--overwrite" in done.output
    assert run(path, "--html", path).exit_code == 2
    assert path.read_bytes() == before
    done = run(path, "--fix", path, "--overwrite")
    assert done.exit_code == 1
    assert "2 records written, 0 of them mended, 1 left out (missing 1)" in done.output
    assert [record.id for record in open_manifest(path)] == ["000", "002"]


@pytest.mark.parametrize(("option", "name"), [("--fix", "clean.jsonl"), ("--html", "page.html")])
def test_other_files_are_replaced_only_when_asked(tmp_path: Path, option: str, name: str) -> None:
    path = good_set(tmp_path)
    (tmp_path / name).write_text("mine")
    done = run(path, option, tmp_path / name)
    assert (done.exit_code, (tmp_path / name).read_text()) == (2, "mine")
    assert f"{name}: exists; name another file, or add --overwrite" in " ".join(done.output.split())
    assert run(path, option, tmp_path / name, "--overwrite").exit_code == 0
    assert (tmp_path / name).stat().st_size > 100


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fix", "clean.txt"], "expected a name that ends in .jsonl"),
        (["--fix", "no/such/clean.jsonl"], "its folder does not exist"),
        (["--html", "no/such/page.html"], "its folder does not exist"),
        (["--overwrite"], "what --fix and --html may replace"),
        (["--drop-suspicious"], "give --fix"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onedepth.check.run.check_records", lambda *_, **__: pytest.fail("it began"))
    done = run(good_set(tmp_path), *words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_nothing_is_written_when_nothing_would_be_left(tmp_path: Path) -> None:
    path = good_set(tmp_path, 1)
    cv2.imwrite(str(tmp_path / "000.png"), millimetres() * 0)
    done = run(path, "--fix", tmp_path / "clean.jsonl")
    assert done.exit_code == 2
    assert "no record would be left" in done.output
    assert not (tmp_path / "clean.jsonl").exists()


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = good_set(tmp_path)
    before = sorted(file.name for file in tmp_path.iterdir())

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for target in ("onedepth.check.report.Collector.add", "onedepth.manifest.manifest.relate"):
        with monkeypatch.context() as patch:
            patch.setattr(target, interrupted)
            done = run(path, "--fix", tmp_path / "clean.jsonl", "--html", tmp_path / "page.html")
        assert done.exit_code == 130
        assert sorted(file.name for file in tmp_path.iterdir()) == before


def _tar(path: Path, *links: str) -> None:
    picture = cv2.imencode(".jpg", photo(1))[1].tobytes()
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("room/1.jpg")
        member.size = len(picture)
        archive.addfile(member, io.BytesIO(picture))
        for name in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)


def test_tar_members_are_read_and_hostile_tar_files_are_not(tmp_path: Path) -> None:
    _tar(tmp_path / "a.tar")
    _tar(tmp_path / "evil.tar", "link.jpg")
    members = ("a.tar#room/1.jpg", "a.tar#room/2.jpg", "a.tar#../../x", "evil.tar#link.jpg")
    lines = [line(tmp_path, index, image=name) for index, name in enumerate(members)]
    report = check_records(open_manifest(write_lines(tmp_path, lines)))
    assert report.counts == {"missing": 2, "unreadable": 1}
    assert report.table["found"][0] == 0


def test_schemes_that_run_something_are_refused(tmp_path: Path) -> None:
    lines = [
        line(tmp_path, 0),
        line(tmp_path, 1, image="pipe:touch gone"),
        line(tmp_path, 2, image="zip://a"),
    ]
    report = check_records(open_manifest(write_lines(tmp_path, lines)))
    assert report.counts == {"bad_record": 2}


def test_records_are_asked_for_as_they_are_needed(tmp_path: Path) -> None:
    manifest = open_manifest(good_set(tmp_path, 2))
    asked, done = [], []

    class Endless:
        def __len__(self) -> int:
            return 60

        def __getitem__(self, index: int) -> object:
            asked.append(index)
            return manifest[index % 2].model_copy(update={"id": str(index)})

    ahead = []
    check_records(
        Endless(), workers=2, advance=lambda: (done.append(1), ahead.append(len(asked) - len(done)))
    )  # type: ignore[arg-type]
    assert len(done) == 60
    assert max(ahead) <= 8


def test_a_card_says_what_is_wrong_with_a_label(tmp_path: Path) -> None:
    path = good_set(tmp_path)
    (tmp_path / "001.png").write_bytes(b"no picture")
    assert run(path, "--html", tmp_path / "page.html").exit_code == 1
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "no label" not in text
    assert "label cannot be opened" in text
    assert "0% measured" not in text.replace("100% measured", "")
    cards = [card for card in text.split("<article>") if "<h3>001</h3>" in card]
    assert len(cards) == 2
    assert all("not an image" in card for card in cards)


class _Page(HTMLParser):
    """Addresses that a page refers to, and the text of its list items."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_believes_no_name(tmp_path: Path) -> None:
    path, _ = faulty_set(tmp_path)
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    lines[0]["id"] = "<script>alert(1)</script>"
    write_lines(tmp_path, lines)
    assert run(path, "--html", tmp_path / "page.html").exit_code == 1
    text = (tmp_path / "page.html").read_text("utf-8")
    page = _Page(text)
    assert "script" not in page.tags
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    assert page.tags.count("svg") == 4
    anchors = {address[1:] for address in page.addresses if address.startswith("#")}
    assert anchors == set(re.findall(r'<section id="(\w+)"', text))
    assert len(anchors) > 20


@pytest.mark.browser
def test_the_page_fits_a_narrow_screen(tmp_path: Path) -> None:
    path, _ = faulty_set(tmp_path)
    run(path, "--html", tmp_path / "page.html")
    page = tmp_path / "page.html"
    probe = "<script>onload = () => { document.title = document.documentElement.scrollWidth }</script></body>"
    page.write_text(page.read_text("utf-8").replace("</body>", probe), "utf-8")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        [browser, *words, "--window-size=600,900", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    width = re.search("<title>(\\d+)</title>", shown.stdout)
    assert width is not None
    assert int(width[1]) <= 600


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["nyu_v2/train", "kitti/drive_0005"])
def test_real_metres_are_believed(shared_folder: Path, name: str) -> None:
    records = open_records(shared_folder / "data" / name)[:40]
    assert check_records(records).counts == {}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["nyu_v2/train", "kitti/drive_0005"])
@pytest.mark.parametrize(("field", "value"), [("scale", 10.0), ("quantity", "disparity")])
def test_real_mistakes_are_not(shared_folder: Path, name: str, field: str, value: object) -> None:
    records = [
        record.model_copy(update={"label": record.label.model_copy(update={field: value})})
        for record in open_records(shared_folder / "data" / name)[:24]
        if record.label is not None
    ]
    kind = "unit" if field == "scale" else "inverted"
    assert check_records(records).counts.get(kind) == len(records)
