import json
import zipfile

import numpy as np
import pytest
from depthmap_strategies import metric

from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.cameras import camera_from_dict


def test_numpy_alone_reads_it_under_the_expected_names(tmp_path):
    depthmap = metric()
    depthmap.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["depth"], depthmap.depth)
        np.testing.assert_array_equal(archive["valid"], depthmap.valid)
        assert archive["depth"].dtype == np.float32
        assert (str(archive["kind"]), str(archive["unit"])) == ("metric", "m")
        assert camera_from_dict(json.loads(str(archive["camera"]))) == depthmap.camera


def test_disparity_is_never_called_depth(tmp_path):
    DepthMap(np.float32([[1, -2]]), "affine_disparity").save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        assert "depth" not in archive
        np.testing.assert_array_equal(archive["disparity"], [[1, -2]])
    np.savez(tmp_path / "b.npz", disparity=np.ones((2, 3)))
    with pytest.raises(DepthFileError, match="from_disparity"):
        DepthMap.load(tmp_path / "b.npz", "metric", 1)
    assert DepthMap.load(tmp_path / "b.npz", "affine_disparity", 1).kind == "affine_disparity"


def test_pickled_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", depth=np.array([[{}]], dtype=object))
    with pytest.raises(DepthFileError, match=r"a\.npz"):
        DepthMap.load(tmp_path / "a.npz", "metric", 1)


@pytest.mark.parametrize(
    "arrays",
    [
        {"distance": np.ones((2, 3))},
        {"depth": np.ones((2, 3)), "disparity": np.ones((2, 3))},
        {"depth": np.ones((1, 2, 3))},
        {"depth": np.ones((2, 3), np.uint8)},
        {"depth": np.ones((2, 3)), "valid": np.ones((3, 2), bool)},
    ],
)
def test_unsuitable_arrays_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DepthFileError, match=r"a\.npz"):
        DepthMap.load(tmp_path / "a.npz", "metric", 1)


def test_a_foreign_mask_is_respected(tmp_path):
    np.savez(tmp_path / "a.npz", depth=np.float64([[2000, 3000, 0]]), valid=np.array([[True, False, True]]))
    depthmap = DepthMap.load(tmp_path / "a.npz", "metric", "mm")
    np.testing.assert_array_equal(depthmap.depth, [[2, 0, 0]])


def test_a_broken_array_header_is_damage(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("depth.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((((\n" + bytes(16))
    with pytest.raises(DepthFileError, match="damaged"):
        DepthMap.load(tmp_path / "a.npz", "metric", 1)
