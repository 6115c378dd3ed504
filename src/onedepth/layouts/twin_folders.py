"""A folder of photos and a folder of depth with files of the same names, wherever they lie below the root.

    ROOT/images/kitchen/1.jpg   ROOT/depth/kitchen/1.png          or ROOT/train/images ..., ROOT/desk/rgb ...
    ROOT/images/train/1.jpg     ROOT/depth/train/1.png            a split as well
    ROOT/camera.json            camera of all images (or --camera), in OneDepth's own format

Names of the folders: `PHOTOS` and `LABELS` below. The suffix tells how labels are stored; a 16-bit PNG counts
in steps, so `--scale` has to say how long one is. Floating point beside whole numbers is taken for metres,
whatever the scale; where all labels are floating point a number scales them, and a name (`mm`) is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from onedepth.camera import Camera
from onedepth.checks import shown
from onedepth.errors import CameraError, ConfigError, DataError
from onedepth.files.images import DEFAULT_MAX_PIXELS
from onedepth.layouts import LayoutOptions
from onedepth.layouts._label_probe import Probe, holds_floats, probe_image, probe_label
from onedepth.layouts.common import locate, pair
from onedepth.layouts.walking import PHOTOS as PHOTO_SUFFIXES
from onedepth.layouts.walking import data_root, files_in, folders_in, walk
from onedepth.manifest.decoders import BY_SUFFIX
from onedepth.manifest.record import Encoding, Label, LabelKind, Record

PHOTOS = ("images", "image", "rgb", "color", "colour", "img", "imgs", "photos")
LABELS = ("depth", "depths", "depth_gt", "gt", "labels", "label", "disparity", "disparities")
SPLITS = ("train", "val", "valid", "validation", "test")

_USUAL = "0.001 (mm: Kinect, RealSense, ScanNet, NYU), 0.0002 (TUM), 1/256 (KITTI) or 0.01 (cm: vKITTI 2)"


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the pairs of all twin folders, folder by folder in natural order.

    Raises:
        DataError: No twin folders, a file without its twin, a label larger than its image, an 8-bit picture
            that is said to be depth, or a file that cannot be read.
        ConfigError: The scale of steps is not known, or the split is none of the folders'.
    """
    root = data_root(root)
    twins = list(_twins(root))
    if not twins:
        raise DataError(
            f"{root}: no folder of photos beside one of depth in it; expected one of {', '.join(PHOTOS[:4])} "
            f"beside one of {', '.join(LABELS[:4])}"
        )
    chosen = [twin for twin in twins if options.split is None or options.split in twin.splits]
    if not chosen:
        has = ", ".join(sorted({split or "none" for twin in twins for split in twin.splits}))
        raise ConfigError(f"--split is {options.split!r}, the folders' are: {has}")
    options = _for_floats(chosen, options)
    return (record for twin in chosen for record in _records(twin, options))


@dataclass(frozen=True, slots=True)
class _Twin:
    """A folder of photos and the one of depth beside it."""

    root: Path
    photos: Path
    labels: Path
    split: str | None

    @property
    def scene(self) -> str:
        """Path of the folder that holds both, below the root."""
        below = self.photos.parent.relative_to(self.root).as_posix()
        return self.root.name if below == "." else below

    @property
    def splits(self) -> set[str | None]:
        """Splits of the pairs; those of folders above come before those of folders in the twins."""
        inner = {folder.name for folder in folders_in(self.photos, root=self.root)}
        found = {name for name in inner if name.lower() in SPLITS}
        return {self.split} if self.split or not found else {*found, None}

    def split_of(self, key: str) -> str | None:
        """Split of a pair, by the path of its files in the twins."""
        first, slash, _ = key.partition("/")
        return self.split or (first if slash and first.lower() in SPLITS else None)


def _twins(root: Path) -> Iterator[_Twin]:
    for folder in walk(root):
        inner = {child.name.lower(): child for child in folders_in(folder, root=root)}
        photos = [inner[name] for name in PHOTOS if name in inner]
        labels = [inner[name] for name in LABELS if name in inner]
        if photos and labels:
            split = next((part for part in folder.relative_to(root).parts if part.lower() in SPLITS), None)
            yield _Twin(root, photos[0], labels[0], split)


def _records(twin: _Twin, options: LayoutOptions) -> Iterator[Record]:
    images = _of_split(_by_name(twin.photos, twin.root, PHOTO_SUFFIXES), twin, options)
    labels = _label_files(twin, options)
    if not labels and images:
        _explain_no_labels(twin)
    found = options.camera or _camera_file(twin)
    for key, image, label in pair(images, labels, twin.photos):
        size = probe_image(image)
        if found is not None and found.size != size:
            raise DataError(
                f"{image}: the image is {size[0]}x{size[1]}, the camera is for {found.width}x{found.height}"
            )
        folder = key.rpartition("/")[0]
        yield Record(
            id=f"{twin.scene}/{key}",
            image=locate(image),
            label=_label(label, image, size, options),
            camera=found,
            scene=f"{twin.scene}/{folder}".rstrip("/"),
            split=twin.split_of(key),
        )


