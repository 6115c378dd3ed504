"""The alignments by name, each with its space, and `align`, which fits one to an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from onedepth.depthmap import KINDS, Kind
from onedepth.errors import DataError
from onedepth.evaluate.align import solvers
from onedepth.evaluate.align.fit import Array, Fit, Space

Solver = Callable[[Array, Array], solvers.Line]

_DEPTH: frozenset[Kind] = frozenset({"metric", "scaled"})
_ANY: frozenset[Kind] = frozenset(KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One way to align a prediction to the truth before it is scored.

    Attributes:
        title: What it does, for people.
        solve: Finds scale and shift from values (N,) in `space`.
        space: Where scale and shift act.
        kinds: Kinds of prediction it makes sense for; any other is refused.
        fallback: Solver in the same space for when `solve` finds nothing, where the protocol has one.
        per_sequence: One fit for all frames of a sequence: use `align_sequence`.
    """

    title: str
    solve: Solver
    space: Space = "depth"
    kinds: frozenset[Kind] = _DEPTH
    fallback: Solver | None = None
    per_sequence: bool = False


def _identity(x: Array, y: Array) -> solvers.Line:
    return 1.0, 0.0


ALIGNMENTS: dict[str, Alignment] = {
    "none": Alignment(title="none", solve=_identity, kinds=frozenset({"metric"})),
    "median": Alignment(title="ratio of medians", solve=solvers.median_ratio),
    "scale": Alignment(title="least-squares scale in depth", solve=solvers.factor),
    "scale_l1": Alignment(title="scale of least AbsRel", solve=solvers.least_relative),
    "log": Alignment(title="least-squares scale in log depth", solve=solvers.log_factor),
    "scale_shift": Alignment(title="least-squares scale and shift in depth", solve=solvers.line),
    "scale_shift_else_median": Alignment(
        title="least-squares scale and shift in depth; ratio of medians where the scale is not above 0",
        solve=solvers.line,
        fallback=solvers.median_ratio,
    ),
    "scale_shift_robust": Alignment(
        title="median and mean absolute deviation in depth", solve=solvers.median_deviation
    ),
    "scale_shift_trimmed": Alignment(
        title="least trimmed squares scale and shift in depth", solve=solvers.trimmed_line
    ),
    "scale_shift_disparity": Alignment(
        title="least-squares scale and shift in disparity", solve=solvers.line, space="disparity", kinds=_ANY
    ),
    "scale_shift_disparity_robust": Alignment(
        title="median and mean absolute deviation in disparity",
        solve=solvers.median_deviation,
        space="disparity",
        kinds=_ANY,
    ),
    "scale_shift_disparity_trimmed": Alignment(
        title="least trimmed squares scale and shift in disparity",
        solve=solvers.trimmed_line,
        space="disparity",
        kinds=_ANY,
    ),
    "sequence_median": Alignment(
        title="one scale per sequence: median of its frames' ratios of medians",
        solve=solvers.median_ratio,
        per_sequence=True,
    ),
    "sequence_scale": Alignment(
        title="one least-squares scale in depth per sequence", solve=solvers.factor, per_sequence=True
    ),
    "sequence_scale_shift": Alignment(
        title="one least-squares scale and shift in depth per sequence",
        solve=solvers.line,
        per_sequence=True,
    ),
    "sequence_scale_shift_disparity": Alignment(
        title="one least-squares scale and shift in disparity per sequence",
        solve=solvers.line,
        space="disparity",
        kinds=_ANY,
        per_sequence=True,
    ),
}


