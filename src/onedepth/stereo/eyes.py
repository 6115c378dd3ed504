"""Were the eyes exchanged? What the nearer surface hides tells.

Seen from the left eye, what only this eye sees lies left of nearer things and belongs to what is behind them.
So across such a strip, from left to right, the look of the picture changes where the strip *ends*, at the
outline of the nearer thing. With exchanged eyes disparities change their sign and far looks near, yet strips
stay strips of what is really behind: the look changes where they *begin*. Each strip votes; parallel cameras
need no vote, their disparities cannot be negative.

Where the vote is undecided, the ground helps: what is low in a picture is nearly always nearer than what is
high. Disparity that clearly falls towards the bottom, without outlines that say otherwise, is exchanged too.

The thresholds were chosen on 22 pairs of KITTI, Middlebury 2014 and a street set: the right way round the
mean vote was -0.07 ... +0.68 and the correlation with the row +0.04 ... +0.82; exchanged, -0.70 ... +0.02 and
-0.82 ... 0.00.
"""

import numpy as np
import numpy.typing as npt

from onedepth.stereo.checks import consistent
from onedepth.stereo.matching import Flow, Matches, mirrored, opencv, semi_global
from onedepth.stereo.views import Image, grey

Places = npt.NDArray[np.intp]

EXCHANGED_BELOW = -0.15
"""Mean vote (-1 ... 1) below which the eyes are taken to be exchanged."""
FEWEST_VOTES = 40
"""Strips that must have voted; with fewer nothing is said."""

UNDECIDED_BELOW, FALLING_BELOW = 0.05, -0.4
"""Mean vote, and correlation of disparity with the row, below which they are exchanged as well."""

_STEP = 3.0  # pixels of disparity across a strip that count as an outline
_BESIDE = 4  # pixels on both sides whose colour the strip's is compared with
_CLEAR = 10.0  # difference of the two colour distances (sum over RGB) below which a strip does not vote
_WIDEST = 640  # pixels: larger views are shrunk, strips stay wide enough


def exchanged(left: Image, right: Image, flow: Flow) -> bool:
    """Whether the outlines say that `left` is the right eye's view.

    Args:
        left: uint8 (H, W, 3) RGB.
        right: uint8 (H, W, 3) RGB.
        flow: Between them, both ways.
    """
    left, right, flow = _shrunk(left, right, flow)
    matches = semi_global(grey(left), grey(right), flow)
    mean, count = vote(left, right, matches)
    if count < FEWEST_VOTES:
        return False
    return mean < EXCHANGED_BELOW or (mean < UNDECIDED_BELOW and _rise(matches) < FALLING_BELOW)


def vote(left: Image, right: Image, matches: Matches) -> tuple[float, int]:
    """Mean vote of all strips of both views (1 = right way round, -1 = exchanged), and how many voted."""
    of_right = Matches(mirrored(matches.right), mirrored(matches.left), matches.rows)
    votes = np.concatenate([_votes(left, matches), _votes(mirrored(right), of_right)])
    return (float(votes.mean()) if votes.size else 0.0), votes.size


def _rise(matches: Matches) -> float:
    """Correlation of disparity with the row, -1 ... 1; 0 where disparity is constant."""
    rows, columns = np.nonzero(consistent(matches))
    disparity = matches.left[rows, columns]
    if disparity.size == 0 or np.ptp(disparity) == 0 or np.ptp(rows) == 0:
        return 0.0
    return float(np.corrcoef(rows, disparity)[0, 1])


def _votes(view: Image, matches: Matches) -> npt.NDArray[np.float64]:
    """Votes of the strips that the left view sees alone."""
    width = view.shape[1]
    hidden = ~consistent(matches)
    edges = np.diff(hidden.astype(np.int8), axis=1, prepend=0, append=0)
    rows, begin = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    whole = (begin >= _BESIDE) & (end <= width - _BESIDE)
    rows, begin, end = rows[whole], begin[whole], end[whole]
    step, length = matches.left[rows, end] - matches.left[rows, begin - 1], end - begin
    outline = (step >= _STEP) & (length >= 0.5 * step) & (length <= 1.5 * step + 2)
    rows, begin, end = rows[outline], begin[outline], end[outline]
    sums = np.pad(np.cumsum(view, axis=1, dtype=np.float64), ((0, 0), (1, 0), (0, 0)))
    inner = np.where(end - begin > 3, 1, 0)  # the ends of a strip mix both sides
    strip = _means(sums, rows, begin + inner, end - inner)
    to_left = np.abs(strip - _means(sums, rows, begin - _BESIDE, begin)).sum(1)
    to_right = np.abs(strip - _means(sums, rows, end, end + _BESIDE)).sum(1)
    clear = np.abs(to_right - to_left) >= _CLEAR
    votes: npt.NDArray[np.float64] = np.sign(to_right - to_left)[clear]
    return votes


def _means(
    sums: npt.NDArray[np.float64], rows: Places, begin: Places, end: Places
) -> npt.NDArray[np.float64]:
    """Mean colours (N, 3) of columns begin ... end - 1 of rows, from running sums along the rows."""
    total: npt.NDArray[np.float64] = sums[rows, end] - sums[rows, begin]
    return total / (end - begin)[:, None]


def _shrunk(left: Image, right: Image, flow: Flow) -> tuple[Image, Image, Flow]:
    cv2 = opencv()
    factor = _WIDEST / left.shape[1]
    if factor >= 1:
        return left, right, flow
    small = [
        cv2.resize(raster, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        for raster in (left, right, flow.forward * np.float32(factor), flow.backward * np.float32(factor))
    ]
    return small[0], small[1], Flow(small[2], small[3])
