"""Metric3D, what random proposals add beside metric losses: nothing, the whole image, or random windows.

python experiments/metric3d_losses.py --data DATA [--steps 200] [--seeds 0 1 2]
"""

from claims.common import NYU, SMALL
from claims.harness import Experiment, Variant, main
from claims.scoring import TestSet

BASE = {"silog": 1.0, "virtual_normal": 0.1, "pairwise_normal": 0.1}


def beside(**extra: float) -> Variant:
    """The common losses and more."""
    return Variant({"losses": {"metric": {**BASE, **extra}}})


EXPERIMENT = Experiment(
    name="metric3d_losses",
    question="Do random proposals help more than whole-image normalisation?",
    common={
        **SMALL,
        "sources": [
            {
                "name": "nyu",
                "path": "nyu_v2/train",
                "weight": 3,
                "max_depth": 10,
                "holdout": NYU.model_dump(),
            },
            {"name": "tartanair", "path": "tartanair/hospital", "weight": 1, "max_depth": 60},
        ],
    },
    variants={
        "metric losses": beside(),
        "+ whole image (SSIL)": beside(whole_image=0.3),
        "+ random proposals (RPNL)": beside(random_proposals=0.3),
    },
    tests=(
        TestSet("nyu held out", "nyu_v2/train", count=75, holdout=NYU),
        TestSet("redkitchen", "seven_scenes/redkitchen"),
        TestSet("tum", "tum_rgbd"),
        TestSet("rooms", "synthetic/rooms", count=40, edges=True),
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
