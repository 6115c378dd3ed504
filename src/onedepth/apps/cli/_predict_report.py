"""Run `onedepth predict` over its jobs, show how far it is, and say at the end what became of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onedepth.apps.cli import FAILED, FAILED_SOME, INTERRUPTED
from onedepth.apps.cli._app import report_error, say
from onedepth.apps.cli._progress import progress
from onedepth.apps.summary import Summary, summarise
from onedepth.predict.batch import BatchOptions, Outcome, OutputFullError, run_batch
from onedepth.predict.jobs import Job
from onedepth.predict.predictor import Prediction, Predictor

if TYPE_CHECKING:
    from onedepth.apps.cli._predict_options import Failure
    from onedepth.apps.gallery import Card

_LISTED = 20  # with more photos, only the last line and the failures are printed


@dataclass(frozen=True)
class Page:
    """The HTML page of a run.

    Attributes:
        path: The file.
        colormap: Colours of its depth pictures.
    """

    path: Path
    colormap: str


@dataclass(frozen=True)
class _View:
    """What is kept of a prediction once its files are written."""

    summary: Summary
    card: Card | None


@dataclass
class Report:
    """What became of a run.

    Attributes:
        failures: What was named and gave no result, and why.
        duplicates: How many names led to a photo that was named before.
        depth_files: How many depth maps of ours lay among the photos of folders.
        outcomes: The photos that went through, in order.
        interrupted: Whether the user stopped the run.
    """

    failures: list[Failure] = field(default_factory=list)
    duplicates: int = 0
    depth_files: int = 0
    outcomes: list[Outcome[_View]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        if self.interrupted:
            return INTERRUPTED
        if not self.failures:
            return 0
        return FAILED_SOME if self.outcomes else FAILED


Runner = Callable[[Callable[[Job, Prediction], _View]], Generator[Outcome[_View], None, None]]
"""What makes the outcomes of all jobs, given how a prediction is summarised."""


def local_runner(jobs: Sequence[Job], predictor: Predictor, options: BatchOptions) -> Runner:
    """The runner that predicts in this process."""
    return lambda view: run_batch(jobs, predictor, options, view)


def predict_jobs(
    jobs: Sequence[Job], runner: Runner, page: Page | None, report: Report, title: str = ""
) -> None:
    """Predict all jobs into `report`; with a page, write it when all photos are through.

    Args:
        jobs: Photos and their results.
        runner: Predicts them.
        page: To write, if any.
        report: What became of them.
        title: Name of the model, for the page.
    """

    def view(job: Job, prediction: Prediction) -> _View:
        summary = summarise(prediction)
        if page is None:
            return _View(summary, None)
        from onedepth.apps.gallery import make_card

        return _View(summary, make_card(_title(job), prediction, summary, colormap=page.colormap))

    outcomes = runner(view)
    try:
        with contextlib.closing(outcomes), progress("Predicting", len(jobs), "photos/s") as advance:
            for outcome in outcomes:
                if outcome.error is None:
                    report.outcomes.append(outcome)
                else:
                    report.failures.append((str(outcome.job.photo), outcome.error))
                advance()
    except OutputFullError as error:
        untried = len(jobs) - len(report.outcomes) - len(report.failures)
        report.failures.append(("output", f"{error}; stopped, {counted(untried, 'photo')} without result"))
    except KeyboardInterrupt:
        report.interrupted = True
    if page is not None and not report.interrupted:
        _write_page(page, title, report)


def print_report(report: Report, folder: Path, jobs: int) -> None:
    """Print what became of the photos: results on stdout, failures on stderr."""
    _print_results(report, folder, jobs)
    if report.duplicates:
        say(f"{counted(report.duplicates, 'name')} led to a photo named before (taken once)")
    if report.depth_files:
        say(f"{counted(report.depth_files, 'depth map')} among the photos left out")
    for name, reason in report.failures:
        report_error(reason if name in reason else f"{name}: {reason}")
    if report.interrupted:
        report_error(f"interrupted; {len(report.outcomes)} of {counted(jobs, 'photo')} done")


def _print_results(report: Report, folder: Path, jobs: int) -> None:
    if jobs <= _LISTED:
        for outcome in report.outcomes:
            say(_line(outcome))
    files = sum(len(outcome.written) for outcome in report.outcomes)
    kept = sum(outcome.skipped for outcome in report.outcomes)
    if files:
        done = len(report.outcomes) - kept
        say(f"{counted(done, 'photo')}, {counted(files, 'file')} in {folder}")
    if kept:
        its = "its" if kept == 1 else "their"
        say(f"{kept} already had {its} results (kept; --overwrite replaces them)")


def counted(number: int, what: str) -> str:
    """A number and what it counts, such as `1 photo` or `2 photos`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _line(outcome: Outcome[_View]) -> str:
    photo = outcome.job.photo
    if outcome.summary is None:
        return f"{photo}: kept"
    summary = outcome.summary.summary
    notes = "".join(f"; {note}" for note in summary.notes)
    size = f"{summary.width}x{summary.height}"
    return f"{photo}: {size}, focal length {summary.focal_text}, depth {summary.range_text}{notes}"


def _write_page(page: Page, model: str, report: Report) -> None:
    from onedepth.apps.gallery import with_outputs, write_page

    cards = [
        with_outputs(outcome.summary.card, outcome.job.outputs.values())
        for outcome in report.outcomes
        if outcome.summary is not None and outcome.summary.card is not None
    ]
    kept = sum(outcome.skipped for outcome in report.outcomes)
    if not cards:
        if kept:
            say(f"page: not written, because nothing was predicted; {page.path} needs --overwrite")
        return
    count = counted(len(cards), "photo")
    write_page(
        page.path,
        cards,
        failures=report.failures,
        title="Photos in metres",
        subtitle=f"{count}, depth by {model}. Point at a photo to read its depth.",
        colormap=page.colormap,
    )
    missing = f" ({counted(kept, 'kept photo')} not on it; --overwrite shows all)" if kept else ""
    say(f"page: {page.path}{missing}")


def _title(job: Job) -> str:
    """Name of a photo on the page: its own, in the sub-folder of the searched folder."""
    return job.name.with_name(job.photo.name).as_posix()
