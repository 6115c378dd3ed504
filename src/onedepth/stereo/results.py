"""What became of the pairs of a run: the manifest of those with a label, and a table of the others."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onedepth.files.atomic import write_bytes
from onedepth.manifest.manifest import write_manifest
from onedepth.manifest.record import Record
from onedepth.stereo.checks import Measured
from onedepth.stereo.pairs import Pair

MANIFEST, REJECTED = "manifest.jsonl", "rejected.csv"

_COLUMNS = ("name", "status", "reason", "valid_share", "vertical_share", "range_px", "left", "right")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a pair.

    Attributes:
        pair: The pair.
        record: Of its label; None if it has none.
        reason: Why it has none.
        measured: What the checks found, if it came to that.
        failed: Whether it could not be read, rather than being rejected by a check.
    """

    pair: Pair
    record: Record | None
    reason: str | None = None
    measured: Measured | None = None
    failed: bool = False


def write_results(outcomes: Iterable[Outcome], folder: Path) -> None:
    """Write the manifest of the pairs that gave a label, and the table of those that did not, and why.

    Without any label no manifest is written, so that the command can be given again as it should have been.
    """
    found = list(outcomes)
    labelled = [record for record in _with_neighbours(found) if record is not None]
    if labelled:
        write_manifest(labelled, folder / MANIFEST)
    table = io.StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(_COLUMNS)
    lines.writerows(_row(outcome) for outcome in found if outcome.record is None)
    write_bytes(folder / REJECTED, table.getvalue().encode("utf-8", "replace"))


def _row(outcome: Outcome) -> list[str]:
    pair, found = outcome.pair, outcome.measured
    numbers = (found.valid_share, found.vertical_share, found.range) if found is not None else ()
    measured = [f"{number:.3f}" for number in numbers] or [""] * 3
    status = "failed" if outcome.failed else "rejected"
    return [pair.name, status, outcome.reason or "", *measured, pair.left or "", pair.right or ""]


def _with_neighbours(outcomes: list[Outcome]) -> Iterator[Record | None]:
    """Records; those of a run of frames know the pictures before and after them."""
    for index, outcome in enumerate(outcomes):
        before = outcomes[index - 1] if index and outcome.pair.follows else None
        after = (
            outcomes[index + 1] if index + 1 < len(outcomes) and outcomes[index + 1].pair.follows else None
        )
        record = outcome.record
        if record and before and before.record and after and after.record:
            pictures = (before.record.image, after.record.image)
            record = record.model_copy(update={"neighbours": pictures})
        yield record
