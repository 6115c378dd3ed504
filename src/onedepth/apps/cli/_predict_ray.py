"""`onedepth predict --runner ray`: the same report as that of the local runner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from onedepth.apps.cli._predict_report import Report, predict_jobs, print_report
from onedepth.manifest.storage import is_url
from onedepth.predict.ray_runner import RayRun, run_with_ray


def predict_with_ray(run: RayRun, shown: Path) -> int:
    """Predict all records and say what became of them.

    Args:
        run: What is to be done.
        shown: The output folder, as the user named it.

    Returns:
        The exit code of the command.
    """
    if not is_url(run.records):
        run = replace(run, records=str(Path(run.records).absolute()))  # workers start in other folders
    jobs, report = run.jobs(), Report()
    predict_jobs(jobs, lambda view: run_with_ray(run, view), None, report)
    print_report(report, shown, len(jobs))
    return report.exit_code
