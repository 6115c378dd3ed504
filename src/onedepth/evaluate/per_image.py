"""Numbers of all images as a flat table: CSV or Parquet, one row per image, model and alignment."""

from __future__ import annotations

import csv
from pathlib import Path

from onedepth.errors import ConfigError
from onedepth.evaluate.table import Table
from onedepth.files.atomic import atomic_path

SUFFIXES = (".csv", ".parquet")


def check_suffix(path: Path) -> None:
    """Refuse another format before anything is computed.

    Raises:
        ConfigError: The suffix is neither .csv nor .parquet.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"--per-image {path}: expected a name that ends in {' or '.join(SUFFIXES)}")


def write_per_image(path: Path, table: Table) -> None:
    """Write the table, whole or not at all; an image without a number has empty cells and a reason.

    Raises:
        ConfigError: The suffix is neither .csv nor .parquet, or Parquet is not installed.
        OneDepthError: It cannot be written.
    """
    check_suffix(path)
    if path.suffix.lower() == ".csv":
        _write_csv(path, table)
    else:
        _write_parquet(path, table)


def _write_csv(path: Path, table: Table) -> None:
    writer: csv.DictWriter[str] | None = None
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        for row in table.rows():
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({name: "" if value != value else value for name, value in row.items()})


def _write_parquet(path: Path, table: Table) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{path}: Parquet needs pyarrow; run `pip install pyarrow`, or write .csv"
        ) from error
    rows = [{name: None if value != value else value for name, value in row.items()} for row in table.rows()]
    with atomic_path(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)
