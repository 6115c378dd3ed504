"""From two views to a label: what is recovered, and what is rejected for which reason."""

import numpy as np
import pytest
from stereo_cases import HEIGHT, WIDTH, barred, moved_rows, pair, texture

from onedepth.errors import ConfigError, DataError
from onedepth.stereo.checks import Limits
from onedepth.stereo.label import Calibration, Labelled, Rejected, StereoOptions, label_pair
from onedepth.stereo.matching import MATCHERS, flow_both_ways, search_range, semi_global
from onedepth.stereo.rectify import find_alignment
from onedepth.stereo.views import content, grey

METHODS = list(MATCHERS)
FLOW, SGBM = StereoOptions(method="flow"), StereoOptions(method="sgbm")


def labelled(left, right, options=None):
    result = label_pair(left, right, options)
    assert isinstance(result, Labelled), result
    return result


def rejected(left, right, options=None):
    result = label_pair(left, right, options)
    assert isinstance(result, Rejected)
    return result.reason


def errors(found, truth):
    known = np.isfinite(found)
    return np.abs(found - truth)[known]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [0, -14])
def test_disparity_of_any_sign_is_recovered(method, shift):
    left, right, truth = pair(shift=shift)
    found = labelled(left, right, StereoOptions(method=method)).disparity
    wrong = errors(found, truth)
    assert wrong.size > 0.75 * truth.size
    assert np.median(wrong) < 0.5
    assert (wrong > 2).mean() < 0.06


@pytest.mark.parametrize("method", METHODS)
def test_what_only_the_left_eye_sees_gets_no_label(method):
    left, right, truth = pair()
    found = labelled(left, right, StereoOptions(method=method)).disparity
    columns = np.arange(WIDTH)
    hidden = columns[None] - truth < 0  # outside of the right view
    assert np.isfinite(found[hidden]).mean() < 0.35
    assert np.isfinite(found[~hidden]).mean() > 0.8


def test_exchanging_and_mirroring_both_views_mirrors_the_disparity():
    left, right, _ = pair(1)
    flow = flow_both_ways(grey(left), grey(right))
    here = semi_global(grey(left), grey(right), flow)
    turned = (np.ascontiguousarray(grey(view)[:, ::-1]) for view in (right, left))
    a, b = turned
    there = semi_global(a, b, flow_both_ways(a, b))
    both = np.isfinite(here.right) & np.isfinite(there.left[:, ::-1])
    assert both.mean() > 0.8
    assert np.median(np.abs(here.right - there.left[:, ::-1])[both]) < 0.1


def test_the_search_range_holds_all_disparities():
    left, right, truth = pair(shift=-9)
    low, high = search_range(flow_both_ways(grey(left), grey(right)))
    assert low <= truth.min()
    assert high >= truth.max()
    assert high - low < 90


@pytest.mark.parametrize("method", METHODS)
def test_a_vertical_shift_is_rejected(method):
    left, right, _ = pair()
    options = StereoOptions(method=method)
    assert rejected(left, moved_rows(right, 4), options).startswith("vertical")
    assert isinstance(label_pair(left, moved_rows(right, 1), StereoOptions(method="flow")), Labelled)


@pytest.mark.parametrize(("rows", "turn"), [(5, 0), (-3, 1.5)])
def test_rectify_brings_the_rows_together_and_returns_the_moved_view(rows, turn):
    left, right, truth = pair()
    crooked = moved_rows(right, rows, turn)
    result = labelled(left, crooked, StereoOptions(rectify=True))
    assert result.right is not None
    inside = (slice(15, -15), slice(30, -30))
    gap = np.abs(result.right.astype(int) - right)[inside].mean()
    assert gap < 0.5 * np.abs(crooked.astype(int) - right)[inside].mean()
    wrong = errors(result.disparity, truth)
    assert np.median(wrong) < 1
    assert wrong.size > 0.6 * truth.size


def test_rectify_leaves_a_good_pair_alone():
    left, right, _ = pair()
    assert labelled(left, right, StereoOptions(rectify=True)).right is None


def test_alignment_recovers_turn_and_shift_and_refuses_what_is_no_pair():
    left, right, _ = pair()
    found = find_alignment(grey(left), grey(moved_rows(right, 5, 2.0)))
    assert found is not None
    assert np.degrees(np.arctan2(found.p, found.q)) == pytest.approx(2.0, abs=0.3)
    assert found.r == pytest.approx(-5, abs=0.5)
    assert find_alignment(grey(left), grey(moved_rows(right, 0, 20.0))) is None
    assert find_alignment(grey(left), grey(texture(99, HEIGHT, WIDTH))) is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [0, -30])
def test_exchanged_eyes_are_noticed_without_knowing_the_shift(method, shift):
    left, right, _ = pair(shift=shift)
    options = StereoOptions(method=method)
    assert rejected(right, left, options).startswith("eyes")
    assert isinstance(label_pair(left, right, options), Labelled)
    unchecked = StereoOptions(method=method, check_eyes=False)
    assert isinstance(label_pair(right, left, unchecked), Labelled)


def test_mirroring_without_exchanging_is_noticed_too():
    left, right, _ = pair()
    mirrored = [np.ascontiguousarray(view[:, ::-1]) for view in (left, right)]
    assert rejected(*mirrored).startswith("eyes")
    assert isinstance(label_pair(*mirrored[::-1]), Labelled)


def test_a_ceiling_is_no_exchanged_floor():
    left, right, _ = pair()
    upside_down = [np.ascontiguousarray(view[::-1]) for view in (left, right)]
    assert isinstance(label_pair(*upside_down), Labelled)
    assert rejected(*upside_down[::-1]).startswith("eyes")


