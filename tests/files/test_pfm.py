import json
import os

import numpy as np
import pytest
from depthmap_strategies import metric

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError, OneDepthError


def test_rows_are_stored_from_the_bottom_up_in_little_endian(tmp_path):
    DepthMap(np.float32([[1, 2], [3, 4], [5, 6]]), "metric").save(tmp_path / "a.pfm")
    header, pixels = (tmp_path / "a.pfm").read_bytes().split(b"-1.0\n")
    assert header == b"Pf\n2 3\n"
    np.testing.assert_array_equal(np.frombuffer(pixels, "<f4"), [5, 6, 3, 4, 1, 2])


def test_the_rest_is_in_a_json_file_beside_it(tmp_path):
    metric().save(tmp_path / "a.pfm")
    assert sorted(os.listdir(tmp_path)) == ["a.pfm", "a.pfm.json"]
    record = json.loads((tmp_path / "a.pfm.json").read_text())
    assert (record["kind"], record["unit"], record["source"]) == ("metric", "m", "test")
    (tmp_path / "a.pfm.json").unlink()
    with pytest.raises(DepthFileError, match="pass kind="):
        DepthMap.load(tmp_path / "a.pfm")


def test_big_endian_files_are_read(tmp_path):
    (tmp_path / "a.pfm").write_bytes(b"Pf\n2 1\n1.0\n" + np.array([2, np.inf], ">f4").tobytes())
    depthmap = DepthMap.load(tmp_path / "a.pfm", "metric", "m")
    np.testing.assert_array_equal(depthmap.depth, [[2, 0]])


def test_a_json_file_of_another_raster_is_noticed(tmp_path):
    metric().save(tmp_path / "a.pfm")
    metric(holes=False).save(tmp_path / "b.pfm")
    (tmp_path / "b.pfm").replace(tmp_path / "a.pfm")
    with pytest.raises(DepthFileError, match="another raster"):
        DepthMap.load(tmp_path / "a.pfm")


def test_a_json_file_of_another_program_is_ignored(tmp_path):
    metric().save(tmp_path / "a.pfm")
    (tmp_path / "a.pfm.json").write_text('{"exposure": 3}')
    assert DepthMap.load(tmp_path / "a.pfm", "metric", "m").camera is None


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"PF\n1 1\n-1.0\n" + bytes(12), "colour"),
        (b"Pf\n1 2\n-1.0\n" + bytes(12), "damaged"),
        (b"Pf\n0 0\n-1.0\n", "damaged"),
        (b"Pf\n99999999 99999999\n-1.0\n" + bytes(12), "damaged"),
        (b"P5\n1 1\n255\n" + bytes(12), "not a PFM"),
    ],
)
def test_other_and_damaged_files_are_refused(tmp_path, content, word):
    (tmp_path / "a.pfm").write_bytes(content)
    with pytest.raises(DepthFileError, match=word):
        DepthMap.load(tmp_path / "a.pfm", "metric", "m")


def test_neither_file_changes_when_one_cannot_be_written(tmp_path):
    metric().save(tmp_path / "a.pfm")
    before = (tmp_path / "a.pfm").read_bytes()
    (tmp_path / "a.pfm.json").unlink()
    (tmp_path / "a.pfm.json").mkdir()
    with pytest.raises(OneDepthError, match=r"a\.pfm\.json"):
        metric(holes=False).save(tmp_path / "a.pfm")
    assert (tmp_path / "a.pfm").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["a.pfm", "a.pfm.json"]
