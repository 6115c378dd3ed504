import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onedepth.camera import Camera
from onedepth.depthmap import KINDS, DepthMap
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import CameraError, DepthMapError, OneDepthError

ANY = hnp.arrays(np.float32, (3, 4), elements=st.floats(width=32))
POSITIVE = hnp.arrays(np.float32, (3, 4), elements=st.floats(2.0**-20, 2.0**20, width=32))
MASKS = hnp.arrays(np.bool_, (3, 4))


@given(ANY, st.sampled_from(KINDS))
def test_whatever_the_input_invalid_is_zero_and_valid_is_usable(values, kind):
    depthmap = DepthMap(values, kind)
    assert (depthmap.values[~depthmap.valid] == 0).all()
    assert np.isfinite(depthmap.values).all()
    if kind == "affine_disparity":
        np.testing.assert_array_equal(depthmap.valid, np.isfinite(values))
    else:
        np.testing.assert_array_equal(depthmap.values > 0, depthmap.valid)


@given(POSITIVE, MASKS, st.sampled_from(KINDS))
def test_a_given_mask_is_kept(values, mask, kind):
    depthmap = DepthMap(values, kind, valid=mask)
    np.testing.assert_array_equal(depthmap.valid, mask)
    np.testing.assert_array_equal(depthmap.values, np.where(mask, values, 0))


@pytest.mark.parametrize(
    ("values", "kind", "valid", "word"),
    [
        (np.ones((2, 3, 1), np.float32), "metric", None, "shape"),
        (np.ones((0, 3), np.float32), "metric", None, "shape"),
        (np.ones((2, 3), np.uint16), "metric", None, "uint16"),
        (np.ones((2, 3), np.float32), "depth", None, "kind"),
        (np.ones((2, 3), np.float32), "metric", np.ones((3, 2), bool), "valid"),
        (np.ones((2, 3), np.float32), "metric", np.ones((2, 3), np.uint8), "valid"),
        (np.float32([[1, np.nan]]), "affine_disparity", np.ones((1, 2), bool), "row 0, column 1"),
        (np.float32([[1, np.inf]]), "scaled", np.ones((1, 2), bool), "row 0, column 1"),
        (np.float32([[1, 0]]), "metric", np.ones((1, 2), bool), "above 0"),
        (np.float32([[1, -2]]), "metric", np.ones((1, 2), bool), "-2"),
        (np.array([[1e300]]), "metric", np.ones((1, 1), bool), "inf"),
    ],
)
def test_impossible_maps_are_refused_in_one_line(values, kind, valid, word):
    with pytest.raises(DepthMapError) as caught:
        DepthMap(values, kind, valid=valid)
    assert isinstance(caught.value, OneDepthError)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_camera_must_have_the_size_of_the_raster():
    with pytest.raises(DepthMapError, match="3x2"):
        DepthMap(np.ones((2, 3), np.float32), "metric", Camera.assumed(2, 3))


