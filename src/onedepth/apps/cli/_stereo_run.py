"""What `data from-stereo` and `data from-video` share: options, the run, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onedepth.apps.cli import FAILED, FAILED_SOME, INTERRUPTED
from onedepth.apps.cli._app import report_error, say
from onedepth.apps.cli._progress import progress
from onedepth.errors import ConfigError, OneDepthError

if TYPE_CHECKING:
    from onedepth.stereo.checks import Limits
    from onedepth.stereo.folder import Workshop
    from onedepth.stereo.pairs import Pair
    from onedepth.stereo.results import Outcome

METHOD_HELP = "sgbm (semi-global matching, more exact) or flow (DIS optical flow, also off the rows)."
LIMIT_HELP = (
    "Change a threshold, such as valid_share=0.6; again for several. Names: left_right, vertical, range "
    "(pixels), vertical_share, valid_share (0 ... 1)."
)


def limits_of(changes: Sequence[str]) -> Limits:
    """The published thresholds with the changes of `--limit NAME=VALUE`.

    Raises:
        ConfigError: No such name, or no such value.
    """
    from onedepth.stereo.checks import Limits

    values: dict[str, float] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        try:
            values[name.strip().replace("-", "_")] = float(text)
        except ValueError:
            wrong = f"--limit {change}: expected NAME=NUMBER, such as valid_share=0.6"
            raise ConfigError(wrong) from None
        if not equals:
            raise ConfigError(f"--limit {change}: expected NAME=NUMBER, such as valid_share=0.6")
    return Limits().changed(**values)


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds results, unless they may be replaced.

    Raises:
        ConfigError: It does, or it is a file.
    """
    from onedepth.stereo.results import MANIFEST

    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"-o {folder}: is a file; name a folder")
    if (folder / MANIFEST).exists() and not overwrite:
        raise ConfigError(f"{folder / MANIFEST}: exists; --overwrite replaces it")


@dataclass
class Run:
    """What became of the pairs.

    Attributes:
        outcomes: Of all pairs that were tried, in order.
        failures: What else went wrong, one line each.
        interrupted: Whether the user stopped it.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def labelled(self) -> int:
        """How many pairs gave a label."""
        return sum(outcome.record is not None for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0: labels were made, all could be read. 1: something could not be read. 2: no label at all."""
        if self.interrupted:
            return INTERRUPTED
        if not self.labelled:
            return FAILED
        return FAILED_SOME if self.failures or any(outcome.failed for outcome in self.outcomes) else 0


def run_pairs(pairs: Iterable[Pair], workshop: Workshop, total: int, workers: int | None) -> Run:
    """Label all pairs; what was done is written down even if the input breaks off or the user stops it.

    Raises:
        ConfigError: An option is wrong for every pair.
        OneDepthError: The folder cannot be made or written to.
    """
    from onedepth.stereo.folder import make_folder
    from onedepth.stereo.results import write_results
    from onedepth.stereo.run import default_workers, in_order

    run = Run()
    make_folder(workshop.folder)
    try:
        with progress("Matching", total, "pairs/s") as advance:
            for outcome in in_order(workshop.make, pairs, workers or default_workers()):
                run.outcomes.append(outcome)
                advance()
    except ConfigError:
        raise
    except OneDepthError as error:
        run.failures.append(str(error))
    except KeyboardInterrupt:
        run.interrupted = True
    if run.outcomes:
        write_results(run.outcomes, workshop.folder)
    return run


def report(run: Run, folder: Path) -> None:
    """Print how many labels there are, why others are not, and what could not be read."""
    from onedepth.stereo.results import MANIFEST, REJECTED

    rejected = [outcome for outcome in run.outcomes if outcome.record is None and not outcome.failed]
    if run.labelled:
        say(f"{run.labelled} of {len(run.outcomes)} pairs labelled: {folder / MANIFEST}")
    kinds = Counter(str(outcome.reason).split(":")[0] for outcome in rejected)
    if rejected:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        say(f"{len(rejected)} rejected ({counts}): {folder / REJECTED}")
    if kinds["eyes"] > run.labelled:
        say("most pairs look exchanged: give left and right the other way round, or --right-first for a film")
    for outcome in run.outcomes:
        if outcome.failed:
            report_error(f"{outcome.pair.name}: {outcome.reason}")
    for failure in run.failures:
        report_error(failure)
    if run.interrupted:
        report_error(f"interrupted; {run.labelled} labels are written and listed")
    elif rejected and not run.labelled:
        kind, _ = kinds.most_common(1)[0]
        first = next(outcome for outcome in rejected if str(outcome.reason).startswith(kind))
        report_error(f"no pair gave a label; {first.pair.name}: {first.reason}")
    elif not run.outcomes and not run.failures:
        report_error(
            "no frame was chosen; is the film shorter than --shortest, or outside --start and --end?"
        )
