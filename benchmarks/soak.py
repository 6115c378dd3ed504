"""Do memory or open files grow while one process predicts and writes for a long time?

Photos of several sizes are predicted and written in every format in turn. After a fifth of the time, resident
memory and the number of open files are taken as the mark; the run fails when the end lies clearly above it.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path

from _machine import EXAMPLES, print_header

GROWTH_ALLOWED = 1.05


def resident_mb() -> float:
    """Resident memory of this process in MB, from /proc (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files() -> int:
    """How many file descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        sys.exit("error: this benchmark reads /proc; run it on Linux")
    print_header(
        "Soak: memory and open files over time", ["onedepth", "onnxruntime", "opencv-python-headless"]
    )

    import onedepth
    from onedepth.files.depth_formats import FORMATS, write_depth
    from onedepth.files.images import photo_from

    predictor = onedepth.load()
    photos = [photo_from(path).pixels for path in sorted(EXAMPLES.glob("*.jpg"))]
    start, mark, done = time.monotonic(), None, 0
    with tempfile.TemporaryDirectory() as folder:
        for pixels, step, form in zip(
            itertools.cycle(photos), itertools.cycle((1, 2, 3)), itertools.cycle(FORMATS), strict=False
        ):
            path = Path(folder, f"depth{FORMATS[form].ending}")
            write_depth(predictor.predict(pixels[::step, ::step].copy()), path, form)
            done += 1
            elapsed = (time.monotonic() - start) / 60
            if mark is None and elapsed > options.minutes / 5:
                mark = (resident_mb(), open_files())
                print(f"  mark      after {done} photos: {mark[0]:.0f} MB, {mark[1]} open files")
            if elapsed > options.minutes:
                break
    end = (resident_mb(), open_files())
    assert mark is not None
    print(f"  end       after {done} photos: {end[0]:.0f} MB, {end[1]} open files")
    print(f"  ratio     memory end / mark: {end[0] / mark[0]:.3f} (allowed {GROWTH_ALLOWED})")
    if end[0] > mark[0] * GROWTH_ALLOWED or end[1] > mark[1]:
        sys.exit("error: memory or open files grow")


if __name__ == "__main__":
    main()
