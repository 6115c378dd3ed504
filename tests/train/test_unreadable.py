"""Counting what cannot be read: so much of it may be passed over, and no more."""

import pytest
from pydantic import ValidationError

from onedepth.data.sample import SourceBatch
from onedepth.errors import DataError
from onedepth.train.unreadable import DataErrors, Unreadable
from train_cases import batch_of


def batch(number: int, *unreadable: str, source: str = "metric") -> SourceBatch:
    return batch_of(source, number=number, unreadable=unreadable)


def test_each_source_has_its_own_count():
    counted = Unreadable(DataErrors())
    assert counted.add([batch(2), batch(2, "a: gone", "b: cut", source="other")]) == {"other": 2}
    assert counted.add([batch(2)]) == {}


def test_a_run_ends_when_the_share_is_exceeded_and_not_before():
    counted = Unreadable(DataErrors(share=0.1, after=20))
    counted.add([batch(4, "a.png: cut off", "b.png: cut off")])  # 2 of at least 20
    with pytest.raises(
        DataError, match=r"3 of 9 samples.*share 0\.1.*a\.png: cut off \(2 times\); b\.png: cut"
    ):
        counted.add([batch(2, "a.png: cut off")])
    many = Unreadable(DataErrors(share=0.1, after=1))
    for _ in range(20):
        many.add([batch(9, "a.png: cut off")])  # 1 of 10, exactly the share
    with pytest.raises(DataError):
        many.add([batch(8, "b.png: cut off")])


def test_only_some_of_many_files_are_named():
    counted = Unreadable(DataErrors(share=0))
    with pytest.raises(DataError, match=r"; and 7 more$") as error:
        counted.add([batch(1, *(f"{i}.png: gone" for i in range(12)))])
    assert str(error.value).count("gone") == 5


def test_a_file_is_warned_of_once(caplog):
    counted = Unreadable(DataErrors(share=1))
    for _ in range(3):
        counted.add([batch(1, "a.png: gone")])
    assert [r.getMessage() for r in caplog.records] == ["sample of source metric passed over: a.png: gone"]


@pytest.mark.parametrize("values", [{"share": -0.1}, {"share": 1.1}, {"after": 0}, {"number": 3}])
def test_limits_out_of_range_are_refused(values):
    with pytest.raises(ValidationError):
        DataErrors.model_validate(values)
