"""Write the tables of docs/claims.md and their figures anew, from the files in results/claims.

python experiments/report.py [NAME ...]
"""

import argparse

from claims.report import RESULTS, Column, update

NONE, MEDIAN, LINE = "none/abs_rel", "median/abs_rel", "scale_shift_disparity/abs_rel"
HELD = "nyu held out"

TABLES: dict[str, list[Column]] = {
    "midas_losses": [
        *(Column(f"AbsRel, {share} wrong", f"{HELD}, {share}", LINE) for share in ("0 %", "30 %")),
        *(
            Column(f"δ1, {share} wrong", f"{HELD}, {share}", "scale_shift_disparity/delta1", less=False)
            for share in ("0 %", "30 %")
        ),
    ],
    "midas_mixing": [
        Column("mean", "*", LINE),
        *(Column(name, name, LINE) for name in ("redkitchen", "tum", "middlebury", "rooms", "street", "sfm")),
    ],
    "metric3d_camera": [
        Column("mean", "*", NONE),
        *(
            Column(name, name, NONE)
            for name in ("nyu, zoomed 2.2", "redkitchen", "rooms, 40-90 degrees", "kitti 04", "street")
        ),
        Column("mean, median-aligned", "*", MEDIAN),
    ],
    "metric3d_losses": [
        Column("mean", "*", NONE),
        *(Column(name, name, NONE) for name in (HELD, "redkitchen", "tum", "rooms")),
        Column("mean, median-aligned", "*", MEDIAN),
        Column("boundary F1, rooms", "rooms", "boundary_f1", less=False),
    ],
    "resolution": [
        Column("nyu AbsRel", HELD, NONE),
        Column("nyu, median-aligned", HELD, MEDIAN),
        Column("rooms, median-aligned", "rooms", MEDIAN),
        Column("rooms boundary F1", "rooms", "boundary_f1", less=False),
        Column("middlebury boundary F1", "middlebury", "boundary_f1", less=False),
    ],
    "zoom": [
        *(
            Column(f"{name}, {title}", name, score)
            for name in ("kitti drive", "kitti 04")
            for title, score in (
                ("AbsRel", MEDIAN),
                ("change by zoom", "zoom_change"),
                ("rest of it", "zoom_rms_log"),
            )
        ),
    ],
    "union": [
        Column("mean", "*", NONE),
        *(
            Column(name, name, NONE)
            for name in (HELD, "kitchen held out", "tum", "rooms", "kitti 04", "street")
        ),
        Column("mean, median-aligned", "*", MEDIAN),
    ],
}
SHOWN = {
    "zoom": (0, 1, 2),
    "midas_losses": (0, 1),
    "resolution": (1, 2, 3),
    "union": (0, 2, 7),
    "midas_mixing": (0,),
}


def main() -> None:
    """Write tables and figures from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    there = [name for name in TABLES if (RESULTS / f"{name}.json").exists()]
    parser.add_argument("names", nargs="*", default=there, metavar="NAME")
    for name in parser.parse_args().names:
        columns = TABLES[name]
        update(name, columns, [columns[i] for i in SHOWN.get(name, (0, len(columns) - 1))])


if __name__ == "__main__":
    main()
