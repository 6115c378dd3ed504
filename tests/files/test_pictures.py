import numpy as np
import pytest
from depthmap_strategies import metric
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from onedepth.depthmap import KINDS, DepthMap
from onedepth.errors import ConfigError, DepthFileError
from onedepth.files.colormaps import COLORMAPS, INVALID, colormap
from onedepth.files.pictures import BAR_LEAST_HEIGHT, render_picture, write_picture
from onedepth.files.scalebar import _labels


def position(colors, name):
    """Row of the colour table (0 = far) of each colour, or -1 if it is not in the map."""
    distance = np.abs(colormap(name).astype(int) - colors[..., None, :].astype(int)).sum(-1)
    return np.where(distance.min(-1) == 0, distance.argmin(-1), -1)


@pytest.mark.parametrize("name", COLORMAPS)
def test_colour_maps_have_256_distinct_enough_rows_and_end_warm(name):
    table = colormap(name).astype(int)
    assert table.shape == (256, 3)
    assert np.abs(np.diff(table, axis=0)).max() <= 12
    assert np.abs(table - INVALID[name]).sum(1).min() > 30
    if name in ("Spectral_r", "turbo"):
        assert table[-1, 0] - table[-1, 2] > 60 > table[0, 0] - table[0, 2]
    else:
        assert table[-1].sum() > 500 > 60 > table[0].sum()


@pytest.mark.parametrize(
    ("name", "far", "middle", "near"),
    [
        ("Spectral_r", (94, 79, 162), (254, 255, 190), (158, 1, 66)),
        ("turbo", (48, 18, 59), (164, 252, 59), (122, 4, 2)),
        ("magma", (0, 0, 3), (182, 54, 121), (251, 252, 191)),
        ("gray", (0, 0, 0), (128, 128, 128), (255, 255, 255)),
    ],
)
def test_colour_maps_are_the_well_known_ones(name, far, middle, near):
    np.testing.assert_allclose(colormap(name)[[0, 128, 255]], [far, middle, near], atol=1)


@pytest.mark.parametrize("name", COLORMAPS)
@given(depths=hnp.arrays(np.float32, (1, 20), elements=st.floats(0.5, 50, width=32)))
@settings(max_examples=25, deadline=None)
def test_nearer_is_never_colder(name, depths):
    rows = position(render_picture(DepthMap(depths, "metric"), name), name)[0]
    assert (np.diff(rows[np.argsort(depths[0])]) <= 0).all()


def test_colour_is_linear_in_disparity_between_the_limits():
    depthmap = DepthMap(np.float32([[1, 4 / 3, 2, 4, 8, 0.5]]), "metric")
    rows = position(render_picture(depthmap, "gray", limits=(1, 4)), "gray")[0]
    np.testing.assert_allclose(rows, [255, 170, 85, 0, 0, 255], atol=1)


def test_the_same_limits_give_the_same_colours_in_every_frame():
    one = DepthMap(np.float32([[1, 2, 9]]), "metric")
    two = DepthMap(np.float32([[3, 2, 0.1]]), "metric")
    pictures = [render_picture(frame, limits=(1, 5)) for frame in (one, two)]
    np.testing.assert_array_equal(pictures[0][0, 1], pictures[1][0, 1])


def test_a_few_wild_pixels_do_not_wash_out_the_rest():
    depths = np.linspace(2, 4, 10_000, dtype=np.float32).reshape(100, 100)
    calm = position(render_picture(DepthMap(depths, "metric"), bar=False), "Spectral_r")
    wild = depths.copy()
    wild[0, :20] = 0.001
    noisy = position(render_picture(DepthMap(wild, "metric"), bar=False), "Spectral_r")
    assert np.abs(calm[1:] - noisy[1:]).max() < 10


def test_invalid_pixels_have_their_own_colour():
    for name in COLORMAPS:
        picture = render_picture(DepthMap(np.float32([[1, 0, 2]]), "metric"), name)
        assert tuple(picture[0, 1]) == INVALID[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (BAR_LEAST_HEIGHT, 5)])
