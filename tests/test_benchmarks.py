"""Every benchmark still runs, in its smallest form; what it measures is nobody's business here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SMALLEST = {
    "cold_start.py": ["--times", "1"],
    "throughput.py": ["--times", "1", "--photos", "2", "--slow-photos", "2"],
    "training.py": ["--steps", "5", "--size", "64", "64"],
    "soak.py": ["--minutes", "0", "--photos", "1"],
    "serve.py": ["--seconds", "4", "--size", "64", "48"],
    "losses.py": ["--size", "1", "64", "96", "--repeat", "1", "--only", "silog"],
    "metric_losses.py": ["--batch", "1", "--repeat", "1"],
    "mixing.py": ["--steps", "4", "--sources", "2"],
    "evaluate.py": ["--images", "2"],
    "stereo.py": [],
    "measure.py": [],
    "tiles.py": [],
}
RESULTS = {
    "cold_start.py": "import onedepth",
    "throughput.py": "photos/s",
    "training.py": "optimiser",
    "soak.py": "ratio",
    "serve.py": "latency",
    "losses.py": "silog",
    "metric_losses.py": "together",
    "mixing.py": "2 sources",
    "evaluate.py": "images/s",
    "stereo.py": "left out",
    "measure.py": "left out",
    "tiles.py": "left out",
}


@pytest.mark.parametrize("name", SMALLEST)
def test_benchmark_runs(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / name), *SMALLEST[name]]
    environment = {**os.environ, "ONEDEPTH_SHARED": str(tmp_path), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"benchmarks/{name}" in run.stdout
    assert RESULTS[name] in run.stdout
