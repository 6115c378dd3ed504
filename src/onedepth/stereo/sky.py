"""Sky of a picture, from whoever knows: a folder of masks, or any function.

Matching finds little in sky. MiDaS gave sky found by a segmenter the smallest disparity of the frame, and
counted it as measured; the segmenter is the user's choice here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onedepth.errors import DataError
from onedepth.stereo.matching import Mask
from onedepth.stereo.views import Image

Sky = Callable[[str, Image], Mask | None]
"""From a pair's name and left view, uint8 (H, W, 3) RGB, to True where sky is, bool (H, W); None: unknown."""


@dataclass(frozen=True, slots=True)
class SkyFolder:
    """Masks in a folder: `<name of the pair>.png`, anything but black is sky.

    Attributes:
        folder: Where they lie; a pair without a mask there has no known sky.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: no such folder; expected one with a mask <name>.png per picture")

    def __call__(self, name: str, image: Image) -> Mask | None:
        """Read the mask of a pair.

        Raises:
            DataError: It cannot be read, or has another size than the picture.
        """
        from onedepth.manifest.pixels import load_image
        from onedepth.manifest.storage import join_locator

        path = self.folder / f"{name}.png"
        if not path.exists():
            return None
        mask: Mask = np.any(load_image(join_locator(path)) > 0, axis=2)
        return checked(mask, image, str(path))


def checked(mask: Mask, image: Image, where: str) -> Mask:
    """`mask` as bool (H, W).

    Raises:
        DataError: Its shape is not that of the picture.
    """
    mask = np.asarray(mask)
    if mask.shape != image.shape[:2]:
        raise DataError(f"{where}: sky mask of shape {mask.shape}, expected {image.shape[:2]} as the picture")
    return mask.astype(np.bool_, copy=False)