ONES = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: DepthMap(ONES, "metric", "cam"), "camera: found 'cam', expected an onedepth.Camera or None"),
        (lambda: DepthMap(ONES, "metric", source=5), "source: found 5, expected text"),
        (lambda: DepthMap(ONES, ["metric"]), "kind: found"),
        (lambda: DepthMap(ONES, np.zeros(2)), "kind: found"),
        (lambda: DepthMap([[1.0, 2.0], [1.0]], "metric"), "values must be an array"),
        (lambda: DepthMap(ONES, "metric", valid=[[True], []]), "valid must be an array"),
        (lambda: DepthMap.from_disparity(ONES, kind="affine_disparity"), "has no inverse"),
        (lambda: DepthMap(ONES, "scaled").to_metric(scale="a"), "scale must be a number, found 'a'"),
        (lambda: DepthMap(ONES, "scaled").to_metric(scale=None), "scale must be a number"),
        (lambda: DepthMap(ONES, "scaled").to_metric(scale=ONES), "scale must be a number"),
        (lambda: DepthMap(ONES, "affine_disparity").to_metric(scale=1, shift="b"), "shift must be a number"),
        (lambda: DepthMap(ONES, "metric", Camera.assumed(3, 2)).points(image=5), "image: found int"),
        (lambda: DepthMap(ONES, "metric", Camera.assumed(3, 2)).points(image=[[1], 2]), "image must be"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused_in_one_line(wrong, message):
    with pytest.raises(DepthMapError, match=message) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stride", [0, 1.5, "2", None])
def test_a_stride_is_a_whole_number(stride):
    with pytest.raises(CameraError, match="stride must be"):
        DepthMap(ONES, "metric", Camera.assumed(3, 2)).points(stride=stride)


def test_other_float_types_become_float32():
    assert DepthMap(np.ones((2, 3), np.float64), "metric").values.dtype == np.float32
    assert DepthMap(np.ones((2, 3), np.float16), "metric").values.dtype == np.float32


def test_the_arrays_are_read_only_and_the_callers_stay_untouched():
    values = np.float32([[1, np.nan], [-1, 2]])
    mask = np.array([[True, False], [False, True]])
    depthmap = DepthMap(values, "metric", valid=mask)
    assert not depthmap.values.flags.writeable
    assert not depthmap.valid.flags.writeable
    assert not depthmap.depth.flags.writeable
    assert values.flags.writeable
    assert mask.flags.writeable
    assert values[1, 0] == -1
    with pytest.raises(AttributeError):
        depthmap.kind = "scaled"


def test_depth_is_metres_or_an_error_that_names_the_conversion():
    values = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(DepthMap(values, "metric").depth, values)
    with pytest.raises(DepthMapError, match=r"to_metric\(scale=\)"):
        _ = DepthMap(values, "scaled").depth
    with pytest.raises(DepthMapError, match=r"to_metric\(scale=, shift=\)"):
        _ = DepthMap(values, "affine_disparity").depth


@given(POSITIVE, MASKS)
def test_disparity_is_the_inverse_of_depth_and_back(values, mask):
    depthmap = DepthMap(values, "metric", valid=mask, source="s")
    disparity = depthmap.disparity()
    np.testing.assert_allclose(disparity[mask] * values[mask], 1, rtol=1e-6)
    assert (disparity[~mask] == 0).all()
    back = DepthMap.from_disparity(disparity)
    assert back.kind == "metric"
    np.testing.assert_array_equal(back.valid, mask)
    np.testing.assert_allclose(back.depth, depthmap.depth, rtol=1e-6)


def test_from_disparity_leaves_out_what_is_not_in_front_of_the_camera():
    camera = Camera.assumed(5, 1)
    disparity = np.float32([[0.5, 0, -1, np.nan, 4]])
    keep = np.array([[True, True, True, True, False]])
    depthmap = DepthMap.from_disparity(disparity, camera, kind="scaled", valid=keep, source="stereo")
    assert (depthmap.kind, depthmap.camera, depthmap.source) == ("scaled", camera, "stereo")
    np.testing.assert_array_equal(depthmap.values, [[2, 0, 0, 0, 0]])
    np.testing.assert_array_equal(depthmap.valid, [[True, False, False, False, False]])


def test_a_depth_too_small_to_invert_is_left_out_rather_than_infinite():
    depthmap = DepthMap(np.float32([[1e-44, 2]]), "metric")
    np.testing.assert_array_equal(depthmap.disparity(), [[0, 0.5]])
    np.testing.assert_array_equal(depthmap.to_affine_disparity().valid, [[False, True]])


@given(POSITIVE, MASKS, st.floats(0.01, 100))
def test_scaled_becomes_metric_by_the_given_scale_only(values, mask, scale):
    camera = Camera.assumed(4, 3)
    result = DepthMap(values, "scaled", camera, mask, "s").to_metric(scale=scale)
    assert (result.kind, result.camera, result.source) == ("metric", camera, "s")
    np.testing.assert_array_equal(result.valid, mask)
    np.testing.assert_allclose(result.depth[mask], values[mask] * scale, rtol=1e-6)


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-8, 8, width=32)), MASKS)
def test_affine_disparity_becomes_metric_by_scale_and_shift(values, mask):
    result = DepthMap(values, "affine_disparity", valid=mask).to_metric(scale=0.5, shift=1.0)
    truth = 0.5 * values + 1
    np.testing.assert_array_equal(result.valid, mask & (truth > 0))
    np.testing.assert_allclose(result.depth[result.valid], 1 / truth[result.valid], rtol=1e-5)


