"""Runs the README and the documentation: every `bash` and `python` block, top to bottom, page by page.

A page runs in a folder of its own that holds `examples/`, `recipes/`, `photo.jpg` and `photos/`; its Python
blocks share one namespace. A comment directly above a block changes what is run:

    <!-- test: skip, because REASON -->     the block is not run
    <!-- test: shortened
    onedepth train recipes/metric_v0.yaml --max-steps 2
    -->                                     these lines are run instead; each must begin like one of the block
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- test: (?P<verb>skip, because|shortened)\s+(?P<text>.*?)\s*-->\n+)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)

GROUPS = ("data",)  # commands that have commands of their own


@dataclass(frozen=True)
class Block:
    """One fenced block and what to do with it; `where` is `file:line`."""

    where: str
    language: str
    code: str
    verb: str | None
    text: str

    @property
    def runnable(self) -> str:
        """The code to run: the block, its shortened form, or nothing."""
        if self.verb is None:
            return self.code
        return self.text if self.verb == "shortened" else ""


def blocks(page: Path) -> Iterator[Block]:
    """The `bash` and `python` blocks of a page."""
    content = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(content):
        if match["language"] in ("bash", "python"):
            line = content.count("\n", 0, match.start("code")) + 1
            where = f"{page.relative_to(ROOT) if page.is_relative_to(ROOT) else page.name}:{line}"
            yield Block(where, match["language"], match["code"], match["verb"], match["text"] or "")


def commands(code: str) -> list[str]:
    """The shell commands of a block, continuation lines joined, comments dropped."""
    lines = (line.split(" #")[0].strip() for line in code.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def run_shell(block: Block, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = ["bash", "-euo", "pipefail", "-c", block.runnable]
    run = subprocess.run(
        shell,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, f"{block.where}\n{block.runnable}\n{run.stdout}\n{run.stderr}"


def every_block() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in ("examples", "recipes"):
        if (ROOT / name).is_dir():
            (tmp_path / name).symlink_to(ROOT / name)
    photos = sorted((ROOT / "examples").glob("*.jpg"))[:2]
    (tmp_path / "photos").mkdir()
    for photo in photos:
        shutil.copy(photo, tmp_path / "photos")
    shutil.copy(photos[0], tmp_path / "photo.jpg")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_does_what_it_says(page: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    namespace: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(page):
        if block.language == "bash":
            run_shell(block, workspace)
        else:
            exec(compile(block.runnable, block.where, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_what_is_not_run_says_why_and_what_is_shortened_stays_the_same_command() -> None:
    for block in every_block():
        if block.verb == "skip, because":
            assert len(block.text) > 10, block.where
        if block.verb == "shortened" and block.language == "bash":
            long_forms = {tuple(command.split()[:2]) for command in commands(block.code)}
            short_forms = {tuple(command.split()[:2]) for command in commands(block.text)}
            assert short_forms <= long_forms, block.where


def test_every_make_target_of_the_pages_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    named = {
        word
        for page in PAGES
        for word in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test"} <= named <= targets


def test_every_option_of_the_pages_exists() -> None:
    """Also of commands that are shortened or skipped, which would otherwise rot."""
    used: dict[str, set[str]] = {}
    for block in every_block():
        for command in commands(block.code) if block.language == "bash" else []:
            words = command.split()
            if words[0] == "onedepth" and len(words) > 1 and not words[1].startswith("-"):
                name = " ".join(words[1 : 3 if words[1] in GROUPS else 2])
                used.setdefault(name, set()).update(re.findall(r"(?<=\s)--[a-z-]+", command))
    assert "predict" in used
    for subcommand, options in used.items():
        script = [str(Path(sys.executable).with_name("onedepth")), *subcommand.split(), "--help"]
        environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
        text = subprocess.run(script, env=environment, check=True, capture_output=True, text=True).stdout
        assert options <= set(re.findall(r"--[a-z-]+", text)), subcommand


def test_markers_are_understood(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```bash\nls\n```\n\n<!-- test: skip, because it takes a day -->\n```bash\nsleep 86400\n```\n"
        "<!-- test: shortened\nseq 1\n-->\n\n```bash\nseq 1 \\\n  99  # long\n```\n```yaml\na: 1\n```\n"
    )
    assert [block.runnable for block in blocks(page)] == ["ls\n", "", "seq 1"]
    assert [block.where for block in blocks(page)] == ["page.md:2", "page.md:7", "page.md:14"]
    assert commands("seq 1 \\\n  99  # long\n# no\n") == ["seq 1    99"]


def test_a_failing_block_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        run_shell(Block("page.md:1", "bash", "false | true\n", None, ""), tmp_path)
