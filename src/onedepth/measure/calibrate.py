"""Set the scale of a depth map by one length that somebody knows."""

from __future__ import annotations

from collections.abc import Sequence

from onedepth.calibration import Calibration, Pixel
from onedepth.checks import finite, positive
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthMapError
from onedepth.measure.ruler import SMOOTH, Ruler
from onedepth.predict.depth_errors import DEFAULT_ERRORS, ErrorRange


def calibrate(
    depthmap: DepthMap,
    length: float,
    first: Pixel,
    second: Pixel,
    *,
    uncertainty: float = 0.0,
    errors: Sequence[ErrorRange] = DEFAULT_ERRORS,
    follows_focal: bool = True,
    smooth: float = SMOOTH,
) -> DepthMap:
    """Multiply the depths so that two pixels' points are `length` apart, and keep the record with the map.

    The error of the photo's scale is replaced by that of this one measurement: the longer and the farther
    across the view the known length, the better.

    Args:
        depthmap: A metric or scaled map with a camera; a calibration it has is replaced.
        length: Metres between the two points, > 0.
        first: Pixel (column, row) of one end.
        second: Pixel of the other.
        uncertainty: Standard deviation of `length` in metres, >= 0.
        errors: As in `Ruler`.
        follows_focal: As in `Ruler`.
        smooth: As in `Ruler`.

    Returns:
        A metric map with `calibration`.

    Raises:
        DepthMapError: The length is not above 0, or cannot be measured (see `Ruler.distance`).
    """
    length = positive(length, "known length", DepthMapError)
    uncertainty = finite(uncertainty, "uncertainty of the known length", DepthMapError)
    if uncertainty < 0:
        raise DepthMapError(f"uncertainty of the known length must be >= 0, found {uncertainty:g}")
    metres = depthmap.to_metric(scale=1.0) if depthmap.kind == "scaled" else depthmap
    ruler = Ruler(metres, errors, follows_focal, smooth)
    found = ruler.distance(first, second)
    way = (ruler.point(second) - ruler.point(first)) / found.metres
    left = (found.depth / found.metres) ** 2 + (found.pick / found.metres) ** 2 + (uncertainty / length) ** 2
    factor = length / found.metres
    record = Calibration(
        factor=factor,
        length=length,
        pixels=(first, second),
        uncertainty=left**0.5,
        focal_share=max(-1.0, min(1.0, ruler.focal_share(way))),
    )
    values = metres.values * factor
    return DepthMap(values, "metric", metres.camera, metres.valid, metres.source, record)
