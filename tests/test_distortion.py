from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.camera import Camera
from onedepth.distortion import Distortion, Fisheye, RadialTangential, distort_map, undistort_image
from onedepth.errors import CameraError

settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

any_k, any_p = st.floats(-1, 1), st.floats(-0.05, 0.05)
brown = st.builds(RadialTangential, any_k, any_k, any_p, any_p, any_k, any_k, any_k, any_k)
round_ = st.builds(Fisheye, *[st.floats(-0.3, 0.3)] * 4)
points = st.tuples(st.floats(-3, 3), st.floats(-3, 3))

WIDE = RadialTangential(-0.28, 0.07, 0.001, -0.0005)  # a typical wide-angle lens
RATIONAL = RadialTangential(0.4, -0.03, 0.0002, 0.0001, 0.002, 0.7, 0.05, 0.001)
GOPRO = Fisheye(0.03, 0.01, -0.008, 0.001)
PINCUSHION = RadialTangential(0.2, 0.02, -0.001, 0.002)
LENSES = [WIDE, RATIONAL, GOPRO, PINCUSHION]


def reach(lens: Distortion) -> float:
    """How far off the axis (radius at z = 1) the model is usable, found by trying."""
    radii = np.tan(np.radians(np.arange(0, 89.9, 0.05)))
    usable = np.isfinite(lens.distort(np.stack([radii, 0 * radii], axis=-1))[:, 0])
    assert (np.diff(usable.astype(int)) <= 0).all(), "usable rays form one cone"
    return float(radii[usable][-1])


# --- the models ---


@given(st.one_of(brown, round_), points)
def test_a_ray_survives_the_lens_or_is_masked(lens: Distortion, ray: tuple[float, float]) -> None:
    image = lens.distort(ray)
    if np.isfinite(image).all():
        np.testing.assert_allclose(lens.undistort(image), ray, atol=1e-4)
    else:
        assert np.isnan(image).all()


@given(st.one_of(brown, round_), points)
def test_a_pixel_survives_the_lens_or_is_masked(lens: Distortion, image: tuple[float, float]) -> None:
    ray = lens.undistort(image)
    if np.isfinite(ray).all():
        np.testing.assert_allclose(lens.distort(ray), image, atol=1e-6)
    else:
        assert np.isnan(ray).all()


@given(brown, points, points)
def test_no_two_rays_share_a_pixel(lens: RadialTangential, a: tuple, b: tuple) -> None:
    """One-to-one, seen as monotone: a step between rays never turns back in the image."""
    step = np.subtract(b, a)
    moved = lens.distort(b) - lens.distort(a)
    if np.isfinite(moved).all() and np.abs(step).max() > 1e-6:
        assert moved @ step > 0


@pytest.mark.parametrize("lens", LENSES)
def test_nearly_all_usable_rays_come_back(lens: Distortion) -> None:
    angles = np.linspace(0, 2 * np.pi, 50)
    rays = [np.multiply(0.99 * f * min(reach(lens), 4.0), [np.cos(a), np.sin(a)])
            for a in angles for f in (0.0, 0.3, 0.8, 1.0)]  # fmt: skip
    np.testing.assert_allclose(lens.undistort(lens.distort(rays)), rays, atol=1e-6)


@given(st.tuples(*[st.floats(-0.1, 0.1)] * 8), st.floats(-0.7, 0.7), st.floats(-0.7, 0.7))
def test_radial_tangential_is_opencv(k: tuple[float, ...], x: float, y: float) -> None:
    lens = RadialTangential(*k)
    image = lens.distort((x, y))
    if np.isfinite(image).all():
        expected, _ = cv2.projectPoints(
            np.array([[x, y, 1.0]]), np.zeros(3), np.zeros(3), np.eye(3), np.array(k)
        )
        np.testing.assert_allclose(image, expected.reshape(2), atol=1e-9)