@pytest.mark.parametrize("method", METHODS)
def test_black_bars_get_no_label_and_do_not_count(method):
    left, right, truth = pair()
    found = labelled(barred(left, 20), barred(right, 20), StereoOptions(method=method))
    assert not np.isfinite(found.disparity[:20]).any()
    assert not np.isfinite(found.disparity[-20:]).any()
    inside = found.disparity[20:-20]
    assert np.median(errors(inside, truth[20:-20])) < 0.5
    assert found.measured.valid_share == pytest.approx(np.isfinite(inside).mean(), abs=1e-6)


def test_bars_of_one_eye_hide_both():
    left, right, _ = pair()
    found = labelled(barred(left, 10, side=12), right).disparity
    assert not np.isfinite(found[:, :12]).any()
    assert content(grey(barred(left, 10, side=12))).mask((HEIGHT, WIDTH)).sum() == (HEIGHT - 20) * (
        WIDTH - 24
    )


@pytest.mark.parametrize("method", METHODS)
def test_two_scenes_are_no_pair(method):
    left, _, _ = pair(0)
    _, other, _ = pair(1000)
    # Noise finds matches in noise; photos of two scenes are told apart (test_stereo_shared.py).
    assert rejected(left, other, StereoOptions(method=method)).startswith(("unlike", "vertical"))


@pytest.mark.parametrize("level", [0, 90, 255])
def test_pictures_of_one_colour_give_no_label(level):
    blank = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    noisy = blank.copy()
    noisy[5, 5] ^= 1
    reason = rejected(blank, noisy)
    assert reason.startswith("black" if level == 0 else "blank")


def test_one_picture_twice_has_no_parallax():
    left, _, _ = pair()
    assert rejected(left, left).startswith("no parallax")
    noise = np.random.default_rng(0).integers(-2, 3, left.shape)
    coded = np.clip(left.astype(int) + noise, 0, 255).astype(np.uint8)
    assert rejected(left, coded).startswith("no parallax")
    assert rejected(left[:, 14:], left[:, :-14]).startswith("flat")  # moved as a whole: still no depth


def test_sizes_that_differ_and_tiny_views_are_named():
    left, right, _ = pair()
    assert rejected(left, right[:-2]) == "sizes differ: left 320x192, right 320x190; expected one size"
    assert rejected(left[:20], right[:20]).startswith("too small: 320x20")


def test_limits_decide():
    left, right, _ = pair()
    strict = StereoOptions(limits=Limits(range=60))
    assert "disparities span" in rejected(left, right, strict)
    assert rejected(left, right, StereoOptions(limits=Limits(valid_share=0.999))).startswith("unmatched")
    crooked = moved_rows(right, 4)
    lenient = Limits(vertical=6)
    assert isinstance(label_pair(left, crooked, StereoOptions(method="flow", limits=lenient)), Labelled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid": 0.5}, "unknown; expected one of left_right"),
        ({"valid_share": 1.5}, "share from 0 to 1"),
        ({"range": -1}, "must be > 0"),
        ({"vertical": float("nan")}, "must be finite"),
    ],
)
def test_impossible_limits_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Limits().changed(**change)


def test_sky_is_measured_at_the_smallest_disparity_and_left_out_of_the_shares():
    left, right, _ = pair()
    left, right = left.copy(), right.copy()
    left[:60] = right[:60] = 200  # nothing to match there
    sky = np.zeros((HEIGHT, WIDTH), bool)
    sky[:60] = True
    found = labelled(left, right, StereoOptions(sky=lambda name, image: sky))
    np.testing.assert_array_equal(found.disparity[:60], np.nanmin(found.disparity[60:]))
    assert found.measured.valid_share == pytest.approx(np.isfinite(found.disparity[60:]).mean(), abs=1e-6)
    metric = labelled(
        left, right, StereoOptions(sky=lambda name, image: sky, calibration=Calibration(300, 0.1))
    )
    assert not np.isfinite(metric.disparity[:60]).any()


def test_a_sky_of_another_size_is_refused():
    left, right, _ = pair()
    with pytest.raises(DataError, match="sky mask of shape"):
        label_pair(left, right, StereoOptions(sky=lambda name, image: np.zeros((4, 4), bool)))


def test_a_calibrated_pair_gives_inverse_metres():
    left, right, truth = pair(shift=-3)
    found = labelled(left, right, StereoOptions(calibration=Calibration(250, 0.2, offset=3))).disparity
    expected = (truth + 3) / (250 * 0.2)
    known = np.isfinite(found)
    assert known.mean() > 0.7
    assert np.median(np.abs(1 / found - 1 / expected)[known] / (1 / expected)[known]) < 0.05
    assert found[known].min() >= 1 / 50


def test_parallel_cameras_cannot_see_behind_infinity():
    left, right, _ = pair(shift=-60)
    calibrated = StereoOptions(calibration=Calibration(250, 0.2))
    assert rejected(left, right, calibrated).startswith(("eyes", "unmatched", "unlike"))


def test_options_that_contradict_are_refused():
    with pytest.raises(ConfigError, match="expected one of sgbm, flow"):
        StereoOptions(method="raft")
    with pytest.raises(ConfigError, match="exclude each other"):
        StereoOptions(rectify=True, calibration=Calibration(300, 0.1))
    with pytest.raises(ConfigError, match="baseline must be > 0"):
        Calibration(300, 0)
