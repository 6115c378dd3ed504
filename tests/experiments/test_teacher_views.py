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
    photos = teacher_views.Photos(tmp_path)
    first, again = (
        list(teacher_views.label_views(tmp_path / "bright.onnx", photos, tmp_path / "out", 4, seed=3))
        for _ in range(2)
    )
    assert first == again
    for record in first:
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


def test_other_sets_and_turned_cameras_make_other_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene(tmp_path / "wall", frames=2)
    write_scene(tmp_path / "floor", frames=3)
    monkeypatch.setattr(teacher_views, "POOL", (("wall", None, 1.0),))
    plain = teacher_views.Photos(tmp_path)
    more = teacher_views.Photos(tmp_path, [teacher_views.as_share("floor=3")], turn=6.0)
    assert [len(images) for images in more.sets] == [2, 3]
    assert more.shares == pytest.approx([0.25, 0.75])
    turned = teacher_views.Photos(tmp_path, turn=6.0)
    views = [teacher_views.make_view(p, 0.0, np.random.default_rng(5)) for p in (plain, turned)]
    assert views[0].shape == views[1].shape == (240, 320, 3)
    assert not np.array_equal(*views)


@pytest.mark.parametrize("degrees", [-20.0, -6.0, 0.0, 0.5, 6.0])
@pytest.mark.parametrize("size", [(60, 80), (80, 60), (50, 50)])
def test_a_turned_photo_is_enlarged_until_it_fills_the_frame(degrees: float, size: tuple[int, int]) -> None:
    framed = np.full((*size, 3), 200, np.uint8)
    framed[[0, -1]] = framed[:, [0, -1]] = 0  # what lies outside repeats this frame
    turned = teacher_views.roll(framed, degrees)
    assert turned.shape == framed.shape
    assert (turned < 100).mean() <= (framed == 0).mean()
