"""`onedepth effect` through its command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from onedepth import Camera, DepthMap
from onedepth.apps.cli import app
from onedepth.predict.modelfile import MODEL_VARIABLE

HEIGHT, WIDTH = 48, 64


@pytest.fixture(autouse=True)
def _scene(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("photo.png")
    ramp = np.repeat(np.linspace(2, 9, WIDTH, dtype=np.float32)[None], HEIGHT, axis=0)
    DepthMap(ramp, "metric", Camera.from_focal(60, WIDTH, HEIGHT)).save("depth.npz")


def _effect(*words: object) -> Result:
    result = CliRunner().invoke(app, ["effect", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def _pixels(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    ("name", "output", "shape", "said"),
    [
        ("bokeh", "out.png", (HEIGHT, WIDTH, 3), "focus "),
        ("fog", "out.jpg", (HEIGHT, WIDTH, 3), "visibility "),
        ("defog", "out.webp", (HEIGHT, WIDTH, 3), "visibility "),
        ("stereo", "out.png", (HEIGHT, 2 * WIDTH, 3), "baseline "),
        ("anaglyph", "out.png", (HEIGHT, WIDTH, 3), "in place "),
    ],
)
@pytest.mark.parametrize("depth", [(), ("--depth", "depth.npz")])
def test_every_picture_is_made(
    name: str, output: str, shape: tuple[int, ...], said: str, depth: tuple[str, ...]
) -> None:
    run = _effect(name, "photo.png", "-o", output, *depth)
    assert (run.exit_code, run.stderr) == (0, "")
    assert said in run.stdout
    assert _pixels(output).shape == shape


def test_parallax_is_a_clip() -> None:
    import av

    run = _effect("parallax", "photo.png", "-o", "out.mp4", "--seconds", 0.5, "--depth", "depth.npz")
    assert run.exit_code == 0, run.stderr
    assert "15 frames" in run.stdout
    with av.open("out.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == 15


def test_zeros_of_the_command_line_change_nothing() -> None:
    for words in (("bokeh", "--aperture", 0), ("fog", "--visibility", "inf"), ("anaglyph", "--baseline", 0)):
        assert _effect(words[0], "photo.png", "-o", "out.png", "--overwrite", *words[1:]).exit_code == 0
        np.testing.assert_array_equal(_pixels("out.png"), _pixels("photo.png"))


def test_a_point_is_where_the_photo_is_sharp() -> None:
    words = ("bokeh", "photo.png", "--depth", "depth.npz", "--aperture", 600)
    assert "focus 2.33 m" in _effect(*words, "-o", "near.png", "--at", 3, 20).stdout
    near = np.abs(_pixels("near.png").astype(int) - _pixels("photo.png"))
    assert near[:, 3].max() == 0
    assert near[:, 50:].mean() > 30


def test_an_existing_output_is_kept_unless_told() -> None:
    shutil.copy("photo.png", "out.png")
    run = _effect("fog", "photo.png", "-o", "out.png")
    assert run.exit_code == 0
    assert "kept" in run.stdout
    np.testing.assert_array_equal(_pixels("out.png"), _pixels("photo.png"))
    assert _effect("fog", "photo.png", "-o", "out.png", "--overwrite").exit_code == 0
    assert (_pixels("out.png") != _pixels("photo.png")).any()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("glow", "photo.png", "-o", "out.png"), "expected one of bokeh, fog"),
        (("fog", "photo.png", "-o", "out.png", "--aperture", "3"), "--aperture is not for fog"),
        (("fog", "photo.png", "-o", "out.png", "--visibility", "0"), "--visibility 0"),
        (("bokeh", "photo.png", "-o", "out.png", "--focus", "-1"), "--focus -1"),
        (("bokeh", "photo.png", "-o", "out.png", "--aperture", "50000"), "millimetres from 0 to 1000"),
        (("fog", "depth.npz", "-o", "out.png"), "holds depth"),
        (("fog", "kinect.png", "-o", "out.png"), "--depth-scale"),
        (("fog", "photo.png", "-o", "out.png", "--depth", "kinect.png"), "--depth-scale"),
        (("fog", "photo.png", "-o", "out.png", "--depth-scale", "mm"), "--depth FILE"),
        (("fog", "photo.png", "-o", "out.png", "--depth", "depth.npz", "--focal", "90"), "predicted for"),
        (("fog", "photo.png", "-o", "out.png", "--light", "1", "2", "300"), "from 0 to 255"),
        (("fog", "photo.png", "-o", "out.gif"), "written as .png"),
        (("fog", "photo.png", "-o", "no/out.png"), "folder that exists"),
        (("fog", "photo.png", "-o", "photo.png", "--overwrite"), "would replace the photo"),
        (("fog", "none.png", "-o", "out.png"), "no such file"),
        (("parallax", "photo.png", "-o", "out.png"), "written as .mp4"),
        (("parallax", "photo.png", "-o", "out.mp4", "--seconds", "0"), "--seconds 0"),
        (("bokeh", "photo.png", "-o", "out.png", "--focus", "2", "--at", "1", "1"), "give one of them"),
        (("bokeh", "photo.png", "-o", "out.png", "--at", "64", "1"), "outside the photo"),
        (("stereo", "photo.png", "-o", "out.png", "--baseline", "90000"), "--baseline 90000"),
        (("fog", "photo.png", "-o", "out.png", "--depth", "small.npz"), "give its own depth"),
    ],
)
def test_what_cannot_be_made_is_one_line(words: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    DepthMap(np.ones((5, 5)), "metric").save("small.npz")
    Image.fromarray(np.full((HEIGHT, WIDTH), 900, np.uint16)).save("kinect.png")
    before = sorted(path.name for path in tmp_path.iterdir())
    run = _effect(*words)
    assert run.exit_code == 2
    assert run.stderr.count("\n") == 1
    assert reason in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_widest_baseline_is_told_in_millimetres_and_holds() -> None:
    told = _effect(
        "stereo", "photo.png", "-o", "out.png", "--depth", "depth.npz", "--baseline", "90000"
    ).stderr
    most = int(told.split("at most ")[1].split(" mm")[0])
    for baseline, code in ((most - 2, 0), (most + 2, 2), (-most + 2, 0)):
        words = ("--depth", "depth.npz", "--overwrite", "--baseline", baseline)
        assert _effect("stereo", "photo.png", "-o", "out.png", *words).exit_code == code