def align(
    name: str, prediction: Array, truth: Array, *, kind: Kind = "metric", cap: float | None = None
) -> Fit:
    """Fit a prediction to the truth of one image.

    Args:
        name: A key of `ALIGNMENTS` that is per image.
        prediction: (N,) valid pixels of the prediction, in the unit of its kind.
        truth: (N,) matching true depths in metres, > 0.
        kind: What the prediction is.
        cap: Largest depth in metres; alignments in disparity need it, for their floor of 1 / cap.

    Returns:
        The fit. It is not `ok`, and says why, where there is none: no pixel, fewer than 2 for scale and
        shift, a prediction or truth that is the same everywhere, a scale not above 0, NaN.

    Raises:
        DataError: Unknown alignment, one that makes no sense for this kind, no cap where it is needed,
            truth that is not depth, sizes that differ.
    """
    alignment = choose(name, kind, cap)
    if alignment.per_sequence:
        raise DataError(f"alignment {name}: is per sequence; use align_sequence with all frames")
    x, y = matched(prediction, truth)
    reason = unusable(alignment, x, kind)
    fit = Fit(alignment=name, kind=kind, space=alignment.space, cap=cap, ok=False, reason=reason)
    if reason:
        return fit
    x, y = in_space(alignment, kind, x, y)
    try:
        return found(fit, alignment.solve(x, y))
    except solvers.DegenerateError as first:
        if alignment.fallback is None:
            return found(fit, None, str(first))
        try:
            return found(fit, alignment.fallback(x, y), f"fell back: {first}")
        except solvers.DegenerateError as second:
            return found(fit, None, f"{first}; {second}")


def choose(name: str, kind: Kind, cap: float | None) -> Alignment:
    """The alignment of that name, if it can be used so."""
    alignment = ALIGNMENTS.get(name)
    if alignment is None:
        raise DataError(f"alignment: found {name!r}, expected one of {', '.join(ALIGNMENTS)}")
    if kind not in alignment.kinds:
        raise DataError(
            f"alignment {name}: makes no sense for a prediction of kind {kind}, "
            f"only for {', '.join(sorted(alignment.kinds))}; see ALIGNMENTS for others"
        )
    if alignment.space == "disparity" and (cap is None or not 0 < cap < math.inf):
        raise DataError(f"alignment {name}: needs the largest depth in metres as cap, found {cap}")
    return alignment


def matched(prediction: Array, truth: Array) -> tuple[Array, Array]:
    """Both flat, if they match and the truth is depth."""
    x, y = np.ravel(prediction), np.ravel(truth)
    if x.shape != y.shape:
        raise DataError(f"prediction: has {x.size} pixels but the truth has {y.size}; mask both alike")
    if y.size and not (float(y.min()) > 0 and float(y.max()) < math.inf):
        raise DataError("truth: has pixels that are not a finite depth above 0; mask them out first")
    return x, y


def unusable(alignment: Alignment, x: Array, kind: Kind) -> str:
    """Why predicted values cannot be aligned; empty when they can."""
    if x.size == 0:
        return "no valid pixel"
    bad = x.size - int(np.count_nonzero(np.isfinite(x)))
    if bad:
        return f"the prediction is NaN or infinite at {bad} of {x.size} pixels"
    if alignment.space == "disparity" and kind != "affine_disparity" and float(x.min()) <= 0:
        return "the predicted depth is not above 0 everywhere, so it has no disparity"
    return ""


def in_space(alignment: Alignment, kind: Kind, x: Array, y: Array) -> tuple[Array, Array]:
    """Prediction and truth in the alignment's space."""
    if alignment.space == "depth":
        return x, y
    return (x if kind == "affine_disparity" else _inverse(x)), _inverse(y)


def _inverse(depth: Array) -> Array:
    inverse: Array = np.reciprocal(depth) if depth.dtype.kind == "f" else 1.0 / depth
    return inverse


def found(fit: Fit, line: solvers.Line | None, reason: str = "") -> Fit:
    """The fit with what was found; not ok without."""
    scale, shift = line or (math.nan, math.nan)
    return Fit(
        alignment=fit.alignment,
        kind=fit.kind,
        space=fit.space,
        scale=scale,
        shift=shift,
        cap=fit.cap,
        ok=line is not None,
        reason=reason,
    )
