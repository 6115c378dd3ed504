"""Do memory or open files grow while one process predicts and writes for a long time?

A tour predicts every photo at three sizes and writes it in every format. Tours are repeated until the time is
up. The first one warms up; the second sets the mark: the most resident memory and open files seen in it. The
run fails when the last tour lies clearly above that.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from _machine import EXAMPLES, print_header

if TYPE_CHECKING:
    from onedepth.predict.predictor import Predictor

GROWTH_ALLOWED = 1.05
LEAST_TOURS = 3


@dataclass(frozen=True)
class Use:
    """The most of each that was seen: resident memory in MB, and open file descriptors."""

    memory: float
    files: int

    @classmethod
    def now(cls) -> "Use":
        """What this process uses, from /proc (Linux)."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir("/proc/self/fd")))

    def __str__(self) -> str:
        return f"{self.memory:.0f} MB, {self.files} open files"


def tour(predictor: "Predictor", photos: list[Path], folder: Path) -> Use:
    """Predict and write everything once."""
    from onedepth.files.depth_formats import FORMATS, write_depth
    from onedepth.files.images import read_photo

    uses = []
    for photo, step, form in product(photos, (1, 2, 3), FORMATS):
        pixels = read_photo(photo).pixels[::step, ::step].copy()
        write_depth(predictor.predict(pixels), folder / f"depth{FORMATS[form].ending}", form)
        uses.append(Use.now())
    return Use(max(use.memory for use in uses), max(use.files for use in uses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--photos", type=int, default=100, help="how many of the examples to use, at most")
    options = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        sys.exit("error: this benchmark reads /proc; run it on Linux")
    packages = ["onedepth", "onnxruntime", "opencv-python-headless", "pillow", "trimesh"]
    print_header("Soak: memory and open files over time", packages)

    import onedepth

    predictor = onedepth.load()
    photos = sorted(EXAMPLES.glob("*.jpg"))[: options.photos]
    tours: list[Use] = []
    stop = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        while len(tours) < LEAST_TOURS or time.monotonic() < stop:
            tours.append(tour(predictor, photos, Path(folder)))
    mark, end = tours[1], tours[-1]
    print(f"  mark      tour 2: {mark}")
    print(f"  end       tour {len(tours)}: {end}")
    print(f"  ratio     memory end / mark: {end.memory / mark.memory:.3f} (allowed {GROWTH_ALLOWED})")
    if end.memory > mark.memory * GROWTH_ALLOWED or end.files > mark.files:
        sys.exit("error: memory or open files grow")


if __name__ == "__main__":
    main()
