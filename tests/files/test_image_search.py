"""Photos are found by file, folder and pattern, once each and in order."""

import os
from pathlib import Path

import pytest

from onedepth.errors import ImageError
from onedepth.files.image_search import find_images, search


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "notes.txt", "sub/c.heic", "sub/deep/d.webp", ".hidden.jpg", ".git/e.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def _names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_folders_are_searched_with_sub_folders(folder: Path) -> None:
    assert _names(find_images([folder]), folder) == ["a.PNG", "b.jpg", "sub/c.heic", "sub/deep/d.webp"]


def test_a_named_file_counts_whatever_its_suffix(folder: Path) -> None:
    assert find_images([folder / "notes.txt"]) == [folder / "notes.txt"]


def test_nothing_comes_twice(folder: Path) -> None:
    found = find_images([folder / "b.jpg", folder, folder / "sub", f"{folder}/*.jpg"])
    assert _names(found, folder) == ["b.jpg", "a.PNG", "sub/c.heic", "sub/deep/d.webp"]


def test_patterns(folder: Path) -> None:
    assert _names(find_images([f"{folder}/*.jpg"]), folder) == ["b.jpg"]
    assert _names(find_images([f"{folder}/**/*.webp"]), folder) == ["sub/deep/d.webp"]
    assert _names(find_images([f"{folder}/s*"]), folder) == ["sub/c.heic", "sub/deep/d.webp"]


def test_a_name_with_brackets_that_exists_is_no_pattern(folder: Path) -> None:
    (folder / "photo[1].jpg").touch()
    assert _names(find_images([folder / "photo[1].jpg"]), folder) == ["photo[1].jpg"]


def test_names_of_results_keep_sub_folders(folder: Path) -> None:
    assert [image.name.as_posix() for image in search(folder)] == ["a", "b", "sub/c", "sub/deep/d"]
    assert [image.name.as_posix() for image in search(f"{folder}/*/c.heic")] == ["sub/c"]
    assert [image.name.as_posix() for image in search(folder / "sub" / "c.heic")] == ["c"]


def test_the_output_folder_is_left_out(folder: Path) -> None:
    found = search(folder, leave_out=folder / "sub" / "deep")
    assert [image.name.as_posix() for image in found] == ["a", "b", "sub/c"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("missing.jpg", "no such file"), ("none/*.jpg", "matches no photo"), ("empty", "without photos")],
)
def test_what_names_no_photo_is_an_error(folder: Path, path: str, reason: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ImageError, match=reason) as caught:
        find_images([os.path.join(folder, path)])
    assert path in str(caught.value)