@pytest.mark.parametrize("value", [0.0, 1e-38, 3.0, 3e38])
def test_constant_invalid_and_tiny_maps_are_drawn(kind, shape, value):
    picture = render_picture(DepthMap(np.full(shape, value, np.float32), kind))
    assert picture.dtype == np.uint8
    assert picture.shape[0] == shape[0]
    assert len(np.unique(picture[:, : shape[1]].reshape(-1, 3), axis=0)) == 1


def test_a_constant_map_has_the_middle_colour():
    picture = render_picture(DepthMap(np.full((3, 4), 2.5, np.float32), "metric"))
    np.testing.assert_allclose(position(picture, "Spectral_r"), 127.5, atol=3)


def test_the_bar_stands_beside_the_picture_and_shows_the_whole_colour_map():
    depthmap = metric(300, 200)
    plain, picture = render_picture(depthmap, bar=False), render_picture(depthmap)
    assert plain.shape == (300, 200, 3)
    assert picture.shape[0] == 300
    assert 220 < picture.shape[1] < 320
    np.testing.assert_array_equal(picture[:, :200], plain)
    rows = position(picture[:, 200:], "Spectral_r")
    strip = rows[:, np.argmax((rows >= 0).sum(0))]
    strip = strip[strip >= 0]
    assert strip[0] == 255
    assert strip[-1] == 0
    assert (np.diff(strip) <= 0).all()


def test_bars_carry_no_metres_unless_the_map_is_metric():
    metres = _labels("metric", 0.1, 1.0, 8)
    assert {text for _, text in metres} >= {"1 m", "2 m", "10 m"}
    assert {text for _, text in _labels("scaled", 0.1, 1.0, 8)} >= {"1", "2", "10"}
    assert {text for _, text in _labels("affine_disparity", -3, 1.0, 8)} == {"near", "far"}
    assert [text for _, text in _labels(None, 0, 1, 8)] == ["no depth"]


@given(st.floats(1e-3, 1e3), st.floats(1.001, 1e4), st.floats(1, 20))
def test_ticks_stand_at_their_own_depth_and_leave_room_for_each_other(near, ratio, room):
    low, high = 1 / (near * ratio), 1 / near
    labels = _labels("metric", low, high, room)
    assert labels
    for at, text in labels:
        assert 0 <= at <= 1
        np.testing.assert_allclose(1 / float(text.removesuffix(" m")), low + at * (high - low), rtol=1e-4)
    places = sorted(at for at, _ in labels)
    assert (np.diff(places) >= 1 / room - 1e-9).all()


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("metric", (4, 1)),
        ("metric", (0, 1)),
        ("metric", (1, float("nan"))),
        ("metric", (2, 2)),
        ("affine_disparity", (1, 4)),
    ],
)
def test_impossible_limits_are_refused(kind, limits):
    with pytest.raises(DepthFileError, match="limits"):
        render_picture(DepthMap(np.ones((2, 2), np.float32), kind), limits=limits)


def test_an_unknown_colour_map_is_refused():
    with pytest.raises(ConfigError, match="Spectral_r"):
        render_picture(metric(), "jet")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_pictures_are_written_in_the_format_of_their_suffix(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    metric(80, 90).save(path, format="picture", colormap="turbo")
    expected = render_picture(metric(80, 90), "turbo")
    with Image.open(path) as image:
        difference = np.asarray(image.convert("RGB")).astype(int) - expected
    assert np.abs(difference).mean() < (1e-9 if suffix == ".png" else 6)


def test_unwritable_pictures_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(DepthFileError, match=r"\.bmp"):
        write_picture(metric(), tmp_path / "a.bmp")
    wide = DepthMap(np.ones((1, 70_000), np.float32), "metric")
    with pytest.raises(DepthFileError, match=r"JPEG cannot hold 70000x1"):
        write_picture(wide, tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []
