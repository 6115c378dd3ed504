"""`onedepth predict clip.mp4` through its command line."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clip_builder import decoded, packets, texture, write_clip
from PIL import Image
from typer.testing import CliRunner, Result

from onedepth.apps.cli import app
from onedepth.predict.modelfile import MODEL_VARIABLE


@pytest.fixture(autouse=True)
def _model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", [texture(48, 64, n // 4) for n in range(12)], audio="aac")


def _predict(*words: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_film_with_sound(clip: Path, tmp_path: Path) -> None:
    run = _predict(clip, "-o", tmp_path / "out.mp4", "--side-by-side")
    assert (run.exit_code, run.stderr) == (0, "")
    assert re.search(r"12 frames of 64x48, stabilize full, colours from \S+ to \S+ m, sound", run.stdout)
    assert "sound copied" in run.stdout
    assert len(decoded(tmp_path / "out.mp4")[0]) == 12
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")
    assert _names(tmp_path) == ["clip.mp4", "out.mp4"]


def test_a_folder_of_depth(clip: Path, tmp_path: Path) -> None:
    words = ("--format", "npz", "--format", "picture", "--stabilize", "off", "--focal", 50)
    run = _predict(clip, "-o", tmp_path / "out", *words)
    assert run.exit_code == 0, run.stderr
    assert len(_names(tmp_path / "out")) == 2 * 12 + 1


def test_pictures_of_frames_have_the_same_colours(clip: Path, tmp_path: Path) -> None:
    """One depth is one colour in all of them: that of --range, or of a first pass."""
    from onedepth import DepthMap
    from onedepth.files.pictures import render_picture

    both = ("--format", "npz", "--format", "picture", "--stabilize", "off")
    assert _predict(clip, "-o", tmp_path / "set", *both, "--range", 1, 5).exit_code == 0
    told = re.search(r"from (\S+) to (\S+) m", _predict(clip, "-o", tmp_path / "found", *both).stdout)
    assert told is not None
    near, far = map(float, told.groups())
    for name, limits, most in (("set", (1.0, 5.0), 0), ("found", (near, far), 3)):  # told to 3 digits
        for frame in ("000000", "000011"):
            depth = DepthMap.load(tmp_path / name / f"{frame}.npz")
            wanted = render_picture(depth, limits=limits)[:48, :64].astype(int)
            found = np.asarray(Image.open(tmp_path / name / f"{frame}_picture.png"))[:48, :64]
            assert np.abs(wanted - found).max() <= most


def test_normals_and_points_of_frames_are_replaced_like_other_results(clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("laspy")
    words = ("-o", tmp_path / "out", "--stabilize", "off", "--focal", 50)
    assert _predict(clip, *words, "--format", "normals", "--format", "laz").exit_code == 0
    assert {"000011.laz", "000011_normals.png"} < set(_names(tmp_path / "out"))
    assert _predict(clip, *words, "--overwrite").exit_code == 0
    assert len(_names(tmp_path / "out")) == 12 + 1


def test_results_are_kept_unless_told(clip: Path, tmp_path: Path) -> None:
    for output in (tmp_path / "out.mp4", tmp_path / "out"):
        assert _predict(clip, "-o", output).exit_code == 0
        before = output.stat().st_mtime_ns
        run = _predict(clip, "-o", output)
        assert run.exit_code == 0
        assert "kept; --overwrite replaces it" in run.stdout
        assert output.stat().st_mtime_ns == before
        assert _predict(clip, "-o", output, "--overwrite").exit_code == 0
        assert output.stat().st_mtime_ns != before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("clip.mp4", "-o", "out.avi"), "videos are written as .mp4"),
        (("clip.mp4", "-o", "clip.mp4", "--overwrite"), "would replace the video"),
        (("clip.mp4", "-o", "no/out.mp4"), "its folder does not exist"),
        (("clip.mp4", "-o", "out.mp4", "--format", "npz"), "--format is for a folder"),
        (("clip.mp4", "-o", "out.mp4", "--stabilize", "much"), "--stabilize much: unknown"),
        (("clip.mp4", "-o", "out.mp4", "--range", "5", "2"), "--range 5 2"),
        (("clip.mp4", "-o", "out", "--range", "2", "5"), "--format picture"),
        (("clip.mp4", "-o", "out", "--side-by-side"), "--side-by-side is for a film"),
        (("clip.mp4", "-o", "out.mp4", "--runner", "ray"), "--runner ray"),
        (("clip.mp4", "-o", "out.mp4", "--workers", "2"), "--workers"),
        (("photo.png", "-o", "out.mp4"), "films are made of videos"),
        (("clip.mp4", "other.mp4", "-o", "out.mp4"), "one video at a time"),
        (("missing.mp4", "-o", "out.mp4"), "no such file"),
        (("text.mp4", "-o", "out.mp4"), "no video, or damaged"),
        (("photo.png", "-o", "out", "--stabilize", "off"), "are for a video"),
        (("clip.mp4", "-o", "."), "holds other files"),
        (("clip.mp4", "-o", "out", "--html"), "--html is for photos"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    clip: Path, tmp_path: Path, words: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("text")
    before = clip.read_bytes(), _names(tmp_path)
    run = _predict(*words)
    assert run.exit_code == 2
    assert run.stderr.count("error: ") == 1
    assert run.stderr.count("\n") == 1
    assert reason in run.stderr
    assert (clip.read_bytes(), _names(tmp_path)) == before


def test_a_damaged_clip_is_a_partial_result(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [texture(48, 64, n) for n in range(30)])
    data = bytearray(clip.read_bytes())
    clip.write_bytes(data[: len(data) // 2])
    run = _predict(clip, "-o", tmp_path / "out")
    assert run.exit_code in (0, 1)  # some containers break off without a word
    assert ("damaged after" in run.stderr) == (run.exit_code == 1)
    assert 1 < len(_names(tmp_path / "out")) < 31


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """A signal in the middle of a long clip: one line, exit code 130, no half film and no hidden file."""
    clip = write_clip(tmp_path / "clip.mp4", [texture(240, 320, n % 5) for n in range(400)])
    command = [sys.executable, "-c", "from onedepth.apps.cli import main; main()", "predict", str(clip)]
    child = subprocess.Popen([*command, "-o", str(tmp_path / "out")], stderr=subprocess.PIPE, text=True)
    try:
        while not any(path.name[0] == "." and len(os.listdir(path)) > 3 for path in tmp_path.iterdir()):
            assert child.poll() is None, child.communicate()[1]
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted after" in errors
    assert _names(tmp_path) == ["clip.mp4"]
