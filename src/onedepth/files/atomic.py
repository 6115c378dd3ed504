"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from onedepth.errors import OneDepthError


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` when the block ends without an error.

    The temporary name keeps the suffix, because many writers choose their format by it. Whatever happens
    inside the block (an exception, Ctrl-C, a full disk), an older file at `path` stays as it was and nothing
    half-written is left behind. A symbolic link at `path` is followed, so it stays a link.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        A path in the same folder (rename is atomic only within one file system), where nothing exists yet.

    Raises:
        OneDepthError: the folder is missing, `path` is a folder, the system refuses the write (permission,
            disk full), or the block ended without writing anything. Other errors pass through unchanged.
    """
    given, target = Path(path), Path(os.path.realpath(path))
    if target.is_dir():
        raise OneDepthError(f"{given}: is a folder; name a file inside it")
    if not target.parent.is_dir():
        raise OneDepthError(f"{given}: its folder {target.parent} does not exist; create it first")
    temporary = target.with_name(f".onedepth-{secrets.token_hex(6)}{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise OneDepthError(f"{given}: cannot be written ({error.strerror or error})") from error
    finally:
        # After success the temporary name is gone already; an unwritable folder cannot hold one.
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_bytes(path: str | os.PathLike[str], *parts: bytes | bytearray | memoryview) -> None:
    """Write `parts` one after the other to `path`, whole or not at all.

    Raises:
        OneDepthError: as `atomic_path`.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for part in parts:
            file.write(part)
