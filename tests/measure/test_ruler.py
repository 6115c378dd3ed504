"""Lengths and heights in scenes with exact depth."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenes import camera, room, with_box

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.distortion import RadialTangential
from onedepth.errors import DepthMapError
from onedepth.measure import Ruler, calibrate
from onedepth.predict.depth_errors import ErrorRange

columns, rows = st.integers(0, 159), st.integers(0, 119)
pixels = st.tuples(columns, rows)
EXACT = (ErrorRange(0, 100, 0.0, 0.0),)


def wall(focal=120.0, depth=2.0, **rest):
    cam = camera(focal=focal, **rest)
    return DepthMap(np.full((120, 160), depth, np.float32), "metric", cam)


@given(pixels, pixels, st.floats(0.5, 20), st.floats(50, 500))
def test_on_a_wall_facing_the_camera_length_is_pixels_times_depth_over_focal(a, b, depth, focal):
    assume(a != b)
    found = Ruler(wall(focal, depth)).distance(a, b).metres
    assert found == pytest.approx(np.hypot(a[0] - b[0], a[1] - b[1]) * depth / focal, rel=1e-5)


@given(pixels, pixels)
def test_length_does_not_depend_on_the_order_of_its_ends(a, b):
    scene = with_box(room())
    ruler = Ruler(scene)
    assume(a != b and ruler.usable[a[::-1]] and ruler.usable[b[::-1]])
    one, other = ruler.distance(a, b), ruler.distance(b, a)
    assert one.metres == pytest.approx(other.metres)
    assert one.uncertainty == pytest.approx(other.uncertainty)


@given(pixels, pixels, st.floats(0.5, 2.0))
def test_size_across_the_view_does_not_depend_on_the_focal_length_that_depth_follows(a, b, factor):
    """methods of Metric3D with label scaling: z = canonical z * f / canonical f."""
    assume(a != b)
    right, wrong = wall(120.0, 2.0), wall(120.0 * factor, 2.0 * factor)
    found = Ruler(wrong).distance(a, b)
    assert found.metres == pytest.approx(Ruler(right).distance(a, b).metres, rel=1e-5)
    assert found.focal == pytest.approx(0, abs=1e-9)


@given(pixels, pixels, st.floats(0.001, 0.02), st.booleans())
def test_the_focal_part_is_what_a_change_of_the_focal_length_does(a, b, change, follows):
    def scene(factor):
        base = room()
        cam = camera(focal=60.0 * factor, focal_source="exif", focal_uncertainty=change)
        return DepthMap(base.values * np.float32(factor if follows else 1.0), "metric", cam)

    ruler, moved = (Ruler(scene(factor), EXACT, follows) for factor in (1.0, 1 + change))
    assume(a != b and ruler.usable[a[::-1]] and ruler.usable[b[::-1]])
    length = ruler.distance(a, b)
    assume(length.metres > 0.05)
    shift = abs(moved.distance(a, b).metres - length.metres)
    assert length.focal == pytest.approx(shift, rel=0.06, abs=2e-4 * length.metres)


@given(st.tuples(columns, st.integers(85, 119)), st.floats(0.001, 0.02), st.booleans())
def test_the_focal_part_of_a_height_is_what_a_change_of_the_focal_length_does(pixel, change, follows):
    normal = np.array([0.0, -np.cos(0.3), -np.sin(0.3)])

    def height(factor):
        stretch = np.array([1, 1, factor]) if follows else np.array([1 / factor, 1 / factor, 1])
        point = Ruler(room()).point(pixel) * stretch
        tilted = normal / stretch
        return (tilted @ point + 1.2) / np.linalg.norm(tilted)

    share = Ruler(room(), EXACT, follows).focal_share(normal)
    assert (height(1 + change) - height(1)) / height(1) == pytest.approx(share * change, rel=0.1, abs=2e-4)


def test_depth_errors_enter_as_simulated():
    errors = (ErrorRange(0, 100, 0.05, 0.03),)
    scene = room()
    ruler, (a, b) = Ruler(scene, errors, smooth=0), ((40, 110), (120, 80))
    length, draw = ruler.distance(a, b), np.random.default_rng(0)
    ends = np.stack([ruler.point(a), ruler.point(b)])
    factors = np.exp(draw.normal(0, 0.05, (20000, 1, 1)) + draw.normal(0, 0.03, (20000, 2, 1)))
    moved = ends * factors
    lengths = np.linalg.norm(moved[:, 0] - moved[:, 1], axis=1)
    assert np.hypot(length.scale, length.depth) == pytest.approx(lengths.std(), rel=0.05)


def test_a_floor_that_may_be_tilted_makes_far_heights_unsure():
    """Errors that are alike over 10 degrees tilt the floor; the height of what is far away suffers most."""
    errors, draw = (ErrorRange(0, 100, 0.0, 0.03),), np.random.default_rng(0)
    scene = room(back=12.0, cam=camera(focal=60.0))
    ruler = Ruler(scene, errors)
    rays = scene.camera.rays(10).reshape(-1, 3).astype(np.float64)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1)))
    noise = draw.multivariate_normal(np.zeros(len(rays)), 0.03**2 * np.exp(-angles / 10), 60)
    pixels = [(85, 65), (25, 115)]
    heights = []
    for field in noise.reshape(60, 12, 16):
        smooth = cv2.resize(np.exp(field).astype(np.float32), (160, 120), interpolation=cv2.INTER_LINEAR)
        noisy = Ruler(DepthMap(scene.values * smooth, "metric", scene.camera), errors)
        heights.append([float(noisy.floor.height(noisy._raw(pixel))) for pixel in pixels])
    simulated = np.array(heights).std(axis=0)
    for pixel, spread in zip(pixels, simulated, strict=True):
        assert ruler.height(pixel).depth == pytest.approx(spread, rel=0.5)
    assert ruler.height(pixels[0]).depth > 1.2 * ruler.height(pixels[1]).depth


def test_neighbours_share_most_of_their_error():
    errors, scene = (ErrorRange(0, 100, 0.0, 0.1),), room()
    shared, alone = (Ruler(scene, errors, smooth=smooth) for smooth in (10.0, 0.0))
    near, far = ((130, 110), (134, 110)), ((20, 110), (140, 110))
    assert shared.distance(*near).depth < 0.6 * alone.distance(*near).depth
    assert shared.distance(*far).depth == pytest.approx(alone.distance(*far).depth, rel=0.05)
    # Errors that are alike everywhere are an error of the scale.
    length = Ruler(scene, errors, smooth=1e9).distance(*near)
    assert length.depth == pytest.approx(0.1 * length.metres, rel=1e-3)


def test_picking_a_pixel_off_costs_what_it_says():
    length = Ruler(wall(), EXACT).distance((20, 50), (100, 50))
    assert length.uncertainty == length.pick == pytest.approx(0.5 * 2**0.5 * 2 / 120)


@pytest.mark.parametrize("top", [0.3, 0.6, 1.0])
def test_height_of_a_box_above_the_floor(top):
    ruler = Ruler(with_box(room(), top=top))
    row = int(np.ceil(60 + (1.5 - top) / 3 * 60 - 0.5)) + 2  # two rows below the top edge
    assert ruler.height((80, row)).metres == pytest.approx(1.5 - (row + 0.5 - 60) / 60 * 3, abs=2e-3)
    assert ruler.height((80, 115)).metres == pytest.approx(0, abs=2e-3)


def test_edges_are_refused_and_the_nearest_usable_pixel_named():
    ruler = Ruler(with_box(room()))
    edge = next((c, 84) for c in range(160) if not ruler.usable[84, c])
    with pytest.raises(DepthMapError, match=r"depth edge; use (\d+),(\d+)") as caught:
        ruler.point(edge)
    column, row = map(int, str(caught.value).split("use ")[1].split(","))
    assert ruler.usable[row, column]
    rows, columns = np.nonzero(ruler.usable)
    assert np.hypot(column - edge[0], row - edge[1]) == np.hypot(columns - edge[0], rows - edge[1]).min()


def test_pixels_without_depth_outside_or_of_no_kind_are_refused():
    values = wall().values.copy()
    values[10, 20] = 0
    ruler = Ruler(DepthMap(values, "metric", camera()))
    with pytest.raises(DepthMapError, match="pixel 20,10 has no depth; use"):
        ruler.point((20, 10))
    for pixel in [(160, 0), (0, 120), (-1, 0), (0.5, 1), (1, 2, 3), None]:
        with pytest.raises(DepthMapError, match="pixel"):
            ruler.point(pixel)
    with pytest.raises(DepthMapError, match="two points"):
        ruler.distance((5, 5), (5, 5))
    with pytest.raises(DepthMapError, match="no pixel of this map"):
        Ruler(DepthMap(0 * values, "metric", camera())).point((1, 1))
    with pytest.raises(DepthMapError, match="calibrate"):
        Ruler(DepthMap(values, "scaled", camera()))
    with pytest.raises(DepthMapError, match="camera"):
        Ruler(DepthMap(values, "metric"))
    with pytest.raises(DepthMapError, match="empty"):
        Ruler(wall(), ())


def test_lens_distortion_is_undone():
    plain = wall()
    lens = replace(plain.camera, distortion=RadialTangential(0.3, 0.02, 0.001, 0.0))
    bent = DepthMap(plain.values, "metric", lens)
    points = np.array([[-0.7, -0.5, 2.0], [0.6, 0.4, 2.0]])
    at = [tuple(int(n) for n in uv) for uv in lens.project(points)]
    assert Ruler(bent).distance(*at).metres == pytest.approx(np.linalg.norm(points[1] - points[0]), abs=0.03)
    assert Ruler(plain).distance(*at).metres > 1.03 * np.linalg.norm(points[1] - points[0])


@settings(max_examples=15)
@given(st.floats(0.2, 5))
def test_after_calibration_the_known_length_is_that_long_and_all_others_scale(length):
    scene = with_box(room())
    a, b, c, d = (74, 84), (86, 84), (30, 110), (120, 20)
    before, after = Ruler(scene), Ruler(calibrate(scene, length, a, b))
    assert after.distance(a, b).metres == pytest.approx(length, rel=1e-5)
    ratio = length / before.distance(a, b).metres
    assert after.distance(c, d).metres == pytest.approx(ratio * before.distance(c, d).metres, rel=1e-5)
    assert after.depthmap.calibration.factor == pytest.approx(ratio)
    assert after.height((80, 84)).metres == pytest.approx(ratio * before.height((80, 84)).metres, rel=0.02)


def test_calibration_replaces_the_error_of_the_scale_and_of_equally_lying_focal_lengths():
    scene = wall(focal_source="assumed", focal_uncertainty=0.3)
    errors = (ErrorRange(0, 100, 0.2, 0.0),)
    for follows in (True, False):
        known = calibrate(scene, 1.0, (20, 60), (140, 60), errors=errors, follows_focal=follows)
        length = Ruler(known, errors, follows).distance((20, 20), (20, 100))
        assert length.focal == pytest.approx(0, abs=1e-6)
        assert length.uncertainty < 0.02 * length.metres
    assert Ruler(scene, errors, False).distance((20, 20), (20, 100)).focal == pytest.approx(0.3 * 80 / 60)


def test_a_calibrated_map_is_as_sure_of_its_known_length_as_the_tape_and_the_picks():
    a, b = (20, 110), (140, 110)
    for smooth in (0.0, 10.0):
        known = Ruler(calibrate(room(), 2.0, a, b, smooth=smooth, uncertainty=0.01), smooth=smooth)
        again = known.distance(a, b)
        assert again.depth < 1e-4 * again.metres
        assert again.scale == pytest.approx(np.hypot(again.pick, 0.01), rel=1e-3)
    near, far = known.distance((22, 112), (138, 112)), known.distance((40, 70), (120, 70))
    assert near.depth / near.metres < 0.7 * far.depth / far.metres


@pytest.mark.parametrize(("smooth", "pair"), [(0.0, ((40, 110), (120, 80))), (12.0, ((25, 112), (120, 100)))])
def test_what_calibration_leaves_is_as_simulated(smooth, pair):
    """Depth errors of four points, alike with their angle; lengths after the second is made the known one."""
    errors, known = (ErrorRange(0, 100, 0.2, 0.03),), ((20, 110), (140, 105))
    ruler = Ruler(room(), errors, smooth=smooth)
    points = np.array([ruler.point(pixel) for pixel in (*pair, *known)])
    rays = points / np.linalg.norm(points, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip(rays @ rays.T, -1, 1)))
    alike = np.exp(-angles / smooth) if smooth else np.eye(4)
    np.fill_diagonal(alike, 1.0)
    noise = np.random.default_rng(0).multivariate_normal(np.zeros(4), 0.03**2 * alike, 20000)
    moved = points * np.exp(noise)[..., None]
    lengths = np.linalg.norm(moved[:, ::2] - moved[:, 1::2], axis=2)
    true = float(np.linalg.norm(points[3] - points[2]))
    found = Ruler(
        calibrate(room(), true, *known, errors=errors, smooth=smooth), errors, smooth=smooth
    ).distance(*pair)
    simulated = (lengths[:, 0] / lengths[:, 1] * true).std()
    assert found.depth == pytest.approx(simulated, rel=0.06)
    assert found.scale < 0.02 * found.metres  # the common 20 % are gone


def test_a_scaled_map_becomes_metric_by_a_known_length():
    scene = DepthMap(wall().values * 7, "scaled", camera())
    known = calibrate(scene, 80 / 60, (20, 60), (100, 60))
    assert known.kind == "metric"
    np.testing.assert_allclose(known.depth, 2.0, rtol=1e-5)
    with pytest.raises(DepthMapError, match="known length"):
        calibrate(scene, 0, (20, 60), (100, 60))
    with pytest.raises(DepthMapError, match="uncertainty"):
        calibrate(scene, 1, (20, 60), (100, 60), uncertainty=-1)


@pytest.mark.parametrize("suffix", ["npz", "png", "exr", "tiff", "pfm"])
def test_calibration_is_kept_in_files(tmp_path, suffix):
    known = calibrate(room(), 1.0, (20, 100), (100, 100))
    known.save(tmp_path / f"a.{suffix}")
    loaded = DepthMap.load(tmp_path / f"a.{suffix}")
    assert loaded.calibration == known.calibration
    a, b = (20, 100), (100, 100)
    assert Ruler(loaded).distance(a, b).metres == pytest.approx(1.0, rel=2e-3)
    assert Ruler(loaded).distance(a, b).scale == pytest.approx(Ruler(known).distance(a, b).scale, rel=1e-3)


def test_a_calibration_of_what_has_no_metres_is_refused():
    known = calibrate(room(), 1.0, (20, 100), (100, 100)).calibration
    with pytest.raises(DepthMapError, match="only metres"):
        DepthMap(np.ones((2, 2), np.float32), "scaled", calibration=known)
    for values in ({}, None, {**known.to_dict(), "factor": 0}, {**known.to_dict(), "pixels": [[1, 2]]}):
        with pytest.raises(DepthMapError, match="calibration"):
            type(known).from_dict(values)
    assert type(known).from_dict(known.to_dict()) == known


def test_the_shipped_model_gives_lateral_sizes_that_do_not_depend_on_the_focal_length():
    import onedepth

    predictor = onedepth.load(device="cpu", threads=1)
    draw = np.random.default_rng(3)
    image = draw.integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    short, long = (predictor.predict(image, Camera.from_focal(f, 256, 192)) for f in (200.0, 320.0))
    np.testing.assert_allclose(long.depth, 1.6 * short.depth, rtol=1e-3)
    np.testing.assert_allclose(long.points()[:, :2], short.points()[:, :2], rtol=2e-3, atol=1e-4)
