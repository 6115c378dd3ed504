"""`onedepth predict --tiles` through its command line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from onedepth import DepthMap
from onedepth.apps.cli import app
from onedepth.predict.modelfile import MODEL_VARIABLE


@pytest.fixture(autouse=True)
def _model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))


def _predict(*words: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_tiles_show_what_the_network_is_too_small_for(tmp_path: Path) -> None:
    """The tiny network sees 64x48 pixels: stripes of two pixels in 400 are seen in tiles only."""
    stripes = np.where((np.arange(400) // 2) % 2, 230, 30).astype(np.uint8)
    Image.fromarray(np.broadcast_to(stripes, (300, 400)).copy()).save(tmp_path / "photo.png")
    contrast = {}
    for name, words in {"whole": (), "tiles": ("--tiles", "--tile-size", 64)}.items():
        run = _predict(tmp_path / "photo.png", "-o", tmp_path / name, "--format", "npz", *words)
        assert run.exit_code == 0, run.stderr
        depth = DepthMap.load(tmp_path / name / "photo.npz").values
        assert depth.shape == (300, 400)
        contrast[name] = float(np.std(depth) / np.mean(depth))
    assert contrast["tiles"] > 5 * contrast["whole"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("photo.png", "--tile-size", "99"), "add --tiles"),
        (("photo.png", "--tiles", "--tile-size", "9"), "at least 32"),
        (("clip.mp4", "--tiles"), "clip.mp4 is a video"),
        (("list.jsonl", "--tiles", "--runner", "ray"), "not for --runner ray"),
    ],
)
def test_what_cannot_be_cut_is_refused(words: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    run = _predict(*words, "-o", tmp_path / "out")
    assert run.exit_code == 2
    assert reason in run.stderr
    assert not (tmp_path / "out").exists()
