"""DaB-Net: video without depth, with and without camera zoom and dynamic cross-attention.

    python experiments/zoom.py --data DATA [--steps 150] [--seeds 0 1 2]

Trained on two KITTI drives, scored on a third and on an odometry sequence, median-aligned, and by how much
a zoom of the camera changes the prediction.
"""

from claims.common import SMALL
from claims.harness import Experiment, Values, Variant, main
from claims.scoring import TestSet

ATTENTION: Values = {"network": {"decoder": "dca"}}
ZOOM: Values = {"augment": {"camera_zoom": 0.5}}

EXPERIMENT = Experiment(
    name="zoom",
    question="Does camera zoom lower the disagreement between zoomed and plain predictions?",
    common={
        **SMALL,
        "batch": 4,
        "sizes": [{"width": 320, "height": 96}],
        "network": {"input_sizes": [[320, 96]]},
        "augment": {"stretch": 0.0, "zoom": 0.8, "whole": 0.5},
        "optimiser": {"lr": 3.0e-4, "encoder_lr": 1.5e-4, "warmup": 30},
        "sources": [
            {"name": "kitti", "path": "kitti/drive_0005", "kind": "video", "weight": 3},
            {"name": "kitti_9", "path": "kitti/drive_0009", "kind": "video"},
        ],
    },
    variants={
        "baseline": Variant(),
        "+ zoom": Variant(ZOOM),
        "+ cross-attention": Variant(ATTENTION),
        "+ both": Variant(ZOOM | ATTENTION),
    },
    tests=(
        TestSet("kitti drive", "kitti/sfnd3d", max_depth=80, zoom=True),
        TestSet("kitti 04", "kitti/odometry_04", max_depth=80, zoom=True),
    ),
    steps=150,
)

if __name__ == "__main__":
    main(EXPERIMENT)
