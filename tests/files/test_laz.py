import numpy as np
import pytest
from depthmap_strategies import metric

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError
from onedepth.files.laz import write_laz

laspy = pytest.importorskip("laspy")


@pytest.mark.parametrize("suffix", ["laz", "las"])
def test_points_and_colours_come_back_to_a_tenth_of_a_millimetre(tmp_path, suffix):
    depthmap = metric(12, 17)
    image = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    write_laz(depthmap, path, image=image)
    points, colors = depthmap.points(image=image)
    found = laspy.read(path)
    np.testing.assert_allclose(np.stack([found.x, found.y, found.z], 1), points, atol=0.6e-4)
    np.testing.assert_array_equal(np.stack([found.red, found.green, found.blue], 1), colors.astype(int) * 257)
    with laspy.open(path) as file:
        assert file.header.are_points_compressed == (suffix == "laz")


def test_far_points_fit_and_budgets_hold(tmp_path):
    camera = Camera.from_fov(60, 20, 10)
    write_laz(
        DepthMap(np.full((10, 20), 4e6, np.float32), "metric", camera), tmp_path / "a.laz", max_vertices=50
    )
    found = laspy.read(tmp_path / "a.laz")
    assert len(found.points) == 50
    np.testing.assert_allclose(found.z, 4e6, rtol=1e-6)


def test_no_point_is_no_file(tmp_path):
    empty = DepthMap(np.zeros((4, 5), np.float32), "metric", Camera.assumed(5, 4))
    with pytest.raises(DepthFileError, match="no valid pixel"):
        write_laz(empty, tmp_path / "a.laz")
    assert list(tmp_path.iterdir()) == []
