"""A cleaned manifest: what can be used, in the same order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onedepth.check.kinds import BITS, KINDS, bits_of
from onedepth.check.report import Report
from onedepth.errors import ConfigError, DataError
from onedepth.manifest.manifest import SUFFIXES, Manifest, write_manifest
from onedepth.manifest.record import Record
from onedepth.manifest.storage import is_url, local_path


@dataclass
class Fixed:
    """What a cleaned manifest kept and lost.

    Attributes:
        written: Records in it.
        mended: Of those, records that lost a field.
        dropped: Records left out, by the first (worst) kind of finding.
    """

    written: int = 0
    mended: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


def check_target(target: Path, source: str, records: Sequence[Record], *, overwrite: bool) -> None:
    """Refuse a cleaned manifest that could not be written in the end, before hours of work.

    Args:
        target: Where the cleaned manifest shall go.
        source: What was opened.
        records: Opened from there.
        overwrite: Whether `target` may exist, and be the manifest that is checked.

    Raises:
        ConfigError: The name is that of no manifest, the folder is missing, or `target` exists.
    """
    if not target.name.lower().endswith(SUFFIXES):
        raise ConfigError(f"--fix {target}: expected a name that ends in {', '.join(SUFFIXES)}")
    check_output("--fix", target, source, None if overwrite else records, overwrite=overwrite)


def check_output(
    option: str, target: Path, source: str, records: Sequence[Record] | None, *, overwrite: bool
) -> None:
    """Refuse an output in a missing folder, one that exists, or (with `records`) the manifest itself.

    Raises:
        ConfigError: As said.
    """
    if not target.absolute().parent.is_dir():
        raise ConfigError(f"{option} {target}: its folder does not exist; create it first")
    if records is not None:
        _refuse_source(option, target, source, records)
    if target.is_file() and not overwrite:
        raise ConfigError(f"{option} {target}: exists; name another file, or add --overwrite to replace it")


def _refuse_source(option: str, target: Path, source: str, records: Sequence[Record]) -> None:
    path = records.path if isinstance(records, Manifest) else source
    local = None if is_url(path) and local_path(path) is None else local_path(path)
    if local is not None and target.exists() and local.exists() and os.path.samefile(target, local):
        hint = "; add --overwrite to replace it" if option == "--fix" else ""
        raise ConfigError(f"{option} {target}: is the manifest that is checked; name another file{hint}")


def write_fixed(report: Report, path: Path, *, drop_suspicious: bool = False) -> Fixed:
    """Write what can be used, whole or not at all.

    Args:
        report: Of a check.
        path: The new manifest.
        drop_suspicious: Leave out suspicious records, too.

    Raises:
        DataError: Nothing would be left.
        OneDepthError: The file cannot be written.
    """
    fixed = Fixed()
    drop = bits_of("unusable", "suspicious") if drop_suspicious else bits_of("unusable")
    if not ((report.table["found"] & drop) == 0).any():
        raise DataError(f"{path}: no record would be left, so nothing was written")
    fixed.written = write_manifest(_kept(report, drop, fixed), path)
    return fixed


def _kept(report: Report, drop: int, fixed: Fixed) -> Iterator[Record]:
    for index, found in enumerate(report.table["found"].tolist()):
        if found & drop:
            worst = next(kind for kind in KINDS if found & drop & BITS[kind])
            fixed.dropped[worst] = fixed.dropped.get(worst, 0) + 1
            continue
        record = report.records[index]
        changes: dict[str, object] = {}
        if found & BITS["neighbour_missing"]:
            changes["neighbours"] = ()
        if found & BITS["right_missing"]:
            changes |= {"right": None, "baseline": None}
        fixed.mended += bool(changes)
        yield record.model_copy(update=changes) if changes else record
