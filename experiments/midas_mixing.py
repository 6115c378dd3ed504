"""MiDaS, mixing: one source, then two, three and four, naively and by Pareto; error on sets never trained on.

    python experiments/midas_mixing.py --data DATA [--steps 300] [--seeds 0 1 2]

All labels are read as disparity up to scale and shift, and scored after aligning both. The loss is the
absolute one with a little gradient matching, of those that `midas_losses.py` compares the surest to learn
within so few steps: the trimmed one of the paper collapses there.
"""

from typing import Any

from claims.common import NYU, SMALL
from claims.harness import Experiment, Variant, main
from claims.scoring import TestSet

SETS: dict[str, dict[str, Any]] = {
    "nyu": {"path": "nyu_v2/train", "max_depth": 10, "holdout": NYU.model_dump()},
    "kitti": {"path": "kitti/drive_0005", "max_depth": 80},
    "tartanair": {"path": "tartanair/hospital", "max_depth": 60},
    "close range": {"path": "close_range", "max_depth": 10},
}
NAMES = list(SETS)
LOSSES = {"affine": {"ssi_mae": 1.0, "ssi_gradient": 0.1}}


def mix(*names: str, how: str = "mean") -> Variant:
    """Equal shares of some sets."""
    sources = [{"name": name.replace(" ", "_"), "kind": "affine", **SETS[name]} for name in names]
    return Variant({"mixing": how, "sources": sources})


EXPERIMENT = Experiment(
    name="midas_mixing",
    question="Do mixtures beat single sources on sets never trained on, and is Pareto better than the mean?",
    common={**SMALL, "losses": LOSSES},
    variants={
        **{name: mix(name) for name in NAMES},
        **{f"mix {n}": mix(*NAMES[:n]) for n in (2, 3, 4)},
        **{f"mix {n}, Pareto": mix(*NAMES[:n], how="pareto") for n in (2, 3, 4)},
    },
    tests=(
        TestSet("redkitchen", "seven_scenes/redkitchen"),
        TestSet("tum", "tum_rgbd"),
        TestSet("middlebury", "middlebury_2014/training", max_depth=20),
        TestSet("rooms", "synthetic/rooms"),
        TestSet("street", "synthetic/street", max_depth=80),
        TestSet("sfm", "sfm", kind="scaled", max_depth=1000),
    ),
    steps=300,
)

if __name__ == "__main__":
    main(EXPERIMENT)
