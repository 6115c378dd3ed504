"""Where one photo misleads the network: mirrors, glass, paintings, close-ups, night, fisheye; exact truth.

    python experiments/failure_gallery.py --model onedepth_v1

Renders each case (`failures/scenes.py`), predicts it with its true focal length, and writes a picture (a row
per case) and the numbers. Another model file: `--model FILE`.
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from failures.raycast import Floats, depth, pose, render
from failures.scenes import View, close_up, corridor, glass, living_room, mirror, night, poster, room
from PIL import Image, ImageDraw, ImageFont

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.distortion import Fisheye
from onedepth.files.atomic import atomic_path, write_bytes
from onedepth.files.pictures import render_picture
from onedepth.predict import Predictor, load

ROOT = Path(__file__).resolve().parents[1]
CAMERA = Camera.from_fov(62, 320, 240)
LENS = Camera(
    width=320, height=240, fx=125, fy=125, cx=160, cy=120, distortion=Fisheye(0.02, -0.01, 0.0, 0.0)
)
PANEL = (208, 156)
MARGIN, CAPTION = 4, 190
WORST = 0.5  # error at which the colour is full
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """One row: what is shown, and how the photo is taken.

    Attributes:
        name: Title.
        why: What misleads, in a few words.
        view: Makes the scene.
        camera: Takes the photo.
        told: Camera that the network is told, if not the true one.
        electrons: Light of a white pixel; fewer are noisier.
        exposure: Factor on the light.
    """

    name: str
    why: str
    view: Callable[[], View]
    camera: Camera = CAMERA
    told: Camera | None = None
    electrons: float = 8000.0
    exposure: float = 1.0


@dataclass(frozen=True)
class Row:
    """A case with what came of it."""

    case: Case
    photo: Pixels
    predicted: Floats
    truth: Floats
    numbers: dict[str, Any]


def printed() -> View:
    """The poster, with the corridor on it."""
    return poster(_light_of(corridor(), Camera.from_fov(70, 460, 340)))


CASES = (
    Case("no trap", "a furnished room, for comparison", room),
    Case("mirror", "the room in it lies behind the wall", mirror),
    Case("glass", "a pane nobody sees, 1.4 m away", glass),
    Case("painting", "a flat print of a deep corridor", printed),
    Case("close-up", "a ball 0.15 m away", close_up),
    # With less noise (exposure 28, 300 electrons) onedepth_v0 did as well as by day, AbsRel 0.18.
    Case("night", "the first room, dark and noisy", night, electrons=110.0, exposure=16.0),
    Case(
        "fisheye",
        "the first room, lens not told",
        lambda: View(living_room()),
        camera=LENS,
        told=Camera(width=320, height=240, fx=125, fy=125, cx=160, cy=120),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="model file, or name of a shipped one")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "pictures" / "failures.jpg")
    parser.add_argument("--result", type=Path, default=ROOT / "results" / "failures.json")
    options = parser.parse_args()
    predictor = load(options.model, "cpu", threads=1)
    rows = [_row(case, predictor) for case in CASES]
    for row in rows:
        print(f"{row.case.name:<10} {_line(row.numbers)}")
    with atomic_path(options.picture) as temporary:
        _picture(rows, predictor.info.name).save(temporary, quality=86)
    write_bytes(options.result, json.dumps(_result(rows, predictor), indent=1).encode() + b"\n")


def _row(case: Case, predictor: Predictor) -> Row:
    view = case.view()
    photo = _photograph(_light_of(view, case.camera), case)
    truth, index = depth(view.scene, case.camera, pose(view.pitch, view.yaw), view.place)
    predicted = predictor.predict(photo, case.told or case.camera).values
    numbers = {"whole": _scores(predicted, truth, np.isfinite(truth))}
    subject = np.isin(index, view.subject)
    if subject.any():
        rest = _ratio(predicted, truth, ~subject)
        numbers["trap"] = _scores(predicted, truth, subject)
        numbers["trap, rest right"] = _scores(predicted / np.median(rest), truth, subject)
    if case.told is not None:
        informed = predictor.predict(photo, case.camera, map_back=True)
        numbers["lens told"] = _scores(informed.values, truth, informed.valid & np.isfinite(truth))
    return Row(case, photo, predicted, truth, numbers)


def _light_of(view: View, camera: Camera) -> Floats:
    """What a view looks like, linear."""
    return render(view.scene, camera, pose(view.pitch, view.yaw), view.place)


def _photograph(light: Floats, case: Case) -> Pixels:
    """Expose, add the noise of light and of the sensor, and encode as a camera does."""
    rng = np.random.default_rng(7)
    light = np.clip(light * case.exposure, 0, 4)
    electrons = rng.poisson(light * case.electrons) + rng.normal(0, 4, light.shape)
    exposed = np.clip(electrons / case.electrons, 0, None)
    curve = exposed * (1 + exposed / 9) / (1 + exposed)  # rolls off instead of clipping
    return (np.clip(1.5 * curve, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def _scores(predicted: Floats, truth: Floats, mask: Mask) -> dict[str, float]:
    """AbsRel and delta1 as predicted, and AbsRel once the median is right."""
    ratio = _ratio(predicted, truth, mask)
    return {
        "abs_rel": round(float(np.mean(np.abs(ratio - 1))), 4),
        "delta1": round(float(np.mean(np.maximum(ratio, 1 / ratio) < 1.25)), 4),
        "abs_rel_median_aligned": round(float(np.mean(np.abs(ratio / np.median(ratio) - 1))), 4),
        "pixels": round(float(mask.mean()), 4),
    }


def _ratio(predicted: Floats, truth: Floats, mask: Mask) -> npt.NDArray[np.float64]:
    return (predicted[mask] / truth[mask]).astype(np.float64)


def _line(numbers: dict[str, Any]) -> str:
    return "  ".join(f"{part}: AbsRel {scores['abs_rel']:.3f}" for part, scores in numbers.items())


def _result(rows: list[Row], predictor: Predictor) -> dict[str, Any]:
    return {
        "what": "rendered photos with exact depth, where one photo misleads; true focal length given; "
        "'trap, rest right': once the median of the other pixels is right",
        "command": f"python experiments/failure_gallery.py --model {predictor.info.name}",
        "model": predictor.source,
        "model_sha256": hashlib.sha256(predictor.path.read_bytes()).hexdigest(),
        "cases": {row.case.name: {"why": row.case.why, **row.numbers} for row in rows},
    }


def _picture(rows: list[Row], model: str) -> Image.Image:
    width, height = PANEL
    top = 26
    sheet = Image.new(
        "RGB", (CAPTION + 4 * (width + MARGIN), top + len(rows) * (height + MARGIN)), (255, 255, 255)
    )
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(("photo", f"predicted ({model})", "truth", f"error, ±{WORST:.0%}")):
        draw.text((CAPTION + column * (width + MARGIN) + 2, 5), title, (60, 60, 60), _font(14))
    for number, row in enumerate(rows):
        y = top + number * (height + MARGIN)
        for column, panel in enumerate(_panels(row)):
            small = Image.fromarray(panel).resize(PANEL, Image.Resampling.LANCZOS)
            sheet.paste(small, (CAPTION + column * (width + MARGIN), y))
        _caption(draw, row, y)
    return sheet


def _panels(row: Row) -> list[Pixels]:
    """Photo, prediction and truth in the same colours, and the error: blue too near, red too far."""
    low, high = np.percentile(row.truth[np.isfinite(row.truth)], (4, 99))
    limits = (float(low) * 0.7, float(high) * 1.25)
    maps = [
        render_picture(DepthMap(values, "metric"), bar=False, limits=limits)
        for values in (row.predicted, row.truth)
    ]
    share = np.clip(np.nan_to_num(row.predicted / row.truth - 1) / WORST, -1, 1)[..., None]
    end = np.where(share > 0, (200.0, 30.0, 30.0), (30.0, 70.0, 200.0))
    error = (245 + (end - 245) * np.abs(share)).astype(np.uint8)
    return [row.photo, *maps, error]


def _caption(draw: ImageDraw.ImageDraw, row: Row, y: int) -> None:
    draw.text((8, y + 10), row.case.name, (0, 0, 0), _font(18))
    draw.text((8, y + 36), row.case.why, (90, 90, 90), _font(11))
    for line, (part, scores) in enumerate(row.numbers.items()):
        text = f"AbsRel {scores['abs_rel']:.2f} {part}"
        draw.text((8, y + 62 + 22 * line), text, (0, 0, 0), _font(14))


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    main()
