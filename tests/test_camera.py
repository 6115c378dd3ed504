import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from onedepth.camera import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import CameraError, OneDepthError

settings.register_profile("no_deadline", deadline=None)  # no test may fail because the machine is busy
small = st.floats(-0.02, 0.02)
lenses = st.one_of(
    st.none(),
    st.builds(RadialTangential, k1=small, k2=small, p1=small, p2=small, k3=small, k4=small),
    st.builds(Fisheye, small, small, small, small),
)


@st.composite
def cameras(draw: st.DrawFn, lens: st.SearchStrategy = lenses) -> Camera:
    width, height = draw(st.integers(8, 60)), draw(st.integers(8, 60))
    fx, fy = (draw(st.floats(1.1, 5.0)) * n for n in (width, height))
    cx, cy = (draw(st.floats(0.3, 0.7)) * n for n in (width, height))
    return Camera(width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy, distortion=draw(lens))


@dataclass
class Change:
    """An operation on a camera, and what it does to pixels (u, v) and to rays (x, y, z)."""

    after: Camera
    pixel: Callable[[float, float], tuple[float, float]]
    ray: Callable[[float, float, float], tuple[float, float, float]] = lambda x, y, z: (x, y, z)


TURNS = {  # tag -> (what happens to a pixel of a W x H raster, what happens to x and y of the world)
    1: (lambda u, v, W, H: (u, v), lambda x, y, z: (x, y, z)),
    2: (lambda u, v, W, H: (W - u, v), lambda x, y, z: (-x, y, z)),
    3: (lambda u, v, W, H: (W - u, H - v), lambda x, y, z: (-x, -y, z)),
    4: (lambda u, v, W, H: (u, H - v), lambda x, y, z: (x, -y, z)),
    5: (lambda u, v, W, H: (v, u), lambda x, y, z: (y, x, z)),
    6: (lambda u, v, W, H: (H - v, u), lambda x, y, z: (-y, x, z)),
    7: (lambda u, v, W, H: (H - v, W - u), lambda x, y, z: (-y, -x, z)),
    8: (lambda u, v, W, H: (v, W - u), lambda x, y, z: (y, -x, z)),
}


def resized(draw: st.DrawFn, c: Camera) -> Change:
    w, h = draw(st.integers(1, 99)), draw(st.integers(1, 99))
    return Change(c.resize(w, h), lambda u, v: (u * w / c.width, v * h / c.height))


def cropped(draw: st.DrawFn, c: Camera) -> Change:
    w, h = draw(st.integers(1, c.width)), draw(st.integers(1, c.height))
    left, top = draw(st.floats(0, c.width - w)), draw(st.floats(0, c.height - h))
    return Change(c.crop(left, top, w, h), lambda u, v: (u - left, v - top))


def padded(draw: st.DrawFn, c: Camera) -> Change:
    left, top, right, bottom = (draw(st.integers(0, 20)) for _ in range(4))
    return Change(c.pad(left, top, right, bottom), lambda u, v: (u + left, v + top))


def flipped(draw: st.DrawFn, c: Camera) -> Change:
    return Change(c.flip(), lambda u, v: (c.width - u, v), lambda x, y, z: (-x, y, z))


def zoomed(draw: st.DrawFn, c: Camera) -> Change:
    x, y = draw(st.floats(1, 3)), draw(st.floats(1, 3))
    start = c.width * (1 - 1 / x) / 2, c.height * (1 - 1 / y) / 2
    return Change(c.zoom(x, y), lambda u, v: ((u - start[0]) * x, (v - start[1]) * y))


def oriented(draw: st.DrawFn, c: Camera) -> Change:
    pixel, ray = TURNS[draw(st.sampled_from(sorted(TURNS)))]
    tag = next(t for t, turn in TURNS.items() if turn[0] is pixel)
    return Change(c.orient(tag), lambda u, v: pixel(u, v, c.width, c.height), ray)


@pytest.mark.parametrize("change", [resized, cropped, padded, flipped, zoomed, oriented])
@given(data=st.data())
def test_a_pixel_keeps_its_ray(change: Callable, data: st.DataObject) -> None:
    camera = data.draw(cameras())
    u, v = data.draw(st.floats(0, camera.width)), data.draw(st.floats(0, camera.height))
    result = change(data.draw, camera)
    before = camera.unproject([u, v], 1.0)
    after = result.after.unproject(result.pixel(u, v), 1.0)
    assert np.isfinite(before).all()
    np.testing.assert_allclose(after, result.ray(*before), atol=1e-6)


