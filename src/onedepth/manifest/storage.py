"""Bytes of a locator: a local file, an object behind a URL, or one member of a tar file.

A locator is `path#item`; the path is a local path or a URL of a scheme in `SCHEMES`. Any other scheme,
`pipe:` and chains (`zip::http://...`) are refused: a list that somebody sent must not run or unpack anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

from onedepth.errors import DataError

SCHEMES = frozenset(("file", "s3", "gs", "http", "https", "memory"))
MAX_BYTES = 1 << 30
"""Largest file or member that is read whole; no photo or label is larger."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]*)://|(pipe):", re.IGNORECASE)
_REASONS = {40: "too many symbolic links: they lead in a circle"}  # ELOOP; its usual text names no cause


def split_locator(locator: str) -> tuple[str, str | None]:
    """Take a locator apart: the path or URL with its escapes undone, and the item or None.

    Raises:
        DataError: The path is empty, or holds a zero byte.
    """
    escaped, mark, item = locator.partition("#")
    path = re.sub("%(23|25)", lambda found: "#" if found[1] == "23" else "%", escaped)
    if not path or "\0" in locator:
        raise DataError(f"{locator!r}: names no file; expected a path or URL, and after `#` what is in it")
    return path, item if mark else None


def join_locator(path: str | os.PathLike[str], item: str | None = None) -> str:
    """Make a locator of a path or URL and what to take out of it; `split_locator` undoes it."""
    escaped = re.sub("%(?=23|25)", "%25", os.fspath(path)).replace("#", "%23")
    return escaped if item is None else f"{escaped}#{item}"


def is_url(path: str) -> bool:
    """Whether a path is a URL of any scheme, also of one that is refused."""
    return _URL.match(path) is not None


def local_path(path: str) -> Path | None:
    """The local file that a path or `file://` URL names; None for what lies elsewhere.

    Raises:
        DataError: The scheme of the URL is refused.
    """
    scheme = check_scheme(path)
    if scheme is None:
        return Path(path)
    return Path(path[len("file://") :]) if scheme == "file" else None


def read_bytes(locator: str, *, limit: int = MAX_BYTES) -> bytes:
    """Read a whole file, object or tar member (`X.tar#MEMBER`).

    Args:
        locator: Of the file; an item is understood for tar files only.
        limit: Largest number of bytes.

    Raises:
        DataError: Missing, not a regular file, larger than `limit`, of a refused scheme, or an item of
            something that is no tar file.
    """
    path, item = split_locator(locator)
    if item is not None:
        return _read_member(path, item, limit)
    local = local_path(path)
    if local is None:
        return _read_remote(path, limit)
    with _open_local(local) as file:
        return _all_of(file, os.fstat(file.fileno()).st_size, path, limit)


def open_file(path: str) -> BinaryIO:
    """Open a file or object for reading at any place (no items).

    Raises:
        DataError: As `read_bytes`.
    """
    local = local_path(path)
    return _open_local(local, buffering=-1) if local is not None else _open_remote(path)


@contextlib.contextmanager
def local_copy(locator: str) -> Iterator[Path]:
    """A local file with these bytes, for decoders that only take a path; a remote one is removed after use.

    Raises:
        DataError: As `read_bytes`.
    """
    path, item = split_locator(locator)
    local = local_path(path) if item is None else None
    if local is not None:
        _open_local(local).close()  # for the same errors as everywhere
        yield local
        return
    data = read_bytes(locator)
    with tempfile.NamedTemporaryFile(suffix=Path(item or path).suffix) as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def is_tar(path: str) -> bool:
    """Whether items of this path are members of a tar file."""
    return path.lower().endswith(".tar")


def check_scheme(path: str) -> str | None:
    """Scheme of a URL; None for a plain path.

    Raises:
        DataError: The scheme is none of `SCHEMES`.
    """
    found = _URL.match(path)
    if found is None:
        return None
    scheme = (found[1] or found[2]).lower()
    if scheme not in SCHEMES:
        raise DataError(
            f"{path[:200]}: {scheme!r} is not read from; expected a local path or a URL of "
            f"{', '.join(sorted(SCHEMES))}"
        )
    return scheme


