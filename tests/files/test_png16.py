import json

import numpy as np
import pytest
from depthmap_strategies import assert_same_description, depthmaps, metric, reload
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.depth_metadata import SCALES

quick = settings(max_examples=40, deadline=None)


def saved(tmp_path, depthmap, **options):
    """The raw steps and the metadata, as any other program sees them."""
    depthmap.save(tmp_path / "a.png", **options)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "I;16"
        return np.asarray(image), json.loads(image.info["onedepth"])


def row(*depths, kind="metric"):
    return DepthMap(np.float32([depths]), kind)


@given(depthmaps(kinds=("metric", "scaled"), span=20_000))
@quick
def test_depth_comes_back_within_half_a_step_at_the_automatic_scale(depthmap):
    found = reload(depthmap, "a.png")
    assert_same_description(found, depthmap)
    if depthmap.valid.any():
        # Of 1, 2, 5 x 10^n the finest that holds the farthest depth uses at least 2 of every 5 steps.
        step = max(2.5 * float(depthmap.values.max()) / 65535, 0.001 if depthmap.kind == "metric" else 0)
        assert np.abs(found.values - depthmap.values).max() <= step / 2 * (1 + 1e-5)


@given(depthmaps(kinds=("metric", "scaled"), span=20_000), st.sampled_from([*SCALES, 12.5, 333]))
@quick
def test_depth_comes_back_within_half_a_step_at_a_named_scale_or_is_refused(depthmap, scale):
    steps = SCALES.get(scale, scale)
    counts = np.rint(depthmap.values[depthmap.valid].astype(np.float64) * steps)
    if counts.size and (counts.max() > 65535 or counts.min() < 1):
        with pytest.raises(DepthFileError, match=r"largest depth|smallest depth"):
            reload(depthmap, "a.png", scale=scale)
        return
    found = reload(depthmap, "a.png", scale=scale)
    assert_same_description(found, depthmap)
    error = np.abs(found.values - depthmap.values)
    assert (error <= 0.5 / steps + 1e-6 * depthmap.values).all()


@given(depthmaps(kinds=("affine_disparity",)))
@quick
def test_affine_disparity_comes_back_within_half_a_step_of_its_range(depthmap):
    found = reload(depthmap, "a.png")
    assert_same_description(found, depthmap)
    given_values = depthmap.values[depthmap.valid].astype(np.float64)
    assume(given_values.size)
    step = (given_values.max() - given_values.min()) / 65534
    error = np.abs(found.values[depthmap.valid] - given_values)
    assert (error <= step / 2 * 1.001 + 1e-7 * np.abs(given_values)).all()


@given(st.lists(st.floats(0.01, 65), min_size=1))
@quick
def test_reading_and_saving_again_changes_nothing(depths):
    once = reload(row(*depths), "a.png")
    np.testing.assert_array_equal(reload(once, "a.png").values, once.values)


def test_millimetres_by_default_and_zero_is_no_measurement(tmp_path):
    steps, record = saved(tmp_path, row(0, 0.001, 1.2344, 65.535))
    np.testing.assert_array_equal(steps, [[0, 1, 1234, 65535]])
    assert (record["kind"], record["unit"], record["scale"]) == ("metric", "m", 1000)


@pytest.mark.parametrize(
    ("scale", "steps"), [("kitti", 512), ("tum", 10000), ("nyu", 2000), ("vkitti2", 200), (7, 14)]
)
def test_named_scales_give_the_numbers_people_expect(tmp_path, scale, steps):
    raw, record = saved(tmp_path, row(2.0, 3.0), scale=scale)
    assert raw[0, 0] == steps
    assert record["scale"] == steps / 2


@pytest.mark.parametrize(
    ("far", "scale"), [(65.536, 500), (131.07, 500), (131.08, 200), (1000, 50), (1e6, 0.05)]
)
def test_a_far_map_takes_the_finest_round_step_that_holds_it_and_says_so(tmp_path, far, scale):
    depthmap = row(far / 100, far)
    raw, record = saved(tmp_path, depthmap)
    assert record["scale"] == pytest.approx(scale)
    assert raw.max() > 65535 / 2.6
    found = DepthMap.load(tmp_path / "a.png")
    np.testing.assert_allclose(found.depth, depthmap.depth, atol=0.51 / scale)


def test_a_near_map_takes_a_finer_step_instead_of_losing_pixels(tmp_path):
    _, record = saved(tmp_path, row(0.0004, 0.05))
    assert record["scale"] == 1_000_000
    assert DepthMap.load(tmp_path / "a.png").valid.all()


def test_what_sixteen_bits_cannot_hold_is_an_error_with_numbers(tmp_path):
    with pytest.raises(DepthFileError, match=r"depth is 256 but 256 steps per metre hold at most 255\.996"):
        row(1, 256).save(tmp_path / "a.png", scale="kitti")
    with pytest.raises(DepthFileError, match=r"smallest depth is 0\.001"):
        row(0.001, 5).save(tmp_path / "a.png", scale="kitti")
    with pytest.raises(DepthFileError, match="too far apart for 16 bits"):
        row(0.001, 1000).save(tmp_path / "a.png")
    with pytest.raises(DepthFileError, match="no metres"):
        row(1, 2, kind="affine_disparity").save(tmp_path / "a.png", scale="mm")
    assert list(tmp_path.iterdir()) == []


def test_affine_disparity_uses_all_steps_and_keeps_zero_for_holes(tmp_path):
    values = np.float32([[-1, 0, 3, np.nan]])
    raw, record = saved(tmp_path, DepthMap(values, "affine_disparity"))
    assert list(raw[0, [0, 2, 3]]) == [1, 65535, 0]
    found = record["offset"] + raw / record["scale"]
    np.testing.assert_allclose(found[0, :3], values[0, :3], atol=1e-4)


@pytest.mark.parametrize("value", [0.0, -7.25, 1e-9, 3e20])
def test_a_constant_affine_map_is_exact(value):
    depthmap = DepthMap(np.full((2, 2), value, np.float32), "affine_disparity")
    np.testing.assert_array_equal(reload(depthmap, "a.png").values, depthmap.values)


def test_sixteen_bit_colour_is_refused(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.ones((2, 3, 3), np.uint16))
    with pytest.raises(DepthFileError, match=r"a\.png"):
        DepthMap.load(tmp_path / "a.png", "metric", "mm")


def test_many_rows_are_encoded_alike():
    depthmap = metric(700, 3)
    np.testing.assert_allclose(reload(depthmap, "a.png").depth, depthmap.depth, atol=0.00051)


def test_one_wrong_byte_among_the_pixels_is_noticed(tmp_path):
    path = tmp_path / "a.png"
    metric(30, 40).save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 200] ^= 1
    path.write_bytes(data)
    with pytest.raises(DepthFileError, match="damaged"):
        DepthMap.load(path)
