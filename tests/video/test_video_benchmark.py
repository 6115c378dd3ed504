"""The benchmark of memory still runs, in its smallest form; what it measures is nobody's business here."""

import os
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "video.py"


def test_memory_of_a_short_clip_is_measured(tiny_model: Path) -> None:
    words = ["memory", "--minutes", "0.02", "--size", "64x48", "--model", str(tiny_model)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(BENCHMARK), *words]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert "0.02 minutes: peak" in run.stdout, run.stderr
    assert "ratio" in run.stdout
