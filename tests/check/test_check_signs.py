"""The signs behind suspicions: units, depth against disparity, pictures that look alike, repeated names."""

import cv2
import numpy as np
import pytest
from check_cases import depth, photo
from hypothesis import given
from hypothesis import strategies as st

from onedepth.check.fingerprint import alike, difference_hash, pixel_hash, text_hash
from onedepth.check.groups import Group, suspicions
from onedepth.check.inversion import ENOUGH, straight_windows, votes
from onedepth.check.row import Row, Table, empty_table
from onedepth.check.splits import repeated
from onedepth.check.units import Depths, likely_factor, suspicion


def table(*rows: Row) -> Table:
    filled = empty_table(len(rows))
    for place, row in enumerate(rows):
        filled[place] = tuple(row)
    return filled


@given(st.floats(0.3, 60))
def test_usual_depths_raise_no_suspicion(median: float) -> None:
    assert suspicion(Depths(median, ground=1.5)) is None
    assert suspicion(Depths(median, whole=True)) is None


@pytest.mark.parametrize(
    ("depths", "factor"),
    [
        (Depths(2500.0, 1400.0), 1e-3),
        (Depths(2500.0), 1e-3),
        (Depths(640.0, 360.0), 1 / 256),
        (Depths(12_500.0, 7000.0), 1 / 5000),
        (Depths(0.0025, 0.0014), 1e3),
        (Depths(15.0, 7.0, name="TUM RGB-D"), 0.2),
        (Depths(0.05, 0.008, name="KITTI raw"), 256.0),
    ],
)
def test_the_likely_mistake_is_named(depths: Depths, factor: float) -> None:
    assert likely_factor(depths) == factor
    reason = suspicion(depths)
    assert reason is not None
    assert f"{factor:.4g} times it would be" in reason


def test_what_no_usual_mistake_explains_is_said_to_be_so() -> None:
    assert "no usual mistake explains it" in str(suspicion(Depths(1e-12)))


@given(st.floats(-0.02, 0.02), st.floats(0.004, 0.02), st.floats(0.5, 5))
def test_planes_are_straight_in_inverse_depth(x: float, y: float, nearness: float) -> None:
    v, u = np.mgrid[:96, :128]
    disparity = (nearness * (1.2 + x * (u - 64) * 0.5 + y * v)).astype(np.float32)
    disparity[disparity <= 0.1] = np.nan
    straight, bent = straight_windows(disparity)
    assert bent == 0
    inverse_straight, inverse_bent = straight_windows(np.reciprocal(disparity))
    assert inverse_straight == 0
    assert (
        abs(inverse_bent - straight) <= 0.15 * straight + 2
    )  # a window's slope is another one in each quantity


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("disparity", [False, True])
def test_only_the_mistaken_quantity_gets_votes(swapped: bool, disparity: bool) -> None:
    values = np.reciprocal(depth()) if disparity is not swapped else depth()
    total = votes(values, photo(1), disparity=disparity).total
    assert total >= ENOUGH if swapped else total < 0


def test_noise_and_sparse_points_alone_make_nobody_suspicious() -> None:
    rng = np.random.default_rng(4)
    noise = rng.uniform(1, 9, (96, 128)).astype(np.float32)
    assert votes(noise, photo(1), disparity=False).total < ENOUGH
    sparse = np.where(rng.random((96, 128)) < 0.03, np.reciprocal(depth()), np.float32(np.nan))
    assert 0 < votes(sparse, photo(1), disparity=False).total < ENOUGH


def test_weak_signs_count_when_a_whole_set_shows_them() -> None:
    group = Group("", "metric", "depth", "velodyne", 1.0)
    sparse = [Row(group=0, valid=0.03, median=5, votes=1, cues=2)] * 9
    found = list(suspicions(table(*sparse), [group]))
    assert [(item.kind, len(item.places)) for item in found] == [("inverted", 9)]
    assert "farther away (100% of records)" in found[0].message
    mixed = [row._replace(votes=1 if place % 2 else -1) for place, row in enumerate(sparse)]
    assert not list(suspicions(table(*mixed), [group]))
    assert not list(suspicions(table(*sparse[:5]), [group]))
    dense = [row._replace(valid=0.9) for row in sparse]
    assert not list(suspicions(table(*dense), [group]))
    assert list(suspicions(table(*(row._replace(cues=3, votes=3) for row in dense)), [group]))


def test_a_scene_in_another_unit_than_the_others_is_found() -> None:
    group = Group("", "metric", "depth", "png16", 0.001)
    rows = [Row(group=0, valid=1, median=2.0 + 0.1 * i) for i in range(10)]
    rows[7] = rows[7]._replace(median=260.0)
    found = list(suspicions(table(*rows), [group]))
    assert [(item.kind, item.places.tolist()) for item in found] == [("unit", [7])]


def test_a_copy_of_another_size_and_quality_looks_alike() -> None:
    pictures = [photo(index) for index in range(40)]
    copy = cv2.imdecode(cv2.imencode(".jpg", photo(3, (97, 71)), [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1)
    hashes = np.array([difference_hash(picture) for picture in [*pictures, copy]], np.uint64)
    split = np.array([0] * 40 + [1], np.int32)
    a, b = alike(hashes[:, 0], hashes[:, 1], split)
    assert {frozenset(pair) for pair in zip(a.tolist(), b.tolist(), strict=True)} == {frozenset((3, 40))}
    assert not len(alike(hashes[:, 0], hashes[:, 1], np.zeros_like(split))[0])


def test_pictures_without_contrast_look_like_nothing() -> None:
    assert difference_hash(np.full((50, 60, 3), 200, np.uint8)) == (0, 0)


def test_hashes_tell_shapes_and_texts_apart() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    assert pixel_hash(pixels) != pixel_hash(pixels.reshape(6, 4, 3))
    assert text_hash("a") != text_hash("b")
    assert text_hash("bad \udce9 name")


def test_the_split_to_measure_with_keeps_what_two_have() -> None:
    splits = ("train", "mine", "val", "test")
    rows = [Row(split=place, scene=9, content=place + 1, id=place + 1) for place in range(4)]
    found = {item.kind: item for item in repeated(table(*rows, Row(split=-1, scene=9, id=8)), splits)}
    assert found["scene_in_splits"].places.tolist() == [0, 1, 2]
    assert set(found["scene_in_splits"].others.tolist()) == {3}
    assert not len(found["image_in_splits"].places)
    assert not len(found["duplicate_id"].places)


def test_the_first_of_an_id_keeps_it() -> None:
    rows = [Row(id=5), Row(id=6), Row(id=5), Row(id=5), Row(), Row()]
    twice = next(iter(repeated(table(*rows), ())))
    assert (twice.places.tolist(), twice.others.tolist()) == ([2, 3], [0, 0])