@given(cameras(), st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 100))
def test_project_undoes_unproject(camera: Camera, a: float, b: float, depth: float) -> None:
    pixel = np.array([a * camera.width, b * camera.height])
    point = camera.unproject(pixel, depth)
    assert point[2] == depth
    np.testing.assert_allclose(camera.project(point), pixel, atol=1e-5)


def close(a: Camera, b: Camera) -> None:
    numbers = [(c.fx, c.fy, c.cx, c.cy) for c in (a, b)]
    np.testing.assert_allclose(*numbers, rtol=1e-9, atol=1e-9)
    assert a.size == b.size
    assert a.distortion == b.distortion


@given(cameras(), st.integers(1, 99), st.integers(1, 99))
def test_resize_there_and_back(camera: Camera, w: int, h: int) -> None:
    close(camera.resize(w, h).resize(*camera.size), camera)


@given(cameras(), st.tuples(*[st.integers(0, 30)] * 4))
def test_crop_undoes_pad(camera: Camera, pads: tuple[int, int, int, int]) -> None:
    close(camera.pad(*pads).crop(pads[0], pads[1], *camera.size), camera)


@given(cameras(), st.floats(0.3, 4), st.floats(0.3, 4))
def test_zoom_undoes_zoom(camera: Camera, x: float, y: float) -> None:
    close(camera.zoom(x, y).zoom(1 / x, 1 / y), camera)
    close(camera.zoom(x), camera.zoom(x, x))
    close(camera.zoom(x).zoom(y), camera.zoom(y * x))


@given(cameras())
def test_mirroring_and_turning_compose(camera: Camera) -> None:
    close(camera.flip().flip(), camera)
    for tag in (1, 2, 3, 4, 5, 7):
        close(camera.orient(tag).orient(tag), camera)
    close(camera.orient(6).orient(8), camera)
    close(camera.orient(6).orient(6), camera.orient(3))
    close(camera.orient(2), camera.flip())


@given(cameras(), st.data())
def test_integer_zoom_is_crop_then_resize(camera: Camera, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 4))
    whole = replace(camera, width=camera.width * 2 * k, height=camera.height * 2 * k)
    left, top = camera.width * (k - 1), camera.height * (k - 1)
    close(whole.zoom(k), whole.crop(left, top, camera.width * 2, camera.height * 2).resize(*whole.size))


# --- slow twins: do the operation to an image of rays, pixel by pixel ---


@settings(max_examples=20)
@given(cameras(), st.integers(1, 7))
def test_rays_are_the_pixels_one_by_one(camera: Camera, stride: int) -> None:
    rays = camera.rays(stride)
    rows, columns = range(0, camera.height, stride), range(0, camera.width, stride)
    slow = [[camera.unproject((u + 0.5, v + 0.5), 1.0) for u in columns] for v in rows]
    assert rays.dtype == np.float32
    np.testing.assert_allclose(rays, slow, atol=1e-6)


@given(cameras(), st.sampled_from(range(1, 9)))
def test_orient_follows_pillow(camera: Camera, tag: int) -> None:
    rays = camera.rays()
    upright = np.stack([turned_by_pillow(rays[..., i], tag) for i in range(3)], axis=-1)
    world = np.stack(TURNS[tag][1](*np.moveaxis(upright, -1, 0)), axis=-1)
    np.testing.assert_allclose(camera.orient(tag).rays(), world, atol=1e-6)


def turned_by_pillow(values: np.ndarray, tag: int) -> np.ndarray:
    image = Image.fromarray(values)
    image.getexif()[0x0112] = tag
    return np.asarray(ImageOps.exif_transpose(image))


