"""ReDWeb v1: 3,600 web stereo pairs with dense relative disparity.

    ROOT/ReDWeb_V1/Imgs/NAME.jpg
    ROOT/ReDWeb_V1/RDs/NAME.png

Labels are 8-bit PNG and stored upside down: 0 is nearest, 254 farthest, 255 the sky. They are "likely
(negative) disparity" (MiDaS authors after asking those of the data set, github.com/isl-org/MiDaS issue 16),
and that is how they are read: affine disparity = 255 - stored, the sky no measurement. Xian et al.,
"Monocular Relative Depth Perception with Web Stereo Data Supervision", CVPR 2018. There are no cameras and no
splits.
"""

from collections.abc import Iterator
from pathlib import Path

from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, by_key, locate, pair
from onedepth.layouts.walking import data_root, existing, files_in
from onedepth.manifest.record import Label, Record


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield all pairs of image and relative disparity.

    Raises:
        ConfigError: An option was given; none is of use here.
        DataError: A folder is missing, or a file has no twin.
    """
    accept_only(options, "redweb")
    root = data_root(root)
    home = root / "ReDWeb_V1" if (root / "ReDWeb_V1").is_dir() else root
    folders = [existing(home / name, "ReDWeb's folders Imgs/ and RDs/") for name in ("Imgs", "RDs")]
    images, labels = (by_key(files_in(folder, root=root)) for folder in folders)
    return (
        Record(
            id=key,
            image=locate(image),
            label=Label(
                file=locate(label),
                kind="affine",
                quantity="disparity",
                encoding="png8_inverted",
                scale=1 / 255,
            ),
            scene=key,
            licence="research only",
            source="ReDWeb",
        )
        for key, image, label in pair(images, labels, folders[0])
    )
