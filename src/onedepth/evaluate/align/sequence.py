"""One scale (and shift) for all frames of a sequence, from one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from statistics import median

from onedepth.depthmap import Kind
from onedepth.errors import DataError
from onedepth.evaluate.align import solvers
from onedepth.evaluate.align.fit import Array, Fit
from onedepth.evaluate.align.table import choose, found, in_space, matched, unusable

Frames = Iterable[tuple[Array, Array]]


def align_sequence(name: str, frames: Frames, *, kind: Kind = "metric", cap: float | None = None) -> Fit:
    """Fit one scale (and shift) to a whole sequence.

    Least squares pools the pixels of all frames, as Video Depth Anything does (Chen et al., CVPR 2025); the
    median is that of the frames' own ratios of medians, so every frame counts alike. Frames without a valid
    pixel are left out; memory is that of one frame.

    Args:
        name: A key of `ALIGNMENTS` that is per sequence.
        frames: Pairs of (N,) predictions and (N,) true depths in metres, valid pixels only.
        kind: What the predictions are.
        cap: As for `align`.

    Returns:
        The fit; not `ok` where a frame's prediction is unusable or the solution degenerate.

    Raises:
        DataError: As `align`.
    """
    alignment = choose(name, kind, cap)
    if not alignment.per_sequence:
        raise DataError(f"alignment {name}: is per image; use align")
    fit = Fit(alignment=name, kind=kind, space=alignment.space, cap=cap, ok=False)

    def usable() -> Iterator[tuple[Array, Array]]:
        for prediction, truth in frames:
            x, y = matched(prediction, truth)
            if x.size == 0:
                continue
            reason = unusable(alignment, x, kind)
            if reason:
                raise solvers.DegenerateError(reason)
            yield in_space(alignment, kind, x, y)

    try:
        return found(fit, _SOLVERS[alignment.solve](usable()))
    except solvers.DegenerateError as error:
        return found(fit, None, str(error))


def _median(frames: Frames) -> solvers.Line:
    ratios = [solvers.median_ratio(x, y)[0] for x, y in frames]
    if not ratios:
        raise solvers.DegenerateError("no valid pixel")
    return median(ratios), 0.0


def _pooled(frames: Frames) -> solvers.Moments:
    moments = solvers.Moments()
    for x, y in frames:
        moments.add(x, y)
    if moments.number == 0:
        raise solvers.DegenerateError("no valid pixel")
    return moments


_SOLVERS: dict[object, Callable[[Frames], solvers.Line]] = {
    solvers.median_ratio: _median,
    solvers.factor: lambda frames: _pooled(frames).factor(),
    solvers.line: lambda frames: _pooled(frames).line(),
}
