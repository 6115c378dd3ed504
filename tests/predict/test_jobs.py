"""Results are named before anything is read, and never clash."""

from pathlib import Path

import pytest

from onedepth.errors import ConfigError
from onedepth.files.image_search import FoundImage
from onedepth.predict.jobs import plan_jobs

ENDINGS = {"png16": ".png", "picture": "_picture.png"}


def _named(path: str) -> FoundImage:
    return FoundImage(Path(path), Path(Path(path).stem), True)


def _found(path: str, name: str) -> FoundImage:
    return FoundImage(Path(path), Path(name), False)


def test_sub_folders_are_kept() -> None:
    (job,) = plan_jobs([_found("in/a/b.jpg", "a/b")], Path("out"), ENDINGS)
    assert job.outputs == {"png16": Path("out/a/b.png"), "picture": Path("out/a/b_picture.png")}


def test_dots_in_names_stay() -> None:
    (job,) = plan_jobs([FoundImage(Path("v1.2.jpg"), Path("v1.2"), True)], Path("out"), ENDINGS)
    assert job.outputs["png16"] == Path("out/v1.2.png")


def test_names_that_differ_only_in_their_suffix_keep_it() -> None:
    jobs = plan_jobs([_named("a.jpg"), _named("a.HEIC"), _named("b.jpg")], Path("out"), ENDINGS)
    assert [job.name.name for job in jobs] == ["a_jpg", "a_heic", "b"]


def test_a_photo_named_twice_is_taken_once() -> None:
    assert len(plan_jobs([_named("a.jpg"), _found("./a.jpg", "a")], Path("out"), ENDINGS)) == 1


def test_clashes_are_refused_with_both_names() -> None:
    with pytest.raises(ConfigError, match=r"x.a\.jpg and y.a\.jpg would both write"):
        plan_jobs([_named("x/a.jpg"), _named("y/a.jpg")], Path("out"), ENDINGS)


@pytest.mark.parametrize(
    ("photos", "names"),
    [
        (["a.jpg", "a_picture.jpg", "b.jpg"], ["a_jpg", "a_picture_jpg", "b"]),
        (["a.jpg", "a.png", "a_jpg.webp"], ["a_jpg", "a_png", "a_jpg_webp"]),
    ],
)
def test_clashing_results_keep_their_suffix(photos: list[str], names: list[str]) -> None:
    jobs = plan_jobs(map(_named, photos), Path("out"), ENDINGS)
    assert [job.name.name for job in jobs] == names
    outputs = [output for job in jobs for output in job.outputs.values()]
    assert len(set(outputs)) == len(outputs)


def test_names_that_clash_in_no_format_asked_for_stay() -> None:
    jobs = plan_jobs([_named("a.jpg"), _named("a_picture.jpg")], Path("out"), {"npz": ".npz"})
    assert [job.name.name for job in jobs] == ["a", "a_picture"]


def test_a_photo_is_never_replaced() -> None:
    with pytest.raises(ConfigError, match="would replace a photo"):
        plan_jobs([_named("out/a.png")], Path("out"), ENDINGS)
    with pytest.raises(ConfigError, match="would replace a photo"):
        plan_jobs([_named("out/a.png")], Path("elsewhere/../out"), ENDINGS)


def test_results_do_not_lie_among_the_photos_of_a_searched_folder() -> None:
    with pytest.raises(ConfigError, match="next run would take results for photos"):
        plan_jobs([_found("photos/a.jpg", "a")], Path("photos"), ENDINGS)
    assert plan_jobs([_named("photos/a.jpg")], Path("photos"), ENDINGS)
