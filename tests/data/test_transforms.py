"""Images through resize and zoom, and all transforms together as training draws them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_builder import ramp, same, sample_of

from onedepth import Camera
from onedepth.data.transforms import (
    Augment,
    augment,
    canonical_window,
    fit_aspect,
    recolour,
    resize_image,
    zoom,
)

GEOMETRY_ONLY = Augment(colour=0, blur=0, noise=0, camera_zoom=0.5)
NOTHING = Augment(zoom=1, whole=1, flip=0, colour=0, blur=0, noise=0)
sides = st.integers(4, 40)


@pytest.mark.parametrize(
    "size", [(20, 15), (40, 30), (61, 44), (100, 80), (20, 80), (95, 15), (60, 17), (33, 40)]
)
def test_a_resized_image_shows_each_point_where_the_camera_says(size: tuple[int, int]) -> None:
    """Of a linear ramp, linear resizing with and without filter must give the ramp at the new centres."""
    image = resize_image(ramp(60, 40), *size).astype(float)
    u = (np.arange(size[0]) + 0.5) * 60 / size[0]
    v = (np.arange(size[1]) + 0.5) * 40 / size[1]
    inner_u, inner_v = (u > 1) & (u < 59), (v > 1) & (v < 39)
    assert np.abs(image[..., 0] - 3.0 * u)[:, inner_u].max() <= 1.2
    assert np.abs(image[..., 1] - 2.0 * v[:, None])[inner_v].max() <= 1.2
    assert abs((image[..., 0] - 3.0 * u)[:, inner_u].mean()) < 0.5  # a quarter of a pixel would be 0.75


@pytest.mark.parametrize("size", [(10, 10), (10, 40), (40, 10), (10, 60)])
def test_shrinking_does_not_alias(size: tuple[int, int]) -> None:
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 200
    inner = slice(1, -1)  # at the edge the filter sees a stripe less on one side
    assert np.ptp(resize_image(stripes, 10, size[1])[:, inner]) <= 2
    assert np.ptp(resize_image(stripes.transpose(1, 0, 2).copy(), size[1], 10)[inner]) <= 2


def test_a_zoomed_image_shows_each_point_where_the_camera_says() -> None:
    before = sample_of(60, 40, video=True)
    after = zoom(before, 1.6, 1.25)
    u = (np.arange(60) + 0.5 - 30) / 1.6 + 30
    v = (np.arange(40) + 0.5 - 20) / 1.25 + 20
    for image in (after.image, after.frames[0], 255 - after.frames[1]):
        assert np.abs(image[..., 0] - 3.0 * u).max() <= 1.1
        assert np.abs(image[..., 1] - 2.0 * v[:, None]).max() <= 1.1


def test_zoom_keeps_depth_moves_the_camera_and_leaves_the_pose_frames() -> None:
    before = sample_of(60, 40, video=True)
    after = zoom(before, 1.6, 1.25)
    assert after.camera.fx == pytest.approx(1.6 * before.camera.fx)
    assert after.camera.fy == pytest.approx(1.25 * before.camera.fy)
    assert after.camera.size == before.camera.size
    assert set(after.label.ravel()) < set(before.label.ravel())
    assert all(a is b for a, b in zip(after.pose_frames, before.pose_frames, strict=True))
    assert not np.array_equal(after.frames[0], before.frames[0])
    assert same(zoom(before, 1.0, 1.0), before)


photo_sides = st.integers(1, 70)
strengths = st.builds(
    Augment,
    zoom=st.floats(0.1, 1),
    whole=st.floats(0, 1),
    stretch=st.floats(0, 0.5),
    camera_zoom=st.sampled_from([0.0, 1.0]),
)


@settings(max_examples=100, deadline=None)
@given(photo_sides, photo_sides, sides, sides, strengths, st.integers(0, 9999))
def test_any_photo_becomes_the_size_asked_for(
    width: int, height: int, to_width: int, to_height: int, how: Augment, seed: int
) -> None:
    before = sample_of(width, height, video=True)
    after = augment(before, (to_width, to_height), how, np.random.default_rng(seed))
    assert after.image.shape == (to_height, to_width, 3)
    assert after.image.dtype == np.uint8
    assert after.label.shape == (to_height, to_width)
    assert after.label.dtype == np.float32
    assert after.camera.size == (to_width, to_height)
    assert {f.shape for f in (*after.frames, *after.pose_frames)} == {after.image.shape}
    assert set(after.label.ravel()) <= set(before.label.ravel())


def test_the_same_seed_gives_the_same_sample_and_another_one_another() -> None:
    sample, how = sample_of(60, 40, video=True), Augment(camera_zoom=0.5, blur=0.5, noise=0.5)
    results = [augment(sample, (32, 24), how, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_augmenting_changes_nothing_in_place() -> None:
    sample, copy = sample_of(60, 40, 0.3, video=True), sample_of(60, 40, 0.3, video=True)
    for seed in range(8):
        augment(
            sample, (32, 24), Augment(camera_zoom=1, noise=1, blur=1, flip=1), np.random.default_rng(seed)
        )
    assert same(sample, copy)


@pytest.mark.parametrize("seed", range(8))
def test_colours_never_touch_geometry(seed: int) -> None:
    sample = sample_of(60, 40, video=True)
    loud = GEOMETRY_ONLY.model_copy(update={"colour": 1.0, "blur": 1.0, "noise": 1.0})
    plain = augment(sample, (32, 24), GEOMETRY_ONLY, np.random.default_rng(seed))
    coloured = augment(sample, (32, 24), loud, np.random.default_rng(seed))
    assert same(replace(coloured, image=plain.image), plain)
    assert not np.array_equal(coloured.image, plain.image)
    assert np.array_equal(plain.image, plain.frames[0])  # frames are clean, and this one comes first


def test_recolouring_keeps_flat_images_flat_and_black_ones_dark() -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    how = Augment(colour=1, blur=1, noise=0)
    for seed in range(20):
        result = recolour(grey, how, np.random.default_rng(seed))
        assert np.ptp(result.reshape(-1, 3), axis=0).max() == 0
    assert np.array_equal(recolour(grey, NOTHING, np.random.default_rng(0)), grey)


def test_without_variation_a_photo_of_the_right_size_stays_as_it_is() -> None:
    sample = sample_of(60, 40, 0.3, video=True)
    assert same(augment(sample, (60, 40), NOTHING, np.random.default_rng(0)), sample)


def test_flips_and_zooms_come_as_often_as_asked() -> None:
    sample = sample_of(32, 24)
    how = NOTHING.model_copy(update={"flip": 0.3, "camera_zoom": 0.4})
    cameras = [augment(sample, (32, 24), how, np.random.default_rng(seed)).camera for seed in range(400)]
    plain = [c for c in cameras if c.fx == pytest.approx(sample.camera.fx)]
    flipped = [c for c in plain if c.cx != pytest.approx(sample.camera.cx)]
    assert 0.3 < 1 - len(plain) / 400 < 0.5
    assert 0.22 < len(flipped) / len(plain) < 0.38
    ratios = np.array([(c.fx / sample.camera.fx, c.fy / sample.camera.fy) for c in cameras])
    assert ratios.min() > 1 - 1e-9
    assert ratios.max() < 2 + 1e-9
    assert not np.allclose(ratios[:, 0], ratios[:, 1])


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.1, 10))
def test_the_largest_window_of_an_aspect_fits_and_touches_two_sides(
    width: int, height: int, aspect: float
) -> None:
    w, h = fit_aspect(width, height, aspect)
    assert 1 <= w <= width
    assert 1 <= h <= height
    assert w == width or h == height
    assert abs(w - aspect * h) <= 0.5 * max(1, aspect) + 1e-6 or 1 in (w, h)


def test_a_canonical_window_resizes_to_the_canonical_focal() -> None:
    camera = Camera.from_focal(500.0, 640, 480)
    width, height = canonical_window(camera, (256, 192), 400.0)
    assert (width, height) == (320, 240)
    width, height = canonical_window(camera, (256, 192), 100.0)  # would be larger than the photo
    assert (width, height) == (640, 480)


@pytest.mark.parametrize(
    "values", [{"zoom": 0}, {"zoom": 1.1}, {"flip": -0.1}, {"stretch": 0.6}, {"colour": 2}, {"hue": 0.1}]
)
def test_strengths_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Augment(**values)