@given(cameras(st.none()), st.integers(1, 4), st.integers(1, 4))
def test_resize_follows_area_average(camera: Camera, across: int, down: int) -> None:
    big = camera.resize(camera.width * across, camera.height * down)
    averaged = cv2.resize(big.rays(), camera.size, interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(camera.rays(), averaged, atol=1e-5)


@given(cameras(), st.data())
def test_crop_pad_flip_follow_slices(camera: Camera, data: st.DataObject) -> None:
    w, h = data.draw(st.integers(1, camera.width)), data.draw(st.integers(1, camera.height))
    left, top = data.draw(st.integers(0, camera.width - w)), data.draw(st.integers(0, camera.height - h))
    rays = camera.rays()
    window = camera.crop(left, top, w, h)
    np.testing.assert_allclose(window.rays(), rays[top : top + h, left : left + w], atol=1e-6)
    around = window.pad(left, top, camera.width - left - w, camera.height - top - h)
    np.testing.assert_allclose(around.rays(), rays, atol=1e-6)
    np.testing.assert_allclose(camera.flip().rays(), rays[:, ::-1] * (-1, 1, 1), atol=1e-6)


# --- canonical camera (Metric3D) and zoom (DaB-Net) ---

focals = st.floats(50, 5000)
depths = st.floats(0.1, 100)


@given(cameras(), focals, depths)
def test_canonical_depth_and_back(camera: Camera, canonical: float, depth: float) -> None:
    there = depth / camera.canonical_scale(canonical)
    assert there * camera.canonical_scale(canonical) == pytest.approx(depth)
    assert replace(camera, fx=canonical, fy=canonical).canonical_scale(canonical) == pytest.approx(1)


@given(cameras(st.none()), focals, depths, st.floats(-1, 1), st.floats(-1, 1))
def test_twice_the_focal_at_twice_the_depth(c: Camera, fc: float, d: float, x: float, y: float) -> None:
    tele = replace(c, fx=2 * c.fx, fy=2 * c.fy)
    np.testing.assert_allclose(tele.project([x, y, 2 * d]), c.project([x, y, d]), atol=1e-9)
    assert 2 * d / tele.canonical_scale(fc) == pytest.approx(d / c.canonical_scale(fc))


@given(cameras(st.none()), focals, st.integers(1, 99), st.integers(1, 99), depths)
def test_resizing_scales_what_the_network_sees(c: Camera, fc: float, w: int, h: int, label: float) -> None:
    """The network sees a resized image: its canonical depth times the resized focal is the same metres."""
    s = np.sqrt(w / c.width * h / c.height)
    seen = c.resize(w, h)
    assert seen.focal == pytest.approx(c.focal * s)
    label_scale = fc / c.focal / s
    assert label * seen.canonical_scale(fc) == pytest.approx(label / label_scale)


@given(cameras(st.none()), focals, depths)
def test_canonical_geometry_is_stretched_along_z_only(c: Camera, fc: float, depth: float) -> None:
    c = replace(c, fy=c.fx)
    canonical = replace(c, fx=fc, fy=fc)
    pixels = np.array([[0.5, 0.5], [c.width - 0.5, 3.5]])
    true = c.unproject(pixels, depth)
    stretched = canonical.unproject(pixels, depth / c.canonical_scale(fc))
    np.testing.assert_allclose(stretched[:, :2], true[:, :2], rtol=1e-9)
    np.testing.assert_allclose(stretched[:, 2], true[:, 2] * fc / c.focal)


@given(cameras(), focals, st.data())
def test_crop_pad_flip_and_orient_keep_the_depth_scale(c: Camera, fc: float, data: st.DataObject) -> None:
    scale = c.canonical_scale(fc)
    for change in (cropped, padded, flipped, oriented):
        assert change(data.draw, c).after.canonical_scale(fc) == pytest.approx(scale)


@given(cameras(), st.data())
def test_zoom_keeps_points(c: Camera, data: st.DataObject) -> None:
    """Pixels of the zoomed view, at the depth of the crop they show, are the same points in space."""
    depth = data.draw(depths)
    zoom = zoomed(data.draw, c)
    u, v = c.width * data.draw(st.floats(0.35, 0.65)), c.height * data.draw(st.floats(0.35, 0.65))
    seen = zoom.after.unproject(zoom.pixel(u, v), depth)
    np.testing.assert_allclose(seen, c.unproject((u, v), depth), rtol=1e-6, atol=1e-6)


def test_zoomed_image_and_zoomed_camera_agree() -> None:
    camera = Camera.from_fov(70, 64, 48)
    points = camera.rays() * 3.0
    crop = points[12:36, 16:48]
    sampled = cv2.resize(crop, camera.size, interpolation=cv2.INTER_LINEAR)
    inner = np.s_[2:-2, 2:-2]  # the outermost pixels have nothing to interpolate with
    np.testing.assert_allclose((camera.zoom(2).rays() * 3.0)[inner], sampled[inner], atol=1e-5)


@given(cameras(st.none()), focals, focals, focals, depths)
def test_lateral_size_does_not_depend_on_the_assumed_focal(
    c: Camera, f1: float, f2: float, fc: float, canonical_depth: float
) -> None:
    def size(assumed: float) -> tuple[float, float]:
        camera = replace(c, fx=assumed, fy=assumed)
        depth = canonical_depth * camera.canonical_scale(fc)
        a, b = camera.unproject([[1.5, 2.5], [c.width - 0.5, 2.5]], depth)
        return float(np.linalg.norm(b - a)), depth

    (width1, depth1), (width2, depth2) = size(f1), size(f2)
    assert width1 == pytest.approx(width2)
    assert depth1 / depth2 == pytest.approx(f1 / f2)


# --- making cameras ---


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(1, 179))
def test_field_of_view_there_and_back(w: int, h: int, degrees: float) -> None:
    assert Camera.from_fov(degrees, w, h).fov == pytest.approx(degrees)
    assert Camera.from_fov(degrees, w, h, "vertical").orient(6).fov == pytest.approx(degrees)
    corner = Camera.from_fov(degrees, w, h, "diagonal").unproject((0, 0), 1.0)
    assert 2 * np.degrees(np.arccos(1 / np.linalg.norm(corner))) == pytest.approx(degrees)


