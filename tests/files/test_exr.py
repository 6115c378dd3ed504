import json

import numpy as np
import OpenEXR
import pytest
from depthmap_strategies import metric

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError


def contents(path):
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: channel.pixels for name, channel in file.channels().items()}, dict(file.header())


def test_depth_is_float32_in_channel_z_with_the_record_in_the_header(tmp_path):
    metric().save(tmp_path / "a.exr")
    channels, header = contents(tmp_path / "a.exr")
    assert list(channels) == ["Z"]
    assert channels["Z"].dtype == np.float32
    np.testing.assert_array_equal(channels["Z"], metric().depth)
    assert json.loads(header["onedepth"])["unit"] == "m"


def test_affine_disparity_is_not_in_channel_z_and_its_holes_are_nan(tmp_path):
    DepthMap(np.float32([[0, -2, np.inf]]), "affine_disparity").save(tmp_path / "a.exr")
    channels, _ = contents(tmp_path / "a.exr")
    np.testing.assert_array_equal(channels["disparity"], [[0, -2, np.nan]])


def test_a_renderers_z_pass_is_found_among_colours(tmp_path):
    z = np.float16([[1.5, 2.5], [np.inf, 4]])
    one = np.ones((2, 2), np.float32)
    with OpenEXR.File({}, {"R": one, "G": one, "B": one, "Z": z}) as file:
        file.write(str(tmp_path / "a.exr"))
    depthmap = DepthMap.load(tmp_path / "a.exr", "metric", "m")
    np.testing.assert_array_equal(depthmap.depth, [[1.5, 2.5], [0, 4]])


def test_colours_alone_are_not_depth(tmp_path):
    one = np.ones((2, 2), np.float32)
    with OpenEXR.File({}, {"R": one, "G": one, "B": one}) as file:
        file.write(str(tmp_path / "a.exr"))
    with pytest.raises(DepthFileError, match=r"B, G, R"):
        DepthMap.load(tmp_path / "a.exr", "metric", "m")


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError("no room")

    monkeypatch.setattr(OpenEXR.File, "write", full)
    with pytest.raises(Exception, match=r"a\.exr: cannot be written \(no room\)"):
        metric().save(tmp_path / "a.exr")
    assert list(tmp_path.iterdir()) == []
