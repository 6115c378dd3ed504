"""The union: metric labels alone, then affine, scaled, coarse labels and plain video beside them, and all.

    python experiments/union.py --data DATA [--steps 200] [--seeds 0 1 2]

The metric set is the same and as large in every row, and so is the number of its samples in a step; another
kind adds its own. Scored without alignment and median-aligned on sets never trained on, and on held-out
frames of the kitchen whose training frames give video only.
"""

from typing import Any

from claims.common import KITCHEN, NYU, SMALL
from claims.harness import Experiment, Variant, main
from claims.scoring import TestSet

METRIC = {"name": "nyu", "path": "nyu_v2/train", "weight": 6, "max_depth": 10, "holdout": NYU.model_dump()}
KINDS: dict[str, list[dict[str, Any]]] = {
    "affine": [
        {
            "name": "middlebury",
            "path": "middlebury_2014/training",
            "kind": "affine",
            "weight": 1,
            "max_depth": 20,
        },
        {"name": "close_range", "path": "close_range", "kind": "affine", "weight": 1, "max_depth": 10},
    ],
    "scaled": [
        {"name": "sfm", "path": "sfm", "kind": "scaled", "weight": 1, "max_depth": 1000},
        {"name": "levels", "path": "synthetic/levels", "kind": "scaled", "weight": 1, "max_depth": 1000},
    ],
    "coarse": [
        {
            "name": "tartanair",
            "path": "tartanair/hospital",
            "kind": "coarse",
            "factor": 4,
            "weight": 2,
            "max_depth": 60,
        }
    ],
    "video": [
        {
            "name": "kitchen",
            "path": "seven_scenes/redkitchen",
            "kind": "video",
            "weight": 2,
            "max_depth": 10,
            "holdout": KITCHEN.model_dump(),
            "augment": {"camera_zoom": 0.5, "stretch": 0.0},
        }
    ],
}


def beside(*kinds: str) -> Variant:
    """Metric labels and other kinds; the batch grows, so that a step always has six metric samples."""
    more = [source for kind in kinds for source in KINDS[kind]]
    return Variant({"batch": 6 + sum(source["weight"] for source in more), "sources": [METRIC, *more]})


EXPERIMENT = Experiment(
    name="union",
    question="Does each kind of supervision help sets never seen, and does video get its metres from labels?",
    common=SMALL,
    variants={
        "metric": beside(),
        "metric + affine": beside("affine"),
        "metric + scaled": beside("scaled"),
        "metric + coarse": beside("coarse"),
        "metric + video": beside("video"),
        "all": beside(*KINDS),
    },
    tests=(
        TestSet("nyu held out", "nyu_v2/train", count=75, holdout=NYU),
        TestSet("kitchen held out", "seven_scenes/redkitchen", holdout=KITCHEN),
        TestSet("tum", "tum_rgbd"),
        TestSet("rooms", "synthetic/rooms", count=40),
        TestSet("kitti 04", "kitti/odometry_04", max_depth=80),
        TestSet("street", "synthetic/street", max_depth=80),
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
