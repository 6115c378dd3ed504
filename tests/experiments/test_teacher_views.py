"""Views that a teacher labels: its answers, its camera, and no photo that is held out."""

from pathlib import Path

import numpy as np
import pytest
import teacher_views

from onedepth.data.sources import Holdout
from onedepth.manifest.labels import load_depth
from onedepth.manifest.pixels import load_image
from train_cases import write_scene


class Brightness:
    """A teacher that takes bright for far."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def get_inputs(self) -> list[object]:
        return [type("Input", (), {"name": "image"})]

    def run(self, _: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert feed["image"].shape == (1, 3, 224, 224)
        return [1.0 + 4.0 * feed["image"].mean(1, keepdims=True)]


def test_a_label_is_the_teachers_answer_to_the_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scene(tmp_path / "wall", frames=6)
    monkeypatch.setattr(teacher_views, "POOL", (("wall", None, 1.0),))
    monkeypatch.setattr("onnxruntime.InferenceSession", Brightness)
    (tmp_path / "out").mkdir()
    records = list(teacher_views.label_views(tmp_path / "bright.onnx", tmp_path, tmp_path / "out", 4, seed=3))
    again = list(teacher_views.label_views(tmp_path / "bright.onnx", tmp_path, tmp_path / "out", 4, seed=3))
    assert records == again
    for record in records:
        image = load_image(record.image)
        assert record.camera is not None
        assert record.camera.size == image.shape[1::-1] == (320, 240)
        depth = load_depth(record, record.camera.size)
        brightness = 1.0 + 4.0 * image.mean() / 255.0
        assert depth.mean() == pytest.approx(brightness, abs=0.05)


def test_held_out_photos_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scene(tmp_path / "wall", frames=6)
    monkeypatch.setattr(teacher_views, "POOL", (("wall", Holdout(block=1, every=2), 1.0),))
    photos = teacher_views.Photos(tmp_path)
    assert [Path(image).stem for image in photos.sets[0]] == ["000", "002", "004"]
