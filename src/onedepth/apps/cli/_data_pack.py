"""`onedepth data pack`: a manifest's records, packed into shards that can be read over a network."""

from __future__ import annotations

import os
import re
from typing import Annotated

import typer

from onedepth.errors import ConfigError, DataError

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def pack(
    manifest: Annotated[str, typer.Argument(help="Manifest, shards, or folder of scenes; also a URL.")],
    output: Annotated[
        str, typer.Option("-o", "--output", help="Folder for the shards, or a URL (s3://, gs://).")
    ],
    shard_size: Annotated[str, typer.Option(help="Largest tar file: 256MB, 1GiB, ...")] = "256MB",
    shuffle: Annotated[
        int | None, typer.Option(metavar="SEED", help="Pack the records in a random order.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads that read; 2 per core.")] = None,
) -> None:
    """Pack images and labels into WebDataset tar files with an index.

    Files are copied byte by byte; what is no file of its own (HDF5, frames of videos, LiDAR, COLMAP) is
    decoded once and stored without loss. An interrupted pack goes on where it stopped when it is run again.
    """
    from onedepth.apps.cli._progress import progress
    from onedepth.apps.cli._table import print_facts
    from onedepth.manifest.manifest import open_records
    from onedepth.shards.pack import pack as pack_records
    from onedepth.shards.plan import PackOptions

    options = PackOptions(
        shard_bytes=bytes_of(shard_size), shuffle=shuffle, workers=workers or 2 * (os.cpu_count() or 1)
    )
    records = open_records(manifest)
    with progress("Packing", len(records), "records/s") as advance:

        def advance_by(count: int) -> None:
            for _ in range(count):
                advance()

        try:
            packed = pack_records(records, output, options, advance_by)
        except DataError as error:
            listed = str(getattr(records, "path", manifest))
            if not str(error).startswith(("record ", f"{listed}:")) or "another one has this id" in str(
                error
            ):
                raise
            hint = "`onedepth data check --fix` finds all such records, and writes a list without them"
            raise DataError(f"{error}; {hint}") from error
    shards = packed.header.shards
    facts = {
        "records": f"{packed.header.index.records:,}",
        "shards": f"{len(shards):,}" + (f" ({packed.kept:,} were there already)" if packed.kept else ""),
        "bytes": f"{sum(shard.bytes for shard in shards):,}",
    }
    print_facts(output, facts)


def bytes_of(text: str) -> int:
    """Number of bytes of a size such as 256MB.

    Raises:
        ConfigError: It is none, or 0.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMG]I?B|)", text.strip().upper())
    size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if size < 1:
        raise ConfigError(f"--shard-size is {text!r}; expected a size such as 256MB, 1GB or 512MiB")
    return size