def _open_local(path: Path, buffering: int = 0) -> BinaryIO:
    """Open a regular file; a pipe or device would hang or never end."""
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no regular file"
            raise DataError(f"{path}: is {what}, expected a file")
        return open(path, "rb", buffering=buffering)
    except DataError:  # a ValueError too
        raise
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", None)
        reason = _REASONS.get(code or 0, getattr(error, "strerror", None) or str(error))
        raise DataError(f"{path}: cannot be read ({reason})") from error


def _open_remote(url: str) -> BinaryIO:
    """Open an object; its file system is found by scheme alone, so that nothing is chained."""
    scheme = check_scheme(url)
    try:
        system = file_system(str(scheme))
        return cast(BinaryIO, system.open(url, "rb"))
    except FileNotFoundError as error:
        raise DataError(f"{url}: {missing(error)}") from error
    except Exception as error:  # every backend has errors of its own
        raise DataError(f"{url}: cannot be read ({_line(error)})") from error


def missing(error: FileNotFoundError) -> str:
    """Why an object is not found: fsspec says so of servers that do not answer, too."""
    cause = error.__cause__
    if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
        return f"cannot be reached ({_line(cause)})"
    return "cannot be read (no such object)"


def file_system(scheme: str) -> Any:
    """The fsspec file system of a scheme; its settings come from fsspec's own configuration.

    Raises:
        DataError: The scheme is refused, or fsspec or its backend is not installed.
    """
    if scheme not in SCHEMES:
        raise DataError(f"scheme {scheme!r} is not read from; expected one of {', '.join(sorted(SCHEMES))}")
    try:
        import fsspec

        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise DataError(
            f"{scheme}:// needs a package that is not installed ({_line(error)}); "
            "run `pip install 'onedepth[data]'`, for s3 also s3fs, for gs also gcsfs"
        ) from error


def _read_remote(url: str, limit: int) -> bytes:
    with _open_remote(url) as file:
        try:
            return _all_of(file, getattr(file, "size", None), url, limit)
        except OSError as error:
            raise DataError(f"{url}: cannot be read ({_line(error)})") from error


def _all_of(file: BinaryIO, size: int | None, name: str, limit: int) -> bytes:
    if size is not None and size > limit:
        raise DataError(f"{name}: has {size:,} bytes, more than the {limit:,} of any photo or label")
    data = file.read() if size is not None else file.read(limit + 1)
    if len(data) > limit:
        raise DataError(f"{name}: has more than the {limit:,} bytes of any photo or label")
    return data


def _read_member(path: str, item: str, limit: int) -> bytes:
    if not is_tar(path):
        raise DataError(f"{path}#{item}: only a tar file has members; this is none by its name")
    from onedepth.shards.place import read_place, split_place  # shards are built on this module

    place = split_place(item)
    if place is not None:
        return read_place(path, place, limit)
    local = local_path(path)
    stamp = os.stat(local).st_mtime_ns if local is not None and local.is_file() else 0
    places = _members(path, stamp)
    if item not in places:
        close = f", such as {next(iter(places))!r}" if places else ""
        raise DataError(f"{path}: has no member {item!r}; it has {len(places)}{close}")
    start, size = places[item]
    if size > limit:
        raise DataError(
            f"{path}#{item}: claims {size:,} bytes, more than the {limit:,} of any photo or label"
        )
    with open_file(path) as file:
        file.seek(start)
        data = file.read(size)
    if len(data) != size:
        raise DataError(f"{path}#{item}: the tar file ends in the middle of it; copy it again")
    return data


@lru_cache(maxsize=8)
def _members(path: str, stamp: int) -> dict[str, tuple[int, int]]:
    """Start and size of every member; a tar file with links, devices or odd names is refused."""
    from onedepth.shards.members import scan

    del stamp  # part of the key: a tar file that was replaced is another one
    with open_file(path) as file:
        return scan(file, path)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
