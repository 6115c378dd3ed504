"""How long from process start to depth on disk, and how much memory does a 12-megapixel photo take?

The rival is only what has to be imported before a torch model *could* be loaded: no weights, no photo.
"""

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

from _machine import EXAMPLES, ONEDEPTH, Run, median, print_header, repeat_in_turns, run_child

RIVAL = (
    "import torch, transformers; transformers.AutoModelForDepthEstimation, transformers.AutoImageProcessor"
)
PREDICT = "onedepth predict one.jpg"
RIVAL_NAME = "import torch, transformers"
LARGE = "onedepth predict 12-megapixel.jpg"
ENLARGE = """import sys; from PIL import Image
Image.open(sys.argv[1]).convert("RGB").resize((4000, 3000)).save(sys.argv[2], quality=92)"""


def summary(name: str, runs: list[Run]) -> str:
    """One line: median and best wall time, and the peak memory of the largest run."""
    seconds = [run.seconds for run in runs]
    memory = max(run.peak_mb for run in runs)
    return (
        f"  {name:<36} median {median(seconds):6.3f} s   best {min(seconds):6.3f} s   peak {memory:5.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path, default=min(EXAMPLES.glob("*.jpg")))
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    print_header("Cold start and peak memory", ["onedepth", "onnxruntime", "numpy", "torch", "transformers"])
    print(f"  protocol  whole processes in turn, {options.times} times each, files warm in the page cache")

    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder, "12-megapixel.jpg")
        run_child([sys.executable, "-c", ENLARGE, str(options.photo), str(large)])  # keeps this process small
        predict = [ONEDEPTH, "predict", "--overwrite", "--output", folder]
        commands = {
            "python -c 'pass'": [sys.executable, "-c", "pass"],
            "import onedepth": [sys.executable, "-c", "import onedepth"],
            PREDICT: [*predict, str(options.photo)],
            LARGE: [*predict, str(large)],
        }
        if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
            commands[RIVAL_NAME] = [sys.executable, "-c", RIVAL]
        else:
            print("  left out  torch and transformers: pip install torch transformers")
        results = repeat_in_turns(commands, options.times)

    for name, runs in results.items():
        print(summary(name, runs))
    if RIVAL_NAME in results:
        ours, theirs = (median([run.seconds for run in results[name]]) for name in (PREDICT, RIVAL_NAME))
        print(f"  ratio     {theirs / ours:.1f}  ({RIVAL_NAME} / {PREDICT})")


if __name__ == "__main__":
    main()
