"""Find the photos that paths, folders and glob patterns name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onedepth.errors import ImageError
from onedepth.files.image_kinds import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A photo and the name its results get.

    Attributes:
        path: The file.
        name: Its path relative to the folder or the fixed part of the pattern that was given, without suffix;
            of a file that was named itself only the stem.
        named: Whether the file was named itself, rather than found in a folder or by a pattern.
    """

    path: Path
    name: Path
    named: bool


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the photos that files, folders (searched with all sub-folders) and glob patterns name.

    In folders, files count as photos by their suffix, in the order of their names; hidden files and folders
    are left out. A file named itself is returned whatever its suffix. Nothing is returned twice.

    Raises:
        ImageError: If a path does not exist, a folder holds no photos, or a pattern matches none.
    """
    found = (image.path for path in paths for image in search(path))
    return list({path.resolve(): path for path in found}.values())


def search(path: str | os.PathLike[str], *, leave_out: Path | None = None) -> list[FoundImage]:
    """Find the photos that one file, folder or glob pattern names.

    Args:
        path: As in `find_images`.
        leave_out: A folder inside which nothing is looked for, such as the output folder.

    Raises:
        ImageError: As in `find_images`.
    """
    given = Path(path)
    if given.is_dir():
        found = [FoundImage(file, _name(file, given), False) for file in _walk(given, leave_out)]
        if not found:
            suffixes = "jpg, png, webp, tif, heic, avif, ..."
            raise ImageError(f"{given}: a folder without photos (looked for {suffixes} in all sub-folders)")
        return found
    if given.exists() or not glob.has_magic(os.fspath(path)):
        if not given.exists():
            raise ImageError(f"{given}: no such file")
        return [FoundImage(given, Path(given.stem), True)]
    return _match(os.fspath(path), leave_out)


def _match(pattern: str, leave_out: Path | None) -> list[FoundImage]:
    """Expand a pattern; folders it matches are searched as if they had been given."""
    parts = Path(pattern).parts
    fixed = Path(*parts[: next(index for index, part in enumerate(parts) if glob.has_magic(part))])
    found: list[FoundImage] = []
    for match in map(Path, sorted(glob.glob(pattern, recursive=True))):
        files = _walk(match, leave_out) if match.is_dir() else [match]
        found += [FoundImage(file, _name(file, fixed), False) for file in files if _is_photo(file.name)]
    if not found:
        raise ImageError(f"{pattern}: the pattern matches no photo")
    return found


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    skip = leave_out.resolve() if leave_out is not None else None
    if skip == folder.resolve():
        skip = None  # results go beside the photos: their names are told apart later
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and (not skip or Path(here, name).resolve() != skip)
        )
        yield from (Path(here, name) for name in sorted(files) if _is_photo(name))


def _is_photo(name: str) -> bool:
    return name[0] != "." and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _name(file: Path, folder: Path) -> Path:
    return file.relative_to(folder).with_suffix("")