def test_film_equivalent_refers_to_the_diagonal() -> None:
    camera = Camera.from_35mm(50, 3600, 2400)
    assert camera.focal == pytest.approx(5000)
    assert Camera.from_35mm(50, 4000, 3000).focal == pytest.approx(50 * 5000 / 43.2666, rel=1e-5)
    assert (camera.cx, camera.cy) == (1800, 1200)


def test_assumed_camera_says_so() -> None:
    camera = Camera.assumed(3600, 2400)
    assert (camera.focal_source, camera.focal_uncertainty) == ("assumed", 0.3)
    assert camera.focal == pytest.approx(2800)
    assert camera.resize(36, 24).focal_source == "assumed"


def test_one_focal_for_unequal_pixels() -> None:
    assert Camera(width=4, height=4, fx=100, fy=400, cx=2, cy=2).focal == 200


@given(cameras(st.none()), st.sampled_from([0.0, 0.5, 1.0]))
def test_matrix_there_and_back(camera: Camera, first: float) -> None:
    matrix = camera.matrix + np.array([[0, 0, first - 0.5], [0, 0, first - 0.5], [0, 0, 0]])
    close(Camera.from_matrix(matrix * 3, *camera.size, first_centre=first), camera)
    homogeneous = camera.matrix @ [0.2, -0.1, 2.0]
    np.testing.assert_allclose(camera.project([0.2, -0.1, 2.0]), homogeneous[:2] / homogeneous[2])


def test_a_camera_is_a_value() -> None:
    camera = Camera(width=np.int64(4), height=3, fx=np.float32(5), fy=5, cx=2, cy=1.5)
    assert type(camera.width) is int
    assert type(camera.fx) is float
    assert pickle.loads(pickle.dumps(camera)) == camera
    assert hash(camera) == hash(replace(camera))
    with pytest.raises(FrozenInstanceError):
        camera.fx = 3.0  # type: ignore[misc]


def test_points_behind_the_camera_have_no_pixel() -> None:
    pixels = Camera.from_fov(60, 8, 6).project([[0, 0, -1.0], [0, 0, 0], [0, 0, 1]])
    assert np.isnan(pixels[:2]).all()
    np.testing.assert_allclose(pixels[2], (4, 3))


# --- bad input ---