def _label_files(twin: _Twin, options: LayoutOptions) -> dict[str, Path]:
    suffixes = tuple(BY_SUFFIX) if options.encoding is None else ("",)
    return _of_split(_by_name(twin.labels, twin.root, suffixes), twin, options)


def _of_split(files: dict[str, Path], twin: _Twin, options: LayoutOptions) -> dict[str, Path]:
    return {key: path for key, path in files.items() if options.split in (None, twin.split_of(key))}


def _for_floats(twins: list[_Twin], options: LayoutOptions) -> LayoutOptions:
    """The options with `scale_name` set wherever the scale is for whole numbers only.

    Raises:
        ConfigError: A scale of whole numbers was named, and all labels are floating point.
    """
    if options.scale is None:
        return options
    first = None
    for twin in twins:
        for path in _label_files(twin, options).values():
            first = first or path
            if not holds_floats(path, _encoding(path, options)):
                return replace(options, scale_name=options.scale_name or "whole numbers")
    if first is not None and options.scale_name is not None:
        raise ConfigError(
            f"{first}: holds floating point, as all labels here do, which is taken for metres; leave out "
            f"--scale {options.scale_name}, or give the number if they do count in steps: "
            f"--scale {options.scale:g}"
        )
    return options


def _encoding(path: Path, options: LayoutOptions) -> Encoding:
    return options.encoding or BY_SUFFIX[path.suffix.lower()]


def _by_name(folder: Path, root: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files below a folder by their path in it without suffix."""
    found: dict[str, Path] = {}
    for inner in walk(folder):
        for file in files_in(inner, suffixes, root=root):
            key = file.relative_to(folder).with_suffix("").as_posix()
            if key in found:
                raise DataError(f"{file}: {found[key].name} beside it has the same name; keep one of the two")
            found[key] = file
    return found


def _label(path: Path, image: Path, size: tuple[int, int], options: LayoutOptions) -> Label:
    encoding = _encoding(path, options)
    kind: LabelKind = options.kind or "metric"
    probe = probe_label(path, encoding)
    _check(path, image, size, probe, kind, options)
    scale = options.scale
    if scale is None and probe.bits and kind in ("metric", "coarse"):
        raise ConfigError(
            f"{path}: counts in steps of {probe.bits} bits, and nothing says how long a step is; give "
            f"--scale, metres per step, usually {_USUAL}, or --kind scaled if nobody knows"
        )
    quantity = options.quantity or ("disparity" if kind == "affine" else "depth")
    label = Label(file=locate(path), kind=kind, encoding=encoding, quantity=quantity)
    if scale is None or (options.scale_name is not None and holds_floats(path, encoding)):
        return label
    return label.model_copy(update={"scale": scale})


def _check(
    path: Path, image: Path, size: tuple[int, int], probe: Probe, kind: LabelKind, options: LayoutOptions
) -> None:
    if probe.channels != 1:
        raise DataError(
            f"{path}: has {probe.channels} channels; expected one, depth and not a coloured picture"
        )
    if probe.bits == 8 and kind != "affine" and options.quantity != "disparity":
        raise DataError(
            f"{path}: is an 8-bit picture, not depth: 256 levels cannot hold metres, and such files are "
            "stretched for looking at. Use the 16-bit or floating point files it was made from; if near is "
            "bright, --kind affine teaches it as disparity up to scale and shift"
        )
    if probe.size is None or probe.size == size:
        return
    sizes = f"{path}: the depth is {probe.size[0]}x{probe.size[1]}, {image.name} is {size[0]}x{size[1]}"
    if probe.size[0] * probe.size[1] > DEFAULT_MAX_PIXELS or min(probe.size) < 1:
        raise DataError(
            f"{path}: its header claims {probe.size[0]}x{probe.size[1]} pixels, an absurd size for depth of "
            f"{image.name} ({size[0]}x{size[1]}); the file is damaged or forged"
        )
    if probe.size[0] > size[0] or probe.size[1] > size[1]:
        raise DataError(f"{sizes}; depth must not be larger: use the photos at their full size")
    if kind != "coarse":
        raise DataError(f"{sizes}; give --kind coarse if depth was measured at a lower resolution")


def _camera_file(twin: _Twin) -> Camera | None:
    from onedepth.files.cameras import read_camera

    for folder in (twin.photos.parent, twin.root):
        if (folder / "camera.json").is_file():
            try:
                return read_camera(folder / "camera.json")
            except CameraError as error:
                raise DataError(str(error)) from error
    return None


def _explain_no_labels(twin: _Twin) -> None:
    others = _by_name(twin.labels, twin.root, ("",))
    if not others:
        return
    first = next(iter(others.values()))
    if first.suffix.lower() in PHOTO_SUFFIXES:
        reason = f"a {first.suffix} picture cannot hold depth"
    else:
        reason = f"{shown(first.suffix)} tells no encoding; give --encoding"
    raise DataError(f"{first}: {reason}; depth is looked for in {', '.join(BY_SUFFIX)}")
