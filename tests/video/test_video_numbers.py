"""What the page says about flicker is what was measured, and stabilisation does that on real frames."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from onedepth import Camera, Predictor, read_photo
from onedepth.evaluate.metrics import Frame, temporal_alignment_error
from onedepth.video.stabilize import Shown, stabilize

ROOT = Path(__file__).parents[2]
ROWS = {"TAE, %": "tae", "flow flicker, %": "flow_flicker", "AbsRel": "abs_rel"}


def test_the_page_shows_the_numbers_of_the_result() -> None:
    clips = json.loads((ROOT / "results" / "video_flicker.json").read_text())["clips"]
    shown: dict[tuple[str, str], list[float]] = {}
    clip = ""
    for line in (ROOT / "docs" / "video.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or not re.fullmatch(r"[\d.]+", cells[-1]):
            continue
        clip = cells[0].split(",")[0] or clip
        name = next(name for words, name in ROWS.items() if cells[1].startswith(words))
        shown[clip, name] = [float(cell) for cell in cells[2:]]
    assert len(shown) == sum(len(clip["stabilize"]["off"]) for clip in clips.values())
    for (clip, name), numbers in shown.items():
        measured = [clips[clip]["stabilize"][mode][name] for mode in ("off", "scale", "full")]
        assert numbers == pytest.approx(measured, abs=0.0051 if name != "abs_rel" else 0.00051), (clip, name)


@pytest.mark.shared_data
def test_flicker_of_a_real_clip_is_nearly_halved(shared_folder: Path) -> None:
    folder = shared_folder / "data" / "seven_scenes" / "redkitchen"
    frames = json.loads((folder / "scene.json").read_text())["frames"][:12]
    predictor, raw = Predictor(threads=1), []
    for number, frame in enumerate(frames):
        k = dict(frame["camera"])
        camera = Camera(**{**k, "cx": k["cx"] + 0.5, "cy": k["cy"] + 0.5})
        photo = read_photo(folder / f"{frame['id']}.jpg")
        raw.append(Shown(Fraction(number), predictor.predict_view(photo, camera)))

    def flicker(shown: list[Shown]) -> float:
        posed = []
        for one, frame in zip(shown, frames, strict=True):
            depth = one.prediction.depth
            assert depth.camera is not None
            posed.append(Frame(depth.values, depth.camera, np.array(frame["camera_to_world"])))
        return temporal_alignment_error(posed)["tae"]

    assert flicker(list(stabilize(raw))) < 0.7 * flicker(raw)
