"""The left-right check and the judgement, on numbers made by hand."""

import numpy as np
import pytest

from onedepth.stereo.checks import Limits, Measured, consistent, fault
from onedepth.stereo.matching import Matches

FINE = {"valid_share": 0.9, "flow_share": 0.9, "vertical_share": 0.0, "range": 30.0, "parallax": 30.0}


def flat(value):
    return np.full((8, 20), value, np.float32)


@pytest.mark.parametrize(("gap", "agree"), [(0, True), (2, True), (2.1, False)])
def test_matches_agree_within_the_limit(gap, agree):
    found = consistent(Matches(flat(3), flat(3 + gap), flat(0)))
    np.testing.assert_array_equal(found[:, 3:], agree)
    assert not found[:, :3].any()  # their match lies outside of the right view


def test_the_match_is_looked_up_where_it_lies_also_in_another_row():
    right = flat(50)
    right[3:] = 0
    found = consistent(Matches(flat(0), right, flat(3)))
    np.testing.assert_array_equal(found, np.arange(8)[:, None] + flat(3) <= 7)


def test_what_was_not_matched_never_agrees():
    assert not consistent(Matches(flat(np.nan), flat(0), flat(0))).any()
    assert not consistent(Matches(flat(0), flat(np.nan), flat(0))).any()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, None),
        ({"valid_share": 0.69}, "unmatched"),
        ({"flow_share": 0.29}, "unlike"),
        ({"vertical_share": 0.11}, "vertical"),
        ({"range": 9.9}, "flat"),
        ({"parallax": 0.4, "range": 0.5}, "no parallax"),
        ({"valid_share": 0.70, "vertical_share": 0.10, "range": 10.0}, None),
    ],
)
def test_the_published_thresholds_decide(change, kind):
    reason = fault(Measured(**{**FINE, **change}), Limits())
    assert (reason and reason.split(":")[0]) == kind
