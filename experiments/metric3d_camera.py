"""Metric3D, the canonical camera: metres on cameras never seen, without it, by labels, and by images.

    python experiments/metric3d_camera.py --data DATA [--steps 200] [--seeds 0 1 2]

Training photos come from three cameras (NYU Depth v2, KITTI, TartanAir), each also zoomed by 1.6. Without the
canonical camera the network is told nothing of the camera that took a photo. A sweep of the canonical focal
length goes with it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from claims.common import NYU, SMALL
from claims.copies import SIZE, blinded, write_copies
from claims.harness import Experiment, Variant, main
from claims.scoring import TestSet

from onedepth.data.sources import SourceConfig

FOCAL = 200.0
BLIND = FOCAL * SIZE[0] / 160  # so that the one camera has the canonical focal length at the network's input
PLAIN = {"zoom": 1.0, "whole": 1.0, "stretch": 0.0}  # no crops, which change focal lengths
TRAINING = {
    "train_nyu": (SourceConfig(name="nyu", path="nyu_v2/train", max_depth=10, holdout=NYU), 300, 3.0),
    "train_kitti": (SourceConfig(name="kitti", path="kitti/drive_0005", max_depth=80), 80, 1.0),
    "train_tartanair": (SourceConfig(name="tartanair", path="tartanair/hospital", max_depth=60), 90, 1.0),
}
TESTING = {
    "nyu, zoomed 2.2": (
        "test_nyu",
        SourceConfig(name="t", path="nyu_v2/train", max_depth=10, holdout=NYU),
        2.2,
    ),
    "redkitchen": ("test_kitchen", SourceConfig(name="t", path="seven_scenes/redkitchen", max_depth=10), 1.0),
    "rooms, 40-90 degrees": ("test_rooms", SourceConfig(name="t", path="synthetic/rooms", max_depth=10), 1.0),
    "kitti 04": ("test_kitti", SourceConfig(name="t", path="kitti/odometry_04", max_depth=80), 1.0),
    "street": ("test_street", SourceConfig(name="t", path="synthetic/street", max_depth=80), 1.0),
}


def prepare(data: Path, work: Path, names: Sequence[str]) -> None:
    """Write all copies."""
    for name, (source, count, _) in TRAINING.items():
        write_copies(data, source, work / f"{name}.jsonl", count=count, zooms=(1.0, 1.6), blind=BLIND)
    for name, source, zoom in TESTING.values():
        write_copies(data, source, work / f"{name}.jsonl", count=40, zooms=(zoom,), blind=BLIND)


def sources(blind: bool) -> list[dict[str, Any]]:
    """Sources of a recipe, with the true cameras or with one camera for all."""
    named = {name: Path(f"{{work}}/{name}.jsonl") for name in TRAINING}
    return [
        {
            "name": name,
            "path": str(blinded(path) if blind else path),
            "weight": TRAINING[name][2],
            "max_depth": TRAINING[name][0].max_depth,
        }
        for name, path in named.items()
    ]


def tests(blind: bool) -> tuple[TestSet, ...]:
    """The test sets, seen likewise."""
    return tuple(
        TestSet(
            title,
            str(blinded(Path(f"{name}.jsonl")) if blind else f"{name}.jsonl"),
            count=40,
            max_depth=source.max_depth,
            root="work",
        )
        for title, (name, source, _) in TESTING.items()
    )


def labelled(focal: float) -> Variant:
    """The labels follow the camera, with a canonical focal length."""
    return Variant({"network": {"canonical_focal": focal}, "sources": sources(False)})


EXPERIMENT = Experiment(
    name="metric3d_camera",
    question="Does the canonical camera give metres on cameras that were never seen?",
    common={**SMALL, "augment": PLAIN},
    variants={
        "no canonical camera": Variant(
            {"network": {"canonical_focal": FOCAL}, "sources": sources(True)}, tests=tests(True)
        ),
        "labels (CSTM_label)": labelled(FOCAL),
        "images (CSTM_image)": Variant(
            {
                "network": {"canonical": "cstm_image", "canonical_focal": 140.0, "pixel_budget": 128 * 160},
                "sources": sources(False),
            }
        ),
        "labels, focal 50": labelled(50.0),
        "labels, focal 800": labelled(800.0),
    },
    tests=tests(False),
    prepare=prepare,
)

if __name__ == "__main__":
    main(EXPERIMENT)
