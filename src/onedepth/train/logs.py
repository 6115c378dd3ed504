"""What a run writes while it goes on: a CSV that opens in a spreadsheet, and TensorBoard."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from onedepth.data.sample import Pixels, Raster
from onedepth.depthmap import DepthMap
from onedepth.files.atomic import atomic_path
from onedepth.files.pictures import render_picture
from onedepth.train.step import StepReport


class Log:
    """Numbers by step, in long form: step, name, value.

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
        self._window: dict[str, list[float]] = {}

    def add(self, step: int, report: StepReport, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Collect what a step reports, to be written as the mean over the steps until the next `write`.

        A skipped step is only counted: its numbers are not finite, and would hide those of its neighbours.

        Args:
            step: Its number.
            report: What it did.
            counts: Samples with something to note: what it is -> source -> how many; written as they are.
        """
        values = {**report.values, "gradient_norm": report.gradient_norm}
        values |= {f"mixing/{source}": weight for source, weight in report.mixing.items()}
        for name, value in values.items() if report.problem is None else ():
            self._window.setdefault(name, []).append(value)
        counted = {
            f"{what}/{source}": float(number)
            for what, numbers in counts.items()
            for source, number in numbers.items()
        }
        if report.problem:
            counted["skipped"] = 1.0
        self._emit(step, counted)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers of a step, and the means collected since the last time."""
        means = {name: sum(v) / len(v) for name, v in sorted(self._window.items())}
        self._window = {}
        self._emit(step, means | dict(values))
        self._file.flush()

    def pictures(self, step: int, shown: Mapping[str, tuple[Pixels, Raster, Raster]]) -> None:
        """Show photo, prediction and truth side by side, both depths in the colours of the truth's range."""
        for name, (image, predicted, truth) in shown.items():
            known = truth[truth > 0]
            if known.size == 0:
                continue
            limits = (float(np.percentile(known, 2)), float(np.percentile(known, 98)) * 1.001)
            maps = [
                render_picture(DepthMap(depth, "metric", None, depth > 0), bar=False, limits=limits)
                for depth in (predicted, truth)
            ]
            self._board.add_image(name, np.concatenate([image, *maps], 1), step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close both logs."""
        self._file.close()
        self._board.close()

    def _emit(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._rows.writerow([step, name, f"{value:.6g}"])
            self._board.add_scalar(name, value, step)

    def _cut(self, start: int) -> None:
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))
        kept = rows[:1] + [
            row for row in rows[1:] if len(row) == 3 and row[0].isdigit() and int(row[0]) < start
        ]
        with atomic_path(self.path) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file).writerows(kept)
