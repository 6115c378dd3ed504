"""MegaDepth v1: photos of landmarks with multi-view stereo depth, known up to one factor per reconstruction.

    ROOT/.../MegaDepth_v1/0000/dense0/imgs/NAME.jpg
    ROOT/.../MegaDepth_v1/0000/dense0/depths/NAME.h5     (data set /depth, float32)

ROOT may be any folder above `dense*` (the archive unpacks to phoenix/S6/zl548/MegaDepth_v1). 0 is not
measured. Some files hold no depth but an ordinal map of foreground and background under the same name; they
are those with a number below 0 (as COTR and others filter them) and are left out, images and all, for which
every file is opened once. The images are undistorted, but their cameras are in another download
(MegaDepth_v1_SfM) and not read. Li and Snavely, CVPR 2018.

`--split` is the path of a text file with one image a line (0000/dense0/imgs/NAME.jpg); the data set's own
lists are Python pickles, which are not opened.
"""

from collections.abc import Iterator
from pathlib import Path

from onedepth.errors import ConfigError, DataError
from onedepth.layouts import LayoutOptions
from onedepth.layouts.common import accept_only, by_key, locate, pair
from onedepth.layouts.tables import read_rows
from onedepth.layouts.walking import data_root, existing, files_in, folders_in
from onedepth.manifest.record import Label, Record

_DEEPEST = 6  # folders between ROOT and 0000: the archive has five


def read(root: Path, options: LayoutOptions) -> Iterator[Record]:
    """Yield the photos with measured depth, in the order of the folders.

    Raises:
        ConfigError: An option is of no use here, or the list does not exist.
        DataError: No reconstruction is found, a photo lacks its depth, a depth file cannot be read, or the
            list names a photo that is not there.
    """
    accept_only(options, "megadepth", "split")
    root = data_root(root)
    folders = list(_dense_folders(root, _DEEPEST))
    if not folders:
        raise DataError(f"{root}: no folder dense*/imgs below it; expected MegaDepth_v1/0000/dense0/imgs")
    wanted = None if options.split is None else _listed(options.split, folders)
    return (record for folder in folders for record in _dense(folder, root, wanted))


def _dense_folders(folder: Path, levels: int) -> Iterator[Path]:
    if folder.name.startswith("dense") and (folder / "imgs").is_dir():
        yield folder
    elif levels:
        for child in folders_in(folder):
            yield from _dense_folders(child, levels - 1)


def _listed(split: str, folders: list[Path]) -> set[Path]:
    path = Path(split)
    if not path.is_file() or path.suffix == ".p":
        raise ConfigError(f"--split is {split!r}, expected a text file with one image a line")
    homes = {folder.parent.parent for folder in folders}
    found: set[Path] = set()
    for row in read_rows(path):
        image = next((home / row.words[0] for home in homes if (home / row.words[0]).is_file()), None)
        if image is None:
            raise DataError(f"{row.where}: {row.words[0]} is not in {', '.join(map(str, sorted(homes)))}")
        found.add(image)
    return found


def _dense(folder: Path, root: Path, wanted: set[Path] | None) -> Iterator[Record]:
    images = by_key(files_in(folder / "imgs", root=root))
    if wanted is not None:
        images = {key: path for key, path in images.items() if path in wanted}
    depths = by_key(files_in(existing(folder / "depths", "the folder of depths"), (".h5",), root=root))
    if not images:
        return
    for key, image, depth in pair(images, {key: depths[key] for key in images if key in depths}, folder):
        if not _is_ordinal(depth):
            yield Record(
                id=f"{folder.parent.name}/{folder.name}/{key}",
                image=locate(image),
                label=Label(file=locate(depth, "depth"), kind="scaled", encoding="hdf5"),
                scene=folder.parent.name,
                licence="research only (photos: Flickr, several licences)",
                source="MegaDepth",
            )


def _is_ordinal(path: Path) -> bool:
    import h5py
    import numpy as np

    try:
        with h5py.File(path, "r") as file:
            return bool(np.min(file["depth"][()], initial=0.0) < 0)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: its data set depth cannot be read ({reason}); unpack it again") from error
