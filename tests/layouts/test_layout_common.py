"""What readers share: walking that ends and stays inside, pairs, tables, neighbours, poses."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import (
    accept_only,
    by_key,
    choose,
    from_opengl,
    inverted,
    locate,
    pair,
    pose_values,
    rotation_of,
    with_neighbours,
)
from onedepth.layouts.tables import field, read_json, read_matrix, read_rows, read_text
from onedepth.layouts.walking import data_root, files_in, folders_in, folders_with, walk
from onedepth.manifest.record import Record

QUATERNION = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_an_option_without_use_is_refused_by_name() -> None:
    accept_only(LayoutOptions(), "sintel")
    accept_only(LayoutOptions(split="val"), "sintel", "split")
    with pytest.raises(
        ConfigError, match=r"--scale was given, but the layout sintel .* \(it takes --split\)"
    ):
        accept_only(LayoutOptions(scale=2.0), "sintel", "split")


def test_an_option_of_an_unknown_value_is_refused() -> None:
    assert choose(LayoutOptions(), "split", ["a"]) is None
    assert choose(LayoutOptions(split="a"), "split", ["a", "b"]) == "a"
    with pytest.raises(ConfigError, match="--split is 'c', expected one of a, b"):
        choose(LayoutOptions(split="c"), "split", ["a", "b"])


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(ConfigError, match=r"--scale is .*, expected metres .* > 0"):
        accept_only(LayoutOptions(scale=scale), "sintel", "scale")


def test_a_name_that_no_manifest_can_hold_is_refused() -> None:
    with pytest.raises(DataError, match="a name that is not UTF-8; rename it"):
        locate("/d/a\udcff.png")
    assert locate("/d/a\u202fb.png") == "/d/a\u202fb.png"


def test_names_with_signs_of_locators_are_escaped() -> None:
    assert locate("/d/a#1.png", 7) == "/d/a%231.png#7"
    assert locate("/d/a%23.png") == "/d/a%2523.png"
    assert locate("/d/100%.png") == "/d/100%.png"


def test_frames_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    _touch(*(tmp_path / f"{n}.jpg" for n in (10, 9, 1)), tmp_path / ".2.jpg", tmp_path / "3.txt")
    assert [path.name for path in files_in(tmp_path)] == ["1.jpg", "9.jpg", "10.jpg"]


def test_a_loop_of_links_is_named(tmp_path: Path) -> None:
    _touch(tmp_path / "a" / "b" / "x.jpg")
    (tmp_path / "a" / "b" / "again").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="again: a link to a folder that it lies in"):
        list(walk(tmp_path))


def test_a_link_that_leaves_the_root_is_named(tmp_path: Path) -> None:
    _touch(tmp_path / "out" / "x.jpg", tmp_path / "root" / "y.jpg")
    (tmp_path / "root" / "away").symlink_to(tmp_path / "out")
    with pytest.raises(DataError, match="away: leaves the folder"):
        list(walk(tmp_path / "root"))
    (tmp_path / "root" / "x.jpg").symlink_to(tmp_path / "out" / "x.jpg")
    with pytest.raises(DataError, match=r"x\.jpg: leaves the folder"):
        files_in(tmp_path / "root")


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    _touch(tmp_path / "real" / "x.jpg")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "y.jpg").symlink_to(tmp_path / "real" / "x.jpg")
    (tmp_path / "here" / "folder").symlink_to(tmp_path / "real")
    assert [path.name for path in files_in(tmp_path / "here", root=tmp_path)] == ["y.jpg"]
    assert files_in(folders_in(tmp_path / "here", root=tmp_path)[0], root=tmp_path)[0].name == "x.jpg"


def test_a_link_that_leads_nowhere_or_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "lost.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: a link that leads nowhere"):
        files_in(tmp_path)
    (tmp_path / "a.jpg").unlink()
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    assert list(walk(tmp_path)) == [tmp_path]
    with pytest.raises(DataError, match=r"a\.jpg: a link that leads nowhere"):
        files_in(tmp_path)


def test_a_root_may_itself_be_a_link(tmp_path: Path) -> None:
    _touch(tmp_path / "real" / "a" / "x.jpg")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert list(walk(data_root(tmp_path / "root"))) == [tmp_path / "root", tmp_path / "root" / "a"]


def test_a_folder_that_many_links_lead_to_is_listed_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(n) for n in range(30)]
    for folder, after in itertools.pairwise(folders):  # 2^30 paths, 30 folders
        folder.mkdir()
        (folder / "x").symlink_to(after)
        (folder / "y").symlink_to(after)
    folders[-1].mkdir()
    assert len(list(walk(tmp_path))) == 31


def test_a_missing_folder_and_an_empty_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        data_root(tmp_path / "nowhere")
    _touch(tmp_path / "file")
    with pytest.raises(DataError, match="is a file"):
        data_root(tmp_path / "file")
    with pytest.raises(DataError, match=r"no rgb\.txt in it or below it; expected a sequence"):
        folders_with(tmp_path, "rgb.txt", "a sequence")


def test_files_pair_by_what_their_names_share() -> None:
    images = by_key([Path("rgb_1.jpg"), Path("rgb_2.jpg"), Path("other.jpg")], "rgb_")
    labels = by_key([Path("sync_depth_2.png"), Path("sync_depth_1.png")], "sync_depth_")
    assert [key for key, _, _ in pair(images, labels, Path("d"))] == ["1", "2"]
    with pytest.raises(DataError, match=r"rgb_2\.jpg: its depth is missing"):
        pair(images, {"1": Path("a")}, Path("d"))
    with pytest.raises(DataError, match=r"z\.png: its image is missing \(and 1 more\)"):
        pair(images, {**labels, "3": Path("z.png"), "4": Path("w.png")}, Path("d"))
    with pytest.raises(DataError, match="d: no images in it"):
        pair({}, labels, Path("d"))
    with pytest.raises(DataError, match=r"a\.png: a\.jpg beside it"):
        by_key([Path("a.jpg"), Path("a.png")])


def _clip(times: list[float], scene: str = "s") -> list[Record]:
    return [Record(id=f"{scene}{t}", image=f"/{scene}/{t}", scene=scene, time=t) for t in times]


def test_inner_frames_of_a_clip_know_their_neighbours() -> None:
    records = [*_clip([0, 1, 2], "a"), *_clip([3, 4, 9, 10, 11], "b")]
    assert [len(r.neighbours) for r in with_neighbours(records)] == [0, 2, 0, 0, 2, 2, 2, 0]
    assert [len(r.neighbours) for r in with_neighbours(records, longest_gap=1)] == [0, 2, 0, 0, 0, 0, 2, 0]
    assert list(with_neighbours(records))[1].neighbours == ("/a/0", "/a/2")
    assert list(with_neighbours([])) == []


@given(QUATERNION, st.tuples(*[st.floats(-10, 10)] * 3))
def test_the_inverse_of_a_pose_undoes_it(q: tuple[float, ...], t: tuple[float, ...]) -> None:
    pose = np.eye(4)
    pose[:3, :3] = rotation_of(*q, where="x")
    pose[:3, 3] = t
    np.testing.assert_allclose(inverted(pose) @ pose, np.eye(4), atol=1e-9)
    assert len(pose_values(pose[:3], "x")) == 16


def test_a_quarter_turn_about_z_turns_x_into_y() -> None:
    np.testing.assert_allclose(rotation_of(1, 0, 0, 1, "q") @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    with pytest.raises(DataError, match="no direction"):
        rotation_of(0, 0, 0, 0, "q")


def test_opengl_looks_along_minus_z() -> None:
    pose = from_opengl(np.eye(4))
    np.testing.assert_array_equal(pose[:3, :3] @ [0, 0, 1], [0, 0, -1])
    np.testing.assert_array_equal(pose[:3, :3] @ [0, 1, 0], [0, -1, 0])


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (np.eye(3), "shape"),
        (np.full((4, 4), np.inf), "not finite"),
        (2 * np.eye(4), "no rotation"),
        (np.diag([1, 1, -1, 1]), "no rotation"),
        ([[1], [1, 2]], "not a matrix"),
    ],
)
def test_what_is_no_pose_is_refused(pose: object, message: str) -> None:
    with pytest.raises(DataError, match=f"frame 3: .*{message}"):
        pose_values(pose, "frame 3")  # type: ignore[arg-type]


def test_tables_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("# head\n\n1 2 x\n3\n")
    rows = read_rows(path)
    assert [row.words for row in rows] == [["1", "2", "x"], ["3"]]
    assert rows[0].numbers(0, 2) == [1, 2]
    with pytest.raises(DataError, match=r"t\.txt:3: found 'x', expected a number"):
        rows[0].number(2)
    with pytest.raises(DataError, match=r"t\.txt:4: has 1 columns, expected 2"):
        rows[1].number(1)
    path.write_text("nan")
    with pytest.raises(DataError, match="expected a finite number"):
        read_rows(path)[0].number(0)


def test_matrices_name_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "m.txt"
    path.write_text("1 2\n-inf,4\n")
    assert read_matrix(path, [(2, 2)]).tolist() == [[1, 2], [-np.inf, 4]]
    for text, message in (
        ("1 2\n3\n", "found 2 rows of 1, 2 numbers, expected 2 x 2"),
        ("", "found 0 rows of no numbers"),
        ("1 a\n", "m.txt:1: found '1 a', expected numbers"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_matrix(path, [(2, 2)])


def test_files_that_are_no_text_or_json_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(DataError, match=r"x\.json: not a text file"):
        read_text(path)
    path.write_text("{")
    with pytest.raises(DataError, match=r"x\.json: not valid JSON"):
        read_json(path)
    with pytest.raises(DataError, match=r"y\.json: cannot be read"):
        read_json(tmp_path / "y.json")


@pytest.mark.parametrize("values", [{}, {"k": True}, {"k": "1"}, {"k": float("nan")}, [1], None])
def test_fields_of_a_wrong_kind_are_named(values: object) -> None:
    assert field({"k": 1}, "k", "f", (int, float)) == 1
    with pytest.raises(DataError, match="f: "):
        field(values, "k", "f", (int, float))
