"""Where shards are written: a folder or an object store; a file appears there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from onedepth.errors import DataError, OneDepthError
from onedepth.files.atomic import atomic_path
from onedepth.manifest.storage import check_scheme, file_system, local_path

_WRITABLE = ("file", "s3", "gs", "memory")


class Target:
    """A folder to write to.

    Attributes:
        where: Absolute local path, or URL.
    """

    def __init__(self, where: str) -> None:
        scheme = check_scheme(where)
        if scheme is not None and scheme not in _WRITABLE:
            raise DataError(f"{where}: {scheme} cannot be written to; expected a folder, {_schemes()}")
        self._local = local_path(where)
        self._scheme = scheme
        self.where = where.rstrip("/") if self._local is None else os.path.abspath(self._local)
        if self._local is not None:
            self._local = Path(self.where)
            self._make_folder(self._local)

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OneDepthError(f"{folder}: cannot be a folder for shards ({error.strerror})") from error
        for left in (*folder.glob(".onedepth-*.tar"), *folder.glob(".onedepth-*.jsonl")):
            left.unlink(missing_ok=True)  # by a pack that was killed

    def path(self, name: str) -> str:
        """Path or URL of a file."""
        return f"{self.where}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        if self._local is not None:
            return (self._local / name).is_file()
        with self._errors(name):
            return bool(self._system().exists(self.path(name)))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self._local is not None:
            (self._local / name).unlink(missing_ok=True)
        elif self.exists(name):
            with self._errors(name):
                self._system().rm_file(self.path(name))

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to; it appears under its name when the block ends without an error.

        Raises:
            OneDepthError: The system or the store refuses.
        """
        if self._local is not None:
            with atomic_path(self._local / name) as temporary, temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # so that what is listed as finished survives a power cut
            return
        with tempfile.NamedTemporaryFile() as copy:
            yield cast(BinaryIO, copy)
            copy.flush()
            with self._errors(name):
                self._system().put_file(copy.name, self.path(name))

    def _system(self) -> Any:
        return file_system(str(self._scheme))

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except OneDepthError:
            raise
        except Exception as error:  # every backend has errors of its own
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise OneDepthError(f"{self.path(name)}: cannot be written ({reason})") from error


def _schemes() -> str:
    return ", ".join(f"{scheme}://" for scheme in _WRITABLE)
