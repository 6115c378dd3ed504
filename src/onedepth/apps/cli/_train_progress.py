"""The progress bar of a training run: rate, time left and the current loss."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from onedepth.train.loop import Progress as State


class TrainProgress:
    """Shows each `Progress` it is called with; warnings of the run appear above the bar.

    Where standard error is no terminal, one plain line every `EVERY` steps takes the bar's place.
    """

    EVERY = 50

    def __init__(self, name: str) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]:.1f} samples/s"),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=None, speed=0.0, loss=0.0)

    def __enter__(self) -> Self:
        logging.getLogger("onedepth").addHandler(RichHandler(console=self._console, show_path=False))
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, state: State) -> None:
        self._bar.update(
            self._task,
            completed=state.step,
            total=state.steps,
            speed=state.samples_per_second,
            loss=state.loss,
        )
        if not self._console.is_terminal and state.step % self.EVERY == 0:
            sys.stderr.write(
                f"step {state.step}/{state.steps}  {state.samples_per_second:.1f} samples/s  "
                f"loss {state.loss:.4f}\n"
            )