GOOD = {"width": 64, "height": 48, "fx": 50.0, "fy": 50.0, "cx": 32.0, "cy": 24.0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("width", 6.5),
        ("width", "wide"),
        ("height", -1),
        ("fx", 0),
        ("fy", -3),
        ("fx", float("nan")),
        ("fy", float("inf")),
        ("fx", None),
        ("cx", float("nan")),
        ("focal_uncertainty", -0.1),
        ("focal_source", "guess"),
        ("focal_source", np.zeros(3)),
        ("distortion", (0.1, 0.2)),
    ],
)
def test_impossible_cameras_are_refused(field: str, value: object) -> None:
    name = "focal length" if field in ("fx", "fy") and isinstance(value, int) else field
    with pytest.raises(CameraError, match=name) as caught:
        Camera(**{**GOOD, field: value})
    assert isinstance(caught.value, OneDepthError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "match"),
    [
        (lambda c: c.resize(0, 10), "at least 1"),
        (lambda c: c.resize(10.5, 10), "whole number"),
        (lambda c: c.crop(0, 0, 0, 5), "at least 1"),
        (lambda c: c.crop(60, 0, 5, 5), "outside the 64x48 image"),
        (lambda c: c.crop(-1, 0, 5, 5), "pad first"),
        (lambda c: c.crop(0, float("nan"), 5, 5), "finite"),
        (lambda c: c.pad(-1, 0, 0, 0), "at least 0"),
        (lambda c: c.zoom(0), "> 0"),
        (lambda c: c.zoom(1, float("inf")), "finite"),
        (lambda c: c.orient(9), "1 to 8"),
        (lambda c: c.rays(0), "at least 1"),
        (lambda c: c.canonical_scale(0), "> 0"),
        (lambda c: Camera.from_fov(180, 4, 4), "between 0 and 180"),
        (lambda c: Camera.from_fov(60, 4, 4, "sideways"), "horizontal, vertical, diagonal"),
        (lambda c: Camera.from_focal(float("nan"), 4, 4), "finite"),
        (lambda c: Camera.from_matrix(np.eye(4), 4, 4), "3x3"),
        (lambda c: Camera.from_matrix([[5, 1, 2], [0, 5, 2], [0, 0, 1]], 4, 4), "camera matrix"),
        (lambda c: Camera.from_matrix(np.zeros((3, 3)), 4, 4), "camera matrix"),
        (lambda c: Camera.from_matrix("abc", 4, 4), "camera matrix must be an array of numbers, found 'abc'"),
        (
            lambda c: Camera.from_matrix([[5, 0, 2], [0, 5], [0, 0, 1]], 4, 4),
            "camera matrix must be an array",
        ),
        (lambda c: Camera.from_matrix(np.eye(3), 4, 4, first_centre="0"), "first_centre must be a number"),
        (lambda c: Camera.from_fov(60, "a", 10), "camera width must be a whole number, found 'a'"),
        (lambda c: Camera.from_fov(60, 10, 10**400), "camera height must be at most"),
        (lambda c: Camera.from_fov(60, 4, 4, ["vertical"]), "axis must be one of"),
        (lambda c: Camera.from_fov([60, 70], 4, 4), "field of view must be a number"),
        (lambda c: Camera.from_35mm(28, "10", 10), "camera width must be a whole number, found '10'"),
        (lambda c: Camera.from_focal(np.ones((99, 2)), 4, 4), "must be a number"),
        (lambda c: c.orient([6]), r"1 to 8, found \[6\]"),
        (lambda c: c.project([[1, 2]]), r"points must have shape \(..., 3\), found \(1, 2\)"),
        (lambda c: c.project(5), r"points must have shape"),
        (lambda c: c.project([[1, 2, 3], [1]]), "points must be an array of numbers"),
        (lambda c: c.unproject([1, 2, 3], 1), r"pixels must have shape \(..., 2\)"),
        (lambda c: c.unproject([[1, 2]], "far"), "depth must be an array of numbers"),
        (lambda c: c.unproject(np.ones((5, 2)), np.ones(4)), r"depth must have shape \(5,\)"),
    ],
)
def test_impossible_operations_are_refused(operation: Callable, match: str) -> None:
    with pytest.raises(CameraError, match=match) as caught:
        operation(Camera(**GOOD))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(cameras(), st.floats(-5, 70), st.integers(1, 70))
def test_a_crop_is_inside_or_refused(camera: Camera, left: float, width: int) -> None:
    assume(min(abs(left), abs(left + width - camera.width)) > 1e-3)
    if left >= 0 and left + width <= camera.width:
        assert camera.crop(left, 0, width, 1).width == width
    else:
        with pytest.raises(CameraError):
            camera.crop(left, 0, width, 1)
