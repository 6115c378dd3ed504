"""How many photos a second, file to file, through a folder?

Every contender is a whole process that reads JPEG files and writes 16-bit PNG depth of the photos' own size.
Its steady rate comes from two runs, with one photo and with many: (n - 1) / (seconds(n) - seconds(1)).
"""

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from _machine import EXAMPLES, ONEDEPTH, median, print_header, run_child

RIVALS_FILE = Path(__file__).with_name("_rivals.py")


def write_photos(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Fill `folder` with `count` JPEG files of (width, height), taken in turn from the examples."""
    from PIL import Image

    folder.mkdir()
    sources = sorted(EXAMPLES.glob("*.jpg"))
    for index in range(count):
        with Image.open(sources[index % len(sources)]) as image:
            image.convert("RGB").resize(size).save(folder / f"{index:04d}.jpg", quality=92)


def contenders() -> dict[str, Callable[[Path, Path], list[str]]]:
    """Name -> command for a folder of photos and an output folder; what is missing is said and left out."""

    def ours(photos: Path, out: Path) -> list[str]:
        return [ONEDEPTH, "predict", str(photos), "--output", str(out), "--format", "png16", "--overwrite"]

    def rival(name: str) -> Callable[[Path, Path], list[str]]:
        return lambda photos, out: [sys.executable, str(RIVALS_FILE), name, str(photos), str(out)]

    from _rivals import DEPTH_ANYTHING, FASTDEPTH, FASTDEPTH_FILE

    found = {"onedepth": ours}
    if FASTDEPTH_FILE.exists():
        found[FASTDEPTH] = rival(FASTDEPTH)
    else:
        print("  left out  FastDepth: set ONEDEPTH_SHARED to a folder with peers/fastdepth_nyu.onnx")
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        found[DEPTH_ANYTHING] = rival(DEPTH_ANYTHING)
    else:
        print("  left out  Depth Anything V2 Small: pip install torch transformers")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument(
        "--slow-photos", type=int, default=8, help="for contenders that take over a second a photo"
    )
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    print_header("Folder throughput, file to file", ["onedepth", "onnxruntime", "torch", "transformers"])
    width, height = options.size
    print(f"  protocol  {width}x{height} JPEG to 16-bit PNG, whole processes, median of {options.times}")

    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        counts = {"one": 1, "few": options.slow_photos, "many": options.photos}
        for name, count in counts.items():
            write_photos(folder / name, count, tuple(options.size))
        for contender, command in contenders().items():

            def seconds(name: str, command: Callable[[Path, Path], list[str]] = command) -> float:
                times = [
                    run_child(command(folder / name, folder / "out")).seconds for _ in range(options.times)
                ]
                return median(times)

            run_child(command(folder / "one", folder / "out"))
            start = seconds("one")
            few = (seconds("few") - start) / (counts["few"] - 1)
            name = "few" if few > 1 else "many"
            rates[contender] = (counts[name] - 1) / (seconds(name) - start)
            print(f"  {contender:<26} {rates[contender]:7.2f} photos/s   first photo after {start:6.2f} s")

    for rival in list(rates)[1:]:
        print(f"  ratio     onedepth / {rival}: {rates['onedepth'] / rates[rival]:.2f}")


if __name__ == "__main__":
    main()
