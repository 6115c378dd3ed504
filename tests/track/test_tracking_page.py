"""The error tables of the page say what the stored result says."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tracking.md").read_text()
RESULT = json.loads((ROOT / "results" / "odometry.json").read_text())


def cells(first: str) -> list[list[str]]:
    """Rows of the table whose heading begins with this cell."""
    table = PAGE[PAGE.index(f"| {first} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_paths() -> None:
    stored = [
        (title, method, line)
        for title, found in RESULT["sets"].items()
        for method, line in found["methods"].items()
    ]
    rows = cells("clip")
    assert len(rows) == len(stored) == 11
    names = [
        "ate_m",
        "ate_sim3_m",
        "rpe_m",
        "rpe_deg",
        "t_rel_percent",
        "r_rel_deg_per_100m",
        "scale",
        "keys",
    ]
    for row, (title, method, line) in zip(rows, stored, strict=True):
        assert row[1] == method
        assert title in (row[0].split(" (")[0] or title)
        for cell, name in zip(row[2:], names, strict=True):
            if name == "ate_m" and method == "scale-free":
                assert cell == ""
            elif line[name] is None:
                assert cell == "", name
            else:
                number = cell.split(" ")[0].rstrip("°")
                places = len(number.partition(".")[2])
                assert number == f"{line[name]:.{places}f}", (title, method, name)
    lost = {(title, method): line["lost"] for title, method, line in stored if line["lost"]}
    assert lost == {("KITTI odometry 04", "true depth"): 2}
    assert "With true depth two frames of odometry 04 were lost; all others were found." in PAGE


def test_surfaces() -> None:
    (found,) = RESULT["surfaces"].values()
    for row, (method, line) in zip(cells("depth and path"), found["methods"].items(), strict=True):
        assert row[0] == method
        expected = [
            f"{line['chamfer']:.3f} m",
            f"{line['f_score_10cm']:.1f} %",
            f"{line['f_score_20cm']:.1f} %",
        ]
        assert row[1:4] == expected


def test_the_command_is_on_the_page() -> None:
    assert RESULT["command"] in PAGE
