"""Every fault is found under its name, and nothing else is found; what --fix leaves passes the check."""

from pathlib import Path

import pytest
from check_cases import FAULTS, faulty_set

from onedepth.check.fix import write_fixed
from onedepth.check.kinds import BITS, KINDS
from onedepth.check.report import Report, as_json
from onedepth.check.run import check_records
from onedepth.manifest.manifest import open_manifest


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, dict[int, str]]:
    path, expected = faulty_set(tmp_path_factory.mktemp("faulty"))
    return check_records(open_manifest(path), workers=3), expected


def names(found: int) -> list[str]:
    return [kind for kind, bit in BITS.items() if found & bit]


def test_there_is_a_case_for_every_kind() -> None:
    assert {kind for kind, _ in FAULTS} == set(KINDS)


def test_each_fault_is_found_under_its_name_and_nothing_else(checked: tuple[Report, dict[int, str]]) -> None:
    report, expected = checked
    found = {index: names(bits) for index, bits in enumerate(report.table["found"].tolist()) if bits}
    assert found == {index: [kind] for index, kind in expected.items()}


def test_every_finding_is_listed_with_its_record(checked: tuple[Report, dict[int, str]]) -> None:
    report, expected = checked
    listed = {example.number: kind for kind, some in report.examples.items() for example in some}
    assert listed == expected
    for kind, some in report.examples.items():
        assert [example.number for example in some] == sorted(example.number for example in some), kind
        assert all("\n" not in example.message and example.message for example in some), kind


def test_messages_say_what_was_found(checked: tuple[Report, dict[int, str]]) -> None:
    examples = checked[0].examples
    assert "millimetres read as metres" in examples["unit"][0].message
    assert "metres divided by 1000" in examples["unit"][1].message
    assert "label.scale" in examples["bad_record"][0].message
    assert "leaves the folder" in examples["bad_record"][1].message
    assert "looks like disparity" in examples["inverted"][0].message
    assert "8-bit picture is no depth" in examples["eight_bit"][0].message
    assert "EXIF" in examples["camera_size"][0].message
    assert "split 'test', too: 004" in examples["image_in_splits"][0].message
    assert "split 'test', too: 005" in examples["scene_in_splits"][0].message
    assert "15 NaN" in examples["not_finite"][0].message
    assert "15 infinite" in examples["not_finite"][1].message


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    path, _ = faulty_set(tmp_path)
    one, many, processes = (
        check_records(open_manifest(path), workers=workers, processes=processes)
        for workers, processes in ((1, False), (8, False), (2, True))
    )
    for other in (many, processes):
        assert as_json(one) == as_json(other)
        assert one.table.tobytes() == other.table.tobytes()


def test_what_fix_leaves_passes_and_keeps_its_order(tmp_path: Path) -> None:
    path, expected = faulty_set(tmp_path)
    records = open_manifest(path)
    report = check_records(records)
    fixed = write_fixed(report, tmp_path / "clean.jsonl", drop_suspicious=True)
    again = open_manifest(tmp_path / "clean.jsonl")
    assert check_records(again).faults == 0
    good = [
        index
        for index in range(len(records))
        if KINDS[expected.get(index, "not_finite")].severity in ("note", "repairable")
    ]
    assert [record.id for record in again] == [records[index].id for index in good]
    assert fixed.written == len(good)
    assert fixed.mended == 2
    assert sum(fixed.dropped.values()) == len(records) - len(good)
    mended = {record.id: record for record in again}
    numbers = {kind: index for index, kind in expected.items()}
    assert mended[f"{numbers['neighbour_missing']:03}"].neighbours == ()
    assert mended[f"{numbers['right_missing']:03}"].right is None


def test_fix_keeps_suspicious_records_unless_asked(tmp_path: Path) -> None:
    path, expected = faulty_set(tmp_path)
    write_fixed(check_records(open_manifest(path)), tmp_path / "clean.jsonl")
    counts = check_records(open_manifest(tmp_path / "clean.jsonl")).counts
    allowed = {kind for kind in expected.values() if KINDS[kind].severity in ("suspicious", "note")}
    assert set(counts) == allowed
