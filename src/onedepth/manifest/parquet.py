"""Rows of a Parquet file as records: columns are the record's fields, label and camera are structures."""

from __future__ import annotations

import bisect
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onedepth.errors import DataError
from onedepth.manifest.storage import open_file

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 4096
_NESTED = ("label", "camera")  # also accepted as JSON text


class ParquetRows:
    """Rows of a Parquet file by number, from 0.

    A Parquet file cannot be read at a row, so it is first turned into an Arrow file, which can: a temporary
    one, mapped into memory, of which the system keeps what it has room for.

    Args:
        path: Of the file or object.

    Raises:
        DataError: The file cannot be read, or pyarrow is not installed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._batches = _mapped(path)
        self._ends = list(itertools.accumulate(batch.num_rows for batch in self._batches))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> dict[str, Any]:
        which = bisect.bisect_right(self._ends, index)
        before = self._ends[which - 1] if which else 0
        values: dict[str, Any] = _without_nulls(self._batches[which].slice(index - before, 1).to_pylist()[0])
        for name in _NESTED:
            if isinstance(values.get(name), str):
                try:
                    values[name] = json.loads(values[name])
                except ValueError as error:
                    raise DataError(f"{self.where(index)}: {name}: is not valid JSON ({error})") from error
        return values

    def __reduce__(self) -> tuple[Any, ...]:
        return ParquetRows, (self.path,)

    def where(self, index: int) -> str:
        """Name of a row for messages: file and row number, from 1."""
        return f"{self.path}: row {index + 1}"


def write_parquet(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write rows, some thousand at a time.

    Raises:
        DataError: pyarrow is not installed.
    """
    pyarrow, parquet = _libraries(str(path))
    schema = _schema(pyarrow)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in _blocks(rows, _ROWS):
            writer.write_table(pyarrow.Table.from_pylist(block, schema))


def _blocks(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while block := list(itertools.islice(rows, size)):
        yield block


def _mapped(path: str) -> list[pa.RecordBatch]:
    pyarrow, parquet = _libraries(path)
    try:
        with open_file(path) as file, tempfile.NamedTemporaryFile(suffix=".arrow") as copy:
            source = parquet.ParquetFile(file)
            with pyarrow.ipc.new_file(copy, source.schema_arrow) as writer:
                for batch in source.iter_batches(batch_size=_ROWS):
                    writer.write_batch(batch)
            copy.flush()
            mapped = pyarrow.ipc.open_file(pyarrow.memory_map(copy.name))
            return [mapped.get_batch(i) for i in range(mapped.num_record_batches)]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path}: cannot be read as Parquet ({' '.join(str(error).split())[:160]})"
        ) from error


def _libraries(path: str) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{path}: Parquet needs pyarrow; run `pip install 'onedepth[data]'`") from error
    return pyarrow, pyarrow.parquet


def _without_nulls(value: Any) -> Any:
    """Columns are there for every row; what a row lacks is null and counts as left out."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


def _schema(pa: Any) -> pa.Schema:
    """Columns by the fields of `Record`; a new field of it needs a line here (a test compares them)."""
    text, real, whole = pa.string(), pa.float64(), pa.int64()

    def struct(**fields: Any) -> Any:
        return pa.struct(list(fields.items()))

    lens = struct(model=text, **{name: real for name in ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")})
    label = struct(
        file=text, kind=text, encoding=text, quantity=text, scale=real, offset=real, mask=text,
        mask_at_least=whole, sky_at=real, to_camera=pa.list_(real),
    )  # fmt: skip
    camera = struct(
        width=whole, height=whole, fx=real, fy=real, cx=real, cy=real, distortion=lens, focal_source=text,
        focal_uncertainty=real,
    )  # fmt: skip
    return pa.schema(
        struct(
            id=text, image=text, label=label, camera=camera, scene=text, split=text,
            neighbours=pa.list_(text), right=text, baseline=real, pose=pa.list_(real), time=real,
            licence=text, source=text,
        )
    )  # fmt: skip
