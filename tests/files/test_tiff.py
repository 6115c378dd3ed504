import json

import numpy as np
import pytest
import tifffile
from depthmap_strategies import metric
from PIL import Image

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError


def test_other_programs_see_float32_metres_and_a_json_description(tmp_path):
    metric().save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        assert image.mode == "F"
        np.testing.assert_array_equal(np.asarray(image), metric().depth)
        assert json.loads(image.tag_v2[270])["kind"] == "metric"


def test_holes_of_affine_disparity_are_nan(tmp_path):
    DepthMap(np.float32([[0, np.nan]]), "affine_disparity").save(tmp_path / "a.tiff")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tiff"), [[0, np.nan]])


@pytest.mark.parametrize("description", ["depth in mm", '{"shape": [2, 3]}', "[1]"])
def test_a_description_of_another_program_is_no_metadata(tmp_path, description):
    raw = np.uint16([[1000, 0, 500]])
    tifffile.imwrite(tmp_path / "a.tif", raw, description=description, metadata=None)
    with pytest.raises(DepthFileError, match="pass kind="):
        DepthMap.load(tmp_path / "a.tif")
    np.testing.assert_array_equal(DepthMap.load(tmp_path / "a.tif", "metric", "mm").depth, [[1, 0, 0.5]])


def test_stacks_and_colours_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((2, 4, 5), np.float32), photometric="minisblack")
    with pytest.raises(DepthFileError, match="2 pages"):
        DepthMap.load(tmp_path / "a.tif", "metric", 1)
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5, 3), np.uint16), photometric="rgb")
    with pytest.raises(DepthFileError, match="one channel"):
        DepthMap.load(tmp_path / "a.tif", "metric", 1)
