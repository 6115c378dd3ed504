"""The shipped weights give on every machine what they gave when they were shipped.

After a new model is shipped, write the expected numbers anew: `python tests/predict/test_golden.py`.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onedepth.camera import Camera
from onedepth.predict.modelfile import SHIPPED_MODEL
from onedepth.predict.predictor import load

EXAMPLES = Path(__file__).parents[2] / "examples"
GOLDEN = Path(__file__).parent / "golden" / "depth.json"
PHOTOS = sorted(path.name for path in EXAMPLES.glob("*.jpg"))
FOCAL = 600.0
ROWS, COLUMNS = 6, 8  # of the grid of pixels that are compared
TOLERANCE = 2e-3  # processors multiply in other orders; a wrong resize or normalisation is tens of times more


def depth_on_a_grid(name: str) -> list[float]:
    """Metres at the centres of a grid over a photo."""
    width, height = Image.open(EXAMPLES / name).size
    camera = Camera.from_focal(FOCAL, width, height)
    depth = load(SHIPPED_MODEL, "cpu", threads=1).predict(EXAMPLES / name, camera).depth
    rows, columns = (
        ((np.arange(count) + 0.5) * size / count).astype(int)
        for count, size in zip((ROWS, COLUMNS), depth.shape, strict=True)
    )
    return [round(float(value), 5) for value in depth[np.ix_(rows, columns)].ravel()]


@pytest.mark.parametrize("name", PHOTOS)
def test_the_shipped_model_gives_what_it_gave(name: str) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert golden["model"] == SHIPPED_MODEL
    found, expected = np.array(depth_on_a_grid(name)), np.array(golden["depth"][name])
    assert np.abs(found / expected - 1.0).max() < TOLERANCE
    assert expected.std() / expected.mean() > 0.02  # a constant would pass for any photo


if __name__ == "__main__":
    told = {"model": SHIPPED_MODEL, "depth": {name: depth_on_a_grid(name) for name in PHOTOS}}
    GOLDEN.write_text(json.dumps(told) + "\n")