@given(POSITIVE, MASKS, st.sampled_from(["metric", "scaled"]))
def test_giving_up_the_unit_keeps_everything_else(values, mask, kind):
    depthmap = DepthMap(values, kind, Camera.assumed(4, 3), mask, "s")
    affine = depthmap.to_affine_disparity()
    assert affine.kind == "affine_disparity"
    assert (affine.camera, affine.source) == (depthmap.camera, "s")
    np.testing.assert_array_equal(affine.disparity(), affine.values)
    back = affine.to_metric(scale=1, shift=0)
    np.testing.assert_array_equal(back.valid, mask)
    np.testing.assert_allclose(back.values, depthmap.values, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("metric", {"scale": 2.0}),
        ("scaled", {"scale": 0.0}),
        ("scaled", {"scale": float("nan")}),
        ("scaled", {"scale": 1.0, "shift": 0.0}),
        ("affine_disparity", {"scale": 1.0}),
        ("affine_disparity", {"scale": -1.0, "shift": 0.0}),
        ("affine_disparity", {"scale": 1.0, "shift": float("inf")}),
    ],
)
def test_conversions_with_the_wrong_numbers_are_refused(kind, arguments):
    with pytest.raises(DepthMapError):
        DepthMap(np.ones((2, 3), np.float32), kind).to_metric(**arguments)


@given(
    POSITIVE,
    MASKS,
    st.floats(3, 20),
    st.sampled_from([None, RadialTangential(0.02, -0.01, 0.001, 0.002), Fisheye(0.01, 0.0, 0.0, 0.0)]),
    st.integers(1, 3),
)
def test_points_project_onto_their_pixel_centres_at_their_depth(values, mask, focal, lens, stride):
    camera = Camera(width=4, height=3, fx=focal, fy=focal * 1.1, cx=1.7, cy=1.2, distortion=lens)
    depthmap = DepthMap(values, "metric", camera, mask)
    points = depthmap.points(stride=stride)
    rows, columns = np.nonzero(mask[::stride, ::stride])
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points[:, 2], values[::stride, ::stride][mask[::stride, ::stride]])
    expected = np.stack([columns * stride + 0.5, rows * stride + 0.5], axis=-1)
    np.testing.assert_allclose(camera.project(points).reshape(-1, 2), expected, atol=1e-3)


def test_points_come_with_the_colours_of_their_pixels():
    values = np.float32([[1, 0, 2], [0, 3, 4]])
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    points, colors = DepthMap(values, "metric", Camera.assumed(3, 2)).points(image=image)
    np.testing.assert_array_equal(points[:, 2], [1, 2, 3, 4])
    np.testing.assert_array_equal(colors[:, 0], [0, 6, 12, 15])


def test_pixels_that_no_ray_reaches_give_no_point():
    camera = Camera(width=41, height=41, fx=10, fy=10, cx=20.5, cy=20.5, distortion=Fisheye(0, 0, 0, 0))
    depthmap = DepthMap(np.ones((41, 41), np.float32), "metric", camera)
    points = depthmap.points()
    assert np.isfinite(points).all()
    assert 0 < len(points) < 41 * 41


def test_points_need_a_camera_a_depth_and_a_matching_image():
    values, camera = np.ones((2, 3), np.float32), Camera.assumed(3, 2)
    with pytest.raises(DepthMapError, match="camera"):
        DepthMap(values, "metric").points()
    with pytest.raises(DepthMapError, match="to_metric"):
        DepthMap(values, "affine_disparity", camera).points()
    with pytest.raises(DepthMapError, match="image"):
        DepthMap(values, "metric", camera).points(image=np.zeros((3, 2, 3), np.uint8))
    with pytest.raises(OneDepthError, match="stride"):
        DepthMap(values, "metric", camera).points(stride=0)


def test_repr_describes_instead_of_printing_pixels():
    text = repr(DepthMap(np.ones((500, 600), np.float32), "scaled", source="a.png"))
    assert "600x500" in text
    assert "scaled" in text
    assert "a.png" in text
    assert len(text) < 200
