"""Which images belong together, and in which order many pairs come back."""

import threading
from pathlib import Path

import pytest
from PIL import Image

from onedepth.errors import DataError, ImageError
from onedepth.stereo.pairs import find_pairs
from onedepth.stereo.run import in_order


def place(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return folder


def names(left: Path, right: Path):
    pairs, unpaired = find_pairs(left, right)
    return [pair.name for pair in pairs], [image.path.name for image in unpaired]


def test_folders_are_paired_by_name_with_sub_folders(tmp_path):
    left = place(tmp_path / "l", "a.png", "b/c.png", "only.png")
    right = place(tmp_path / "r", "a.jpg", "b/c.png", "alone.png")
    assert names(left, right) == (["a", "b/c"], ["only.png", "alone.png"])
    first = find_pairs(left, right)[0][0]
    assert first.left == str(left / "a.png")
    assert first.right == str(right / "a.jpg")
    assert [view.shape for view in first.load()] == [(8, 8, 3)] * 2


def test_folders_of_scenes_are_explained(tmp_path):
    left, right = place(tmp_path / "l", "s/a.png", "s/a.jpg"), place(tmp_path / "r", "a.jpg")
    (left / "s/scene.json").write_text("{}")
    with pytest.raises(DataError, match=r"is a folder of scenes.*copy \*\.jpg of a scene"):
        find_pairs(left, right)


def test_names_may_differ_in_the_word_for_the_eye(tmp_path):
    left = place(tmp_path / "one", "x_left.png", "s/im0.png", "0001_L.png")
    right = place(tmp_path / "two", "x_right.png", "s/im1.png", "0001_R.png")
    assert names(left, right) == (["0001_L", "x_left", "s/im0"], [])


def test_the_right_folder_may_lie_in_the_left_one(tmp_path):
    left = place(tmp_path, "a.png", "b.png", "right/a.png", "right/b.png")
    assert names(left, left / "right") == (["a", "b"], [])


def test_two_files_are_a_pair_whatever_their_names(tmp_path):
    place(tmp_path, "here.png", "there.png")
    assert names(tmp_path / "here.png", tmp_path / "there.png") == (["here"], [])


def test_what_cannot_be_paired_is_named(tmp_path):
    left, right = place(tmp_path / "l", "a.png"), place(tmp_path / "r", "b.png")
    with pytest.raises(DataError, match=r"no image has the same name in both \(such as a and b\)"):
        find_pairs(left, right)
    with pytest.raises(DataError, match="one is a folder, the other a file"):
        find_pairs(left, right / "b.png")
    with pytest.raises(DataError, match="given as left and as right"):
        find_pairs(left, left)
    with pytest.raises(ImageError, match="no such file"):
        find_pairs(left, tmp_path / "nothing")
    place(left, "a.jpg")
    with pytest.raises(DataError, match="have the same name"):
        find_pairs(left, place(right, "a.png"))


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_little_is_taken_ahead(workers):
    taken = []

    def items():
        for number in range(40):
            taken.append(number)
            yield number

    gate = threading.Event()
    results = in_order(lambda number: gate.wait(5) and number * 10, items(), workers)
    gate.set()
    for count, result in enumerate(results):
        assert result == count * 10
        assert len(taken) <= count + 2 * workers + 2
    assert taken == list(range(40))


def test_an_input_that_breaks_off_gives_first_what_it_had():
    def items():
        yield from range(3)
        raise DataError("film: damaged")

    results = in_order(lambda number: number, items(), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="damaged"):
        next(results)
