"""A disparity label as a 16-bit PNG, and what its numbers mean."""

from pathlib import Path

import numpy as np

from onedepth.depthmap import DepthMap
from onedepth.errors import DataError
from onedepth.manifest.record import Label
from onedepth.manifest.storage import join_locator
from onedepth.stereo.matching import Floats


def write_label(disparity: Floats, path: Path, *, metric: bool = False, source: str | None = None) -> Label:
    """Write disparity as 16-bit PNG: 0 = not measured, 1 ... 65535 span its range.

    Args:
        disparity: float32 (H, W), NaN = not measured; in pixels, or in 1/m if `metric`.
        path: The file; its folder must exist.
        metric: Whether the numbers are inverse metres; otherwise scale and shift are unknown.
        source: Noted in the file.

    Returns:
        The label, with the scale and offset that give the numbers back to within half a step of 65534.

    Raises:
        DataError: Nothing was measured.
        OneDepthError: The file cannot be written.
    """
    from PIL import Image

    from onedepth.files.depth_metadata import KEY, parse

    if not np.isfinite(disparity).any():
        raise DataError(f"{path}: no pixel was measured, so there is no label to write")
    DepthMap(disparity, "affine_disparity", source=source).save(path, "png16")
    with Image.open(path) as image:
        metadata = parse(str(image.info[KEY]), str(path))[0]
    return Label(
        file=join_locator(path.absolute()),
        kind="metric" if metric else "affine",
        quantity="disparity",
        scale=1 / metadata.scale,
        offset=metadata.offset,
    )
