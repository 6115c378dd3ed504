"""Scene folders: what a record says, and that a broken scene.json is named with its field."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth import Camera
from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.scenes import camera_at_integers, find_scenes, read, read_scene
from onedepth.manifest.record import Label
from scene_builder import CAMERA, UNIT, write_scene


def test_a_record_says_where_its_files_lie_and_what_they_mean(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "nyu" / "kitchen", "scaled", frames=2)
    first, second = read_scene(folder)
    assert first.id == "nyu/kitchen/000000"
    assert second.id == "nyu/kitchen/000001"
    assert second.image == str(folder / "000001.jpg")
    assert second.label == Label(file=str(folder / "000001.png"), kind="scaled", scale=UNIT)
    assert second.neighbours == ()


def test_a_camera_moves_by_half_a_pixel_once(tmp_path: Path) -> None:
    (record,) = read_scene(write_scene(tmp_path / "a", frames=1))
    assert record.camera == Camera(width=24, height=18, fx=20.0, fy=21.0, cx=11.5, cy=9.5)


def test_the_ray_of_the_central_pixel_is_the_axis() -> None:
    camera = camera_at_integers({"width": 5, "height": 3, "fx": 4.0, "fy": 4.0, "cx": 2, "cy": 1})
    assert camera.rays()[1, 2].tolist() == [0.0, 0.0, 1.0]  # centres at integers: column 2, row 1


def test_cameras_and_labels_may_be_unknown(tmp_path: Path) -> None:
    records = read_scene(write_scene(tmp_path / "a", None, frames=2, without_camera=[1]))
    assert [r.camera is None for r in records] == [False, True]
    assert {r.label for r in records} == {None}
    (record,) = read_scene(write_scene(tmp_path / "b", frames=1, without_camera=[0]))
    assert record.camera is None
    assert record.label is not None
    assert record.label.kind == "metric"


def test_a_scene_without_labels_needs_no_unit(tmp_path: Path) -> None:
    folder = write_scene(tmp_path / "a", None)
    _edit(folder, lambda scene: scene.pop("depth_unit_m"))
    assert len(read_scene(folder)) == 3


def test_neighbours_never_cross_clips(tmp_path: Path) -> None:
    records = read_scene(write_scene(tmp_path / "a", clips=["x"] * 3 + ["y"] * 4 + ["z"] * 2))
    names = [tuple(Path(path).stem[-1] for path in r.neighbours) for r in records]
    assert names == [(), ("0", "2"), (), (), ("3", "5"), ("4", "6"), (), (), ()]


@given(st.lists(st.sampled_from("ab"), max_size=9))
def test_exactly_the_inner_frames_of_a_clip_have_neighbours(clips: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        frames = [{"id": str(i), "scene": clip} for i, clip in enumerate(clips)]
        (folder / "scene.json").write_text(json.dumps({"label": None, "video": True, "frames": frames}))
        records = read_scene(folder)
    assert [Path(r.image).stem for r in records] == [str(i) for i in range(len(clips))]
    for i, record in enumerate(records):
        inner = 0 < i < len(clips) - 1 and clips[i - 1] == clips[i] == clips[i + 1]
        assert [Path(p).stem for p in record.neighbours] == ([str(i - 1), str(i + 1)] if inner else [])


def test_photos_in_no_order_have_no_neighbours(tmp_path: Path) -> None:
    assert all(not r.neighbours for r in read_scene(write_scene(tmp_path / "a", frames=5)))


def _edit(folder: Path, change: Any) -> None:
    scene = json.loads((folder / "scene.json").read_text())
    change(scene)
    (folder / "scene.json").write_text(json.dumps(scene))


def _camera(**changes: Any) -> Any:
    return lambda scene: scene["frames"][1].update(camera={**CAMERA, **changes})


def _right(scene: Any, **values: Any) -> None:
    scene["frames"][1].update(values)


BROKEN: dict[str, tuple[Any, str]] = {
    "no label": (lambda s: s.pop("label"), "'label' is missing"),
    "unknown label": (lambda s: s.update(label="meters"), "label is 'meters', expected one of metric"),
    "label of a wrong kind": (lambda s: s.update(label=["metric"]), "'label' is of the wrong kind"),
    "no unit": (lambda s: s.pop("depth_unit_m"), "'depth_unit_m' is missing"),
    "unit as text": (lambda s: s.update(depth_unit_m="1 mm"), "'depth_unit_m' is of the wrong kind"),
    "unit zero": (lambda s: s.update(depth_unit_m=0), "depth_unit_m is 0, expected"),
    "unit negative": (lambda s: s.update(depth_unit_m=-0.1), "depth_unit_m is -0.1, expected"),
    "unit NaN": (lambda s: s.update(depth_unit_m=float("nan")), "depth_unit_m is nan, expected"),
    "no frames": (lambda s: s.pop("frames"), "'frames' is missing"),
    "frames counted": (lambda s: s.update(frames=3), "'frames' is of the wrong kind"),
    "frames as names": (lambda s: s.update(frames=["000000"]), "found '000000', expected an object"),
    "no id": (lambda s: s["frames"][1].pop("id"), "'id' is missing"),
    "id as number": (lambda s: s["frames"][1].update(id=1), "'id' is of the wrong kind"),
    "baseline as text": (lambda s: _right(s, baseline_m="12 cm"), "baseline_m is '12 cm', expected"),
    "pose of 9": (lambda s: _right(s, camera_to_world=[[1, 0, 0]] * 3), "pose has shape .3, 3., expected"),
    "camera lacks fy": (lambda s: s["frames"][1]["camera"].pop("fy"), "camera of frame '000001'.*'fy'"),
    "camera as text": (lambda s: s["frames"][1].update(camera="K"), "camera of frame '000001'"),
    "focal negative": (_camera(fx=-1.0), "camera of frame '000001' is not valid: focal"),
    "centre as text": (_camera(cx="middle"), "camera of frame '000001' is not valid"),
    "centre unknown": (_camera(cy=None), "camera of frame '000001' is not valid"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named_with_its_file(case: str, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    folder = write_scene(tmp_path / "a")
    _edit(folder, change)
    with pytest.raises(DataError, match=message) as error:
        read_scene(folder)
    assert str(error.value).startswith(f"{folder / 'scene.json'}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [b"{", b"", b"\xff\xfe\xfd", b"[1]", b"3"])
def test_a_file_that_is_no_scene_is_named(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "scene.json").write_bytes(text)
    with pytest.raises(DataError, match=r"scene\.json: "):
        read_scene(tmp_path)


def test_scenes_are_found_at_any_depth_in_order(tmp_path: Path) -> None:
    folders = [write_scene(tmp_path / name, frames=1) for name in ("b/two", "a", "b/one/deep")]
    assert find_scenes(tmp_path) == [folders[1], folders[2], folders[0]]
    assert find_scenes(folders[0]) == [folders[0]]


def test_a_folder_without_scenes_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing: no such folder"):
        find_scenes(tmp_path / "missing")
    with pytest.raises(DataError, match=r"no scene\.json in it"):
        find_scenes(tmp_path)


def test_ids_are_those_of_all_scenes_below_a_folder(tmp_path: Path) -> None:
    for name in ("a/room", "b/room", "room"):
        write_scene(tmp_path / name, frames=2)
    ids = [record.id for record in read(tmp_path, LayoutOptions())]
    assert ids == [f"{name}/00000{i}" for name in ("a/room", "b/room", "room") for i in (0, 1)]
    (first, _) = read(tmp_path / "b" / "room", LayoutOptions())
    assert (first.id, first.scene) == ("b/room/000000", "b/room")


def test_right_views_poses_and_licence_are_kept(tmp_path: Path) -> None:
    pose = [[0, -1, 0, 1.0], [1, 0, 0, 2.0], [0, 0, 1, 3.0], [0, 0, 0, 1]]
    folder = write_scene(tmp_path / "a", frames=2, licence="CC0", source="me")
    (folder / "right").mkdir()
    (folder / "right" / "000001.jpg").write_bytes(b"")
    _edit(folder, lambda s: s["frames"][1].update(baseline_m=0.12, camera_to_world=pose))
    first, second = read_scene(folder)
    assert (first.right, first.baseline, first.pose) == (None, None, None)
    assert (second.right, second.baseline) == (str(folder / "right/000001.jpg"), 0.12)
    assert second.pose is not None
    assert second.pose[:8] == (0, -1, 0, 1, 1, 0, 0, 2)
    assert (second.licence, second.source) == ("CC0", "me")


def test_an_affine_scene_holds_disparity(tmp_path: Path) -> None:
    (record,) = read_scene(write_scene(tmp_path / "a", "affine", frames=1))
    assert record.label is not None
    assert record.label.quantity == "disparity"


def test_what_scene_json_says_cannot_be_overruled(tmp_path: Path) -> None:
    write_scene(tmp_path / "a")
    with pytest.raises(ConfigError, match="--scale was given"):
        list(read(tmp_path, LayoutOptions(scale=0.1)))


def test_a_link_in_a_circle_is_named(tmp_path: Path) -> None:
    write_scene(tmp_path / "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    with pytest.raises(DataError, match="again: "):
        find_scenes(tmp_path)
