import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onedepth.distortion import Distortion, Fisheye, RadialTangential
from onedepth.errors import CameraError

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
