"""The benchmark of the metrics runs, and finds its three implementations in agreement."""

import os
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "evaluate.py"


def test_benchmark_runs_and_numbers_agree() -> None:
    command = [sys.executable, str(BENCHMARK), "--images", "2", "--size", "200", "150"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "benchmarks/evaluate.py --images 2" in run.stdout
    assert run.stdout.count("the same numbers") == 3
    assert run.stdout.count("ratio") == 6