@given(st.tuples(*[st.floats(-0.1, 0.1)] * 4), st.floats(-3, 3), st.floats(-3, 3))
def test_fisheye_is_opencv(k: tuple[float, ...], x: float, y: float) -> None:
    image = Fisheye(*k).distort((x, y))
    if np.isfinite(image).all():
        expected = cv2.fisheye.distortPoints(np.array([[[x, y]]]), np.eye(3), np.array(k))
        np.testing.assert_allclose(image, expected.reshape(2), atol=1e-9)


def test_undistorting_is_opencv() -> None:
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    k = np.array([WIDE.k1, WIDE.k2, WIDE.p1, WIDE.p2])
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-12)
    expected = cv2.undistortPoints(image[:, None], np.eye(3), k, criteria=criteria)
    np.testing.assert_allclose(WIDE.undistort(image), expected[:, 0], atol=1e-7)


def test_no_coefficients_no_change() -> None:
    rays = np.array([[0.0, 0.0], [0.5, -0.2], [3.0, 2.0]])
    np.testing.assert_array_equal(RadialTangential(0, 0, 0, 0).distort(rays), rays)
    radius = np.linalg.norm(Fisheye(0, 0, 0, 0).distort(rays), axis=-1)
    np.testing.assert_allclose(radius, np.arctan(np.linalg.norm(rays, axis=-1)))


def test_the_polynomial_is_not_trusted_beyond_its_turning_point() -> None:
    lens = RadialTangential(-0.3, 0, 0, 0)  # r - 0.3 r^3 turns at r = 1 / sqrt(0.9) with the value 2/3 r
    turn = 1 / np.sqrt(0.9)
    assert reach(lens) == pytest.approx(turn, rel=4e-3)
    assert np.isnan(lens.distort([[1.1 * turn, 0], [0, -30.0]])).all()
    assert np.isnan(lens.undistort([[0.68 * turn, 0], [0, 5.0]])).all()
    assert np.isfinite(lens.undistort([0.66 * turn, 0])).all()


@pytest.mark.parametrize(("p1", "p2"), [(0.1, 0), (0, 0.1), (0, -0.1), (0.06, 0.08)])
def test_tangential_coefficients_bound_the_cone_too(p1: float, p2: float) -> None:
    """x + p2 (r^2 + 2 x^2) turns at x = -1 / (6 p2), so does y with p1, and any mix in between."""
    assert reach(RadialTangential(0, 0, p1, p2)) == pytest.approx(1 / 0.6, rel=4e-3)


def test_rays_at_right_angles_have_no_depth() -> None:
    lens = Fisheye(0, 0, 0, 0)
    rays = lens.undistort([[np.radians(89.8), 0], [np.radians(89.95), 0], [0, np.radians(110)]])
    np.testing.assert_allclose(rays[0], [np.tan(np.radians(89.8)), 0], rtol=1e-6)
    assert np.isnan(rays[1:]).all()


def test_the_axis_is_the_axis() -> None:
    for lens in LENSES:
        np.testing.assert_array_equal(lens.distort([0.0, 0.0]), [0, 0])
        np.testing.assert_allclose(lens.undistort([0.0, 0.0]), [0, 0], atol=1e-12)
        assert lens.distort(np.zeros((0, 2))).shape == (0, 2)
        assert np.isnan(lens.undistort([np.nan, 0.0])).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: RadialTangential(float("nan"), 0, 0, 0), "RadialTangential coefficients must be finite"),
        (lambda: Fisheye(0, float("inf"), 0, 0), "Fisheye coefficients must be finite"),
        (lambda: Fisheye("a", 0, 0, 0), "finite numbers"),  # type: ignore[arg-type]
        (lambda: RadialTangential(-1e9, 0, 0, 0), "no usable field of view"),
    ],
)
def test_impossible_lenses_are_refused(make: object, match: str) -> None:
    with pytest.raises(CameraError, match=match):
        make()  # type: ignore[operator]


# --- images: a painted world, seen through the lens and without it ---


