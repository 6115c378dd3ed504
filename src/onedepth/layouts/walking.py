"""Walk through data folders: sorted, never in circles, never out of the root.

Links inside the root are followed. One that leaves the root, or leads back to a folder it lies in, is an
error that names it: left out in silence, a data set would shrink without anybody knowing.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from onedepth.errors import DataError
from onedepth.files.image_kinds import IMAGE_SUFFIXES

PHOTOS = tuple(sorted(IMAGE_SUFFIXES))


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key by which frame-2 comes before frame-10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name))


def data_root(root: Path) -> Path:
    """The folder to read, absolute.

    Raises:
        DataError: There is no such folder.
    """
    if not root.is_dir():
        found = "is a file" if root.exists() else "no such folder"
        raise DataError(f"{root}: {found}; expected the folder of the data set")
    return Path(os.path.abspath(root))


def name_below(folder: Path, root: Path) -> str:
    """What a folder at or below the root is called in ids: its path from the root, or the root's name."""
    return root.name if folder == root else folder.relative_to(root).as_posix()


def existing(path: Path, what: str) -> Path:
    """`path`, if it exists.

    Raises:
        DataError: It does not; `what` says what it should be.
    """
    if not path.exists():
        raise DataError(f"{path}: missing; expected {what}")
    return path


def inside(path: Path, root: Path) -> Path:
    """`path`, if it lies in `root` when all links are followed.

    Raises:
        DataError: It leaves the root.
    """
    if not _real(path).is_relative_to(_real(root)):
        raise DataError(f"{path}: leaves the folder {root} (leads to {_real(path)}); copy the data into it")
    return path


def files_in(folder: Path, suffixes: tuple[str, ...] = PHOTOS, *, root: Path | None = None) -> list[Path]:
    """Files of one folder with one of these (lower-case) suffixes, in natural order; hidden ones left out.

    Raises:
        DataError: The folder is missing, or a file is a link that leaves `root` (default: the folder) or
            leads nowhere.
    """
    found = []
    for entry in _entries(folder):
        if entry.name.lower().endswith(suffixes) and not _is_folder(entry):
            path = folder / entry.name
            if entry.is_symlink():
                inside(path, root or folder)
                if not os.path.exists(path):
                    raise DataError(
                        f"{path}: a link that leads nowhere ({os.readlink(path)}); mend or remove it"
                    )
            found.append(path)
    return found


def folders_in(folder: Path, *, root: Path | None = None) -> list[Path]:
    """Sub-folders in natural order; hidden ones left out.

    Raises:
        DataError: The folder is missing, or a sub-folder is a link that leaves `root` or leads in a circle.
    """
    names = [entry.name for entry in _entries(folder) if _is_folder(entry)]
    return [_checked(folder / name, root or folder) for name in names]


def walk(root: Path) -> Iterator[Path]:
    """Yield `root` and all folders below it, parents first, in natural order; hidden ones left out.

    A folder that several links lead to is listed once.

    Raises:
        DataError: A link leaves the root or leads in a circle.
    """
    seen: set[Path] = set()

    def below(folder: Path) -> Iterator[Path]:
        real = _real(folder)
        if real not in seen:
            seen.add(real)
            yield folder
            for child in folders_in(folder, root=root):
                yield from below(child)

    yield from below(root)


def folders_with(root: Path, name: str, what: str) -> list[Path]:
    """Folders at or below `root` that hold a file or folder of this name, in natural order.

    Raises:
        DataError: There is none; `what` says what it would be.
    """
    found = [folder for folder in walk(root) if (folder / name).exists()]
    if not found:
        raise DataError(f"{root}: no {name} in it or below it; expected {what}")
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, without asking the disk about every file: there may be a million."""
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    return sorted(shown, key=lambda entry: (natural(entry.name), entry.name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links that lead to each other
        return False


def _checked(folder: Path, root: Path) -> Path:
    if not folder.is_symlink():
        return folder
    target = _real(folder)
    if _real(folder.parent).is_relative_to(target):
        raise DataError(
            f"{folder}: a link to a folder that it lies in ({target}), an endless loop; remove it"
        )
    return inside(folder, root)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises for links that lead to each other
