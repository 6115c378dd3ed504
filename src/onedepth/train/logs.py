"""What a run writes while it goes on: one CSV that opens in a spreadsheet, and TensorBoard scalars."""

import csv
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from onedepth.files.atomic import atomic_path


class Log:
    """Rows of numbers by step, in long form: step, name, value.

    Args:
        folder: Of the run.
        start: First step that will be written; later rows of an earlier, killed attempt are cut off, so that
            each step appears once.
    """

    def __init__(self, folder: Path, start: int) -> None:
        self.path = folder / "log.csv"
        self._cut(start)
        self._file = self.path.open("a", newline="")
        self._rows = csv.writer(self._file)
        if self._file.tell() == 0:
            self._rows.writerow(["step", "name", "value"])
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=start)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add numbers of one step."""
        for name, value in values.items():
            self._rows.writerow([step, name, f"{value:.6g}"])
            self._board.add_scalar(name, value, step)
        self._file.flush()

    def close(self) -> None:
        """Flush and close both logs."""
        self._file.close()
        self._board.close()

    def _cut(self, start: int) -> None:
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))
        kept = rows[:1] + [row for row in rows[1:] if len(row) == 3 and int(row[0]) < start]
        with atomic_path(self.path) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file).writerows(kept)
