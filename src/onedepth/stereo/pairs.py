"""Pairs of images, from two files or two folders."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onedepth.errors import DataError
from onedepth.files.image_search import FoundImage, search
from onedepth.manifest.storage import join_locator
from onedepth.stereo.views import Image

_EYES = re.compile(r"(?<![A-Za-z])(left|right|l|r|im0|im1)(?![A-Za-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views of one moment.

    Attributes:
        name: Unique among the pairs of a run; names the results.
        load: Returns left and right, uint8 (H, W, 3) RGB; raises DataError for what cannot be read.
        left: Locator of the left image; None for views that are no files of their own (frames of a film).
        right: Locator of the right image, likewise.
        scene: Pairs of one scene share it.
        time: Seconds, of a frame.
        follows: Whether the pair before it is the moment before, in the same shot.
    """

    name: str
    load: Callable[[], tuple[Image, Image]]
    left: str | None = None
    right: str | None = None
    scene: str = ""
    time: float | None = None
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Unpaired:
    """An image without a partner, and why."""

    path: Path
    reason: str


def find_pairs(
    left: Path, right: Path, *, leave_out: Path | None = None
) -> tuple[list[Pair], list[Unpaired]]:
    """Pair two files, or the images of two folders (with sub-folders) by their names.

    Names may differ in the word that tells the eye: `a_left.png` and `a_right.png`, `im0` and `im1`. One
    folder may lie in the other.

    Args:
        left: File or folder.
        right: File or folder.
        leave_out: A folder in which nothing is looked for, such as that of the results.

    Raises:
        DataError: One is a file and the other a folder, both are the same, or no two names agree.
        ImageError: A path does not exist, or a folder holds no images.
    """
    if left.exists() and right.exists():
        if left.resolve() == right.resolve():
            raise DataError(f"{left}: given as left and as right; expected two views")
        if left.is_dir() != right.is_dir():
            raise DataError(f"{left} and {right}: one is a folder, the other a file; give two of a kind")
    if not left.is_dir() and not right.is_dir():
        return [_pair(search(left)[0].path, search(right)[0].path, left.stem)], []
    _refuse_scenes(left)
    lefts, rights = _images(left, right, leave_out), _images(right, left, leave_out)
    unpaired = [
        Unpaired(image.path, f"no image of this name in {other}")
        for found, partners, other in ((lefts, rights, right), (rights, lefts, left))
        for key, image in found.items()
        if key not in partners
    ]
    pairs = [
        _pair(image.path, rights[key].path, image.name.as_posix())
        for key, image in lefts.items()
        if key in rights
    ]
    if not pairs:
        examples = f"{next(iter(lefts.values())).name} and {next(iter(rights.values())).name}"
        raise DataError(f"{left} and {right}: no image has the same name in both (such as {examples})")
    return pairs, unpaired


def _refuse_scenes(folder: Path) -> None:
    """Scenes hold depth beside the photos, as pictures of the same names."""
    found = next(folder.rglob("scene.json"), None)
    if found is not None:
        raise DataError(
            f"{folder}: is a folder of scenes ({found}), where photos lie beside depth of the same names; "
            "give two folders of photos alone: copy *.jpg of a scene to one, and give its right/ as the other"
        )


def _images(folder: Path, other: Path, leave_out: Path | None) -> dict[str, FoundImage]:
    """Images of a folder by key, without those of the other view's folder, if that lies in it."""
    images, apart = search(folder, leave_out=leave_out), other.resolve()
    if apart.is_relative_to(folder.resolve()):
        images = [image for image in images if not image.path.resolve().is_relative_to(apart)]
    if not images:
        raise DataError(f"{folder}: no images but those of {other}")
    return _by_key(images)


def _by_key(images: list[FoundImage]) -> dict[str, FoundImage]:
    """Images by their names without the word for the eye.

    Raises:
        DataError: Two images have the same name.
    """
    found: dict[str, FoundImage] = {}
    for image in images:
        key = _EYES.sub("*", image.name.as_posix())
        if key in found:
            raise DataError(f"{image.path} and {found[key].path}: have the same name; remove or rename one")
        found[key] = image
    return found


def _pair(left: Path, right: Path, name: str) -> Pair:
    at_left, at_right = (join_locator(path.absolute()) for path in (left, right))

    def load() -> tuple[Image, Image]:
        from onedepth.manifest.pixels import load_image

        return load_image(at_left), load_image(at_right)

    return Pair(name, load, at_left, at_right)