def camera_with(lens: Distortion | None, focal: float = 80.0) -> Camera:
    return Camera(width=120, height=90, fx=focal, fy=focal * 1.1, cx=63, cy=44, distortion=lens)


def painted(camera: Camera) -> np.ndarray:
    """A smooth colour for every direction; black where there is no ray."""
    x, y, z = np.moveaxis(camera.rays().astype(np.float64), -1, 0) / np.linalg.norm(camera.rays(), axis=-1)
    colours = np.stack([np.sin(3 * x), np.cos(2 * y), (x * y + z - 1) / 2], axis=-1)
    return np.nan_to_num(128 + 100 * colours).astype(np.uint8)


def plane(camera: Camera) -> np.ndarray:
    """z-depth of a slanted plane in metres; 0 where there is no ray."""
    rays = camera.rays().astype(np.float64)
    return np.nan_to_num(4.0 / (rays @ (0.1, 0.2, 1.0))).astype(np.float32)


@pytest.mark.parametrize("lens", LENSES)
def test_undistorting_shows_the_pinhole_view(lens: Distortion) -> None:
    camera = camera_with(lens)
    view, pinhole, valid = undistort_image(painted(camera), camera)
    assert pinhole == replace(camera, distortion=None)
    assert valid.mean() > 0.6
    assert np.abs(view.astype(int) - painted(pinhole))[valid].max() <= 3
    assert not view[~valid].any()


@pytest.mark.parametrize("lens", LENSES)
def test_the_mask_is_where_the_photo_is(lens: Distortion) -> None:
    """Slow twin of the mask: follow every pixel of the view into the photo."""
    camera = camera_with(lens, focal=45)
    view, pinhole, valid = undistort_image(np.full((90, 120, 3), 255, np.uint8), camera)
    np.testing.assert_array_equal(view[..., 0] == 255, valid)
    for v, u in np.argwhere(np.ones((30, 40))) * 3:
        ray = pinhole.unproject((u + 0.5, v + 0.5), 1.0)
        x, y = camera.project(ray)
        margin = min(x, y, 120 - x, 90 - y)
        if not np.isfinite(margin) or abs(margin) > 1e-3:
            assert valid[v, u] == (margin >= 0), (u, v)


@pytest.mark.parametrize("lens", LENSES)
def test_depth_goes_back_onto_the_photo(lens: Distortion) -> None:
    camera = camera_with(lens)
    pinhole = replace(camera, distortion=None)
    depth, valid = distort_map(plane(pinhole), pinhole, camera)
    assert depth.dtype == np.float32
    assert valid.mean() > 0.6
    assert valid[45, 60]
    np.testing.assert_allclose(depth[valid], plane(camera)[valid], rtol=0.01)
    assert not depth[~valid].any()
    inside = np.isfinite(pinhole.project(camera.rays())).all(-1)
    assert (valid <= inside).all()


@pytest.mark.parametrize("lens", LENSES)
def test_the_whole_view_maps_back_onto_the_whole_photo(lens: Distortion) -> None:
    camera = camera_with(lens)
    view, pinhole, valid = undistort_image(painted(camera), camera, whole=True)
    assert view.shape[:2] == valid.shape == (pinhole.height, pinhole.width)
    assert (pinhole.fx, pinhole.fy) == (camera.fx, camera.fy)
    assert np.abs(view.astype(int) - painted(pinhole))[valid].max() <= 3
    depth, back = distort_map(plane(pinhole), pinhole, camera)
    assert back.all()
    np.testing.assert_allclose(depth, plane(camera), rtol=0.01)
    small = undistort_image(painted(camera), camera)
    left, top = round(pinhole.cx - camera.cx), round(pinhole.cy - camera.cy)
    np.testing.assert_array_equal(view[top : top + 90, left : left + 120], small[0])


def test_the_whole_view_of_a_hemisphere_has_an_end() -> None:
    camera = Camera.from_focal(100 / np.pi, 100, 100, distortion=Fisheye(0, 0, 0, 0))
    assert camera.fov < 116
    pinhole = undistort_image(painted(camera), camera, whole=True)[1]
    assert 119 <= pinhole.fov <= 121
    assert distort_map(plane(pinhole), pinhole, camera)[1].mean() > 0.3


