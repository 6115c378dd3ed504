"""What every benchmark needs: a header that names the machine, and children with their time and memory.

Children are measured whole, from before the process exists until after it is gone. This module stays light
on purpose: on Linux a child's peak memory cannot read lower than what its parent held when it was forked.
"""

import importlib.metadata
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHARED = Path(os.environ.get("ONEDEPTH_SHARED") or ROOT.parent / "shared")
ONEDEPTH = shutil.which("onedepth", path=str(Path(sys.executable).parent)) or "onedepth"


@dataclass(frozen=True)
class Run:
    """One finished child: wall seconds from start to end, and peak resident memory in MB (10^6 bytes)."""

    seconds: float
    peak_mb: float


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str:
    """`package version`, or that it is missing."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} (not installed)"


def print_header(question: str, packages: Sequence[str]) -> None:
    """Print what was asked, the command, the machine and the versions."""
    load = os.getloadavg()[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    arguments = [os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]]
    print(f"\n{question}")
    print(f"  command   python {shlex.join(arguments)}")
    print(f"  machine   {cpu_name()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}")
    print(f"  versions  Python {platform.python_version()}, {', '.join(map(version, packages))}")
    if load > 0.3:
        print(f"  WARNING   the machine is not quiet: load {load:.1f}; do not publish these numbers")


def run_child(command: Sequence[str]) -> Run:
    """Run `command` to its end; its output is shown only when it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{shlex.join(command)} failed with exit code {child.returncode}:\n{output}")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Run(seconds, peak_bytes / 1e6)


def repeat_in_turns(commands: dict[str, Sequence[str]], times: int) -> dict[str, list[Run]]:
    """Run each command once to warm the file cache, then all of them in turn `times` times."""
    for command in commands.values():
        run_child(command)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            runs[name].append(run_child(command))
    return runs


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
