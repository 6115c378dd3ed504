"""The files that `onedepth eval` writes: what may not be replaced is refused before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onedepth.errors import ConfigError
from onedepth.evaluate import result
from onedepth.evaluate.per_image import SUFFIXES as TABLES

_SUFFIXES = {"--output": (".json",), "--report": (".html", ".htm"), "--per-image": TABLES}


@dataclass(frozen=True)
class Files:
    """What is to be written.

    Attributes:
        result: JSON.
        report: HTML.
        per_image: CSV or Parquet.
    """

    result: Path | None
    report: Path | None
    per_image: Path | None

    def check(self, inputs: Iterable[Path], *, overwrite: bool) -> None:
        """Refuse what would destroy a file, or could not be written.

        Args:
            inputs: Files that are read; those are never replaced.
            overwrite: Whether results of an earlier run may be replaced.

        Raises:
            ConfigError: A file is an input, is named twice, exists, has another format's suffix, or lies in
                no folder.
        """
        read, seen = {path.resolve() for path in inputs}, dict[Path, str]()
        for option, path in self._named():
            where = path.resolve()
            if where in read:
                raise ConfigError(f"{option} {path}: is an input of this run; choose another name")
            if where in seen:
                raise ConfigError(f"{option} {path}: is also the file of {seen[where]}; choose another name")
            seen[where] = option
            _check_target(option, path, overwrite)

    def _named(self) -> Iterator[tuple[str, Path]]:
        for option, path in zip(_SUFFIXES, (self.result, self.report, self.per_image), strict=True):
            if path is not None:
                yield option, path


def inputs_of(models: Iterable[str], data: str | None, protocol: str | None) -> list[Path]:
    """The files that options name, the description and the file of DESCRIPTION=FILE both."""
    words = [word for spec in models for word in (spec, *spec.split("=", 1))]
    paths = (Path(os.path.expandvars(word)) for word in (*words, data, protocol) if word)
    return [path for path in paths if path.is_file()]


def _check_target(option: str, path: Path, overwrite: bool) -> None:
    suffixes = _SUFFIXES[option]
    if path.suffix.lower() not in suffixes:
        raise ConfigError(f"{option} {path}: expected a name that ends in {' or '.join(suffixes)}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{option} {path}: its folder does not exist; create it first")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder; expected the name of a file")
    if not path.exists():
        return
    if not overwrite:
        raise ConfigError(f"{option} {path}: exists; --overwrite replaces it")
    if option == "--output":
        try:
            result.read(path)
        except ConfigError as error:
            raise ConfigError(
                f"{option} {path}: exists and is no result of `onedepth eval`, which alone --overwrite "
                "replaces; choose another name"
            ) from error