def test_depth_goes_back_onto_a_photo_of_another_size() -> None:
    camera = camera_with(WIDE)
    pinhole = replace(camera, distortion=None).resize(60, 45)
    depth, valid = distort_map(plane(pinhole), pinhole, camera)
    assert depth.shape == (90, 120)
    np.testing.assert_allclose(depth[valid], plane(camera)[valid], rtol=0.03)


def test_depth_beside_a_hole_is_not_invented() -> None:
    camera = camera_with(WIDE)
    pinhole = replace(camera, distortion=None)
    values, known = plane(pinhole), np.ones((90, 120), bool)
    known[30:50, 40:70] = False
    values[~known] = 1e6
    depth, valid = distort_map(values, pinhole, camera, valid=known)
    assert (valid < distort_map(values, pinhole, camera)[1]).sum() > 300
    np.testing.assert_allclose(depth[valid], plane(camera)[valid], rtol=0.01)
    values[~known] = np.nan
    np.testing.assert_array_equal(distort_map(values, pinhole, camera)[0], depth)


def test_a_whole_hemisphere_is_masked_not_wrong() -> None:
    camera = Camera.from_focal(100 / np.pi, 120, 120, distortion=Fisheye(0, 0, 0, 0))  # 216 degrees wide
    rays = camera.rays()
    u, v = np.meshgrid(np.arange(120) + 0.5 - 60, np.arange(120) + 0.5 - 60)
    angle = np.degrees(np.hypot(u, v) / camera.focal)
    assert (np.isfinite(rays).all(-1) == (angle <= 89.9)).all()
    view, pinhole, valid = undistort_image(painted(camera), camera)
    assert valid.all()
    assert np.abs(view.astype(int) - painted(pinhole)).max() <= 12  # strongly stretched at the rim
    _, back = distort_map(plane(pinhole), pinhole, camera)
    assert not back[angle > 89.9].any()
    assert back[angle < 60].all()


def test_a_pinhole_photo_comes_back_as_it_is() -> None:
    camera = camera_with(None)
    view, pinhole, valid = undistort_image(painted(camera), camera)
    np.testing.assert_array_equal(view, painted(camera))
    assert pinhole == camera
    assert valid.all()
    depth, back = distort_map(plane(camera), camera, camera)
    np.testing.assert_allclose(depth, plane(camera), rtol=1e-5)
    assert back.all()


@pytest.mark.parametrize("lens", LENSES)
def test_undistorting_commutes_with_mirroring(lens: Distortion) -> None:
    camera = camera_with(lens)
    photo = painted(camera)
    view, _, valid = undistort_image(photo, camera)
    mirrored, _, mirrored_valid = undistort_image(np.ascontiguousarray(photo[:, ::-1]), camera.flip())
    assert np.abs(mirrored[:, ::-1].astype(int) - view)[valid & mirrored_valid[:, ::-1]].max() <= 2
    assert (valid == mirrored_valid[:, ::-1]).mean() > 0.999


def test_gray_images_keep_their_shape() -> None:
    camera = camera_with(WIDE)
    assert undistort_image(painted(camera)[..., 0], camera)[0].shape == (90, 120)


def test_another_size_is_refused() -> None:
    camera = camera_with(WIDE)
    with pytest.raises(
        CameraError, match=r"photo is 120x80 pixels but its camera says 120x90.*Camera\.resize"
    ):
        undistort_image(painted(camera)[:80], camera)
    with pytest.raises(CameraError, match="depth map is 120x80"):
        distort_map(plane(camera)[:80], camera, camera)
    long = Camera.from_focal(50, 40000, 1, distortion=WIDE)
    with pytest.raises(CameraError, match="sides above 32766"):
        undistort_image(np.zeros((1, 40000, 3), np.uint8), long)
