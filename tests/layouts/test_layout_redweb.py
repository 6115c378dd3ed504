"""ReDWeb: relative disparity that is stored upside down."""

import numpy as np
import pytest
from pictures import picture, raster, records

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth, load_disparity

W, H = 8, 6
STORED = np.random.default_rng(0).permutation(256)[: H * W].reshape(H, W).astype("u1")


def write(root, names=("a", "b")):
    for name in names:
        picture(root / "Imgs" / f"{name}.jpg", W, H)
        raster(root / "RDs" / f"{name}.png", STORED)


@pytest.mark.parametrize("below", ["", "ReDWeb_V1"])
def test_pairs_are_affine(tmp_path, below):
    write(tmp_path / below)
    found = records("redweb", tmp_path)
    assert [(record.id, record.scene) for record in found] == [("a", "a"), ("b", "b")]
    assert found[0].image == str(tmp_path / below / "Imgs/a.jpg")
    assert (found[0].label.kind, found[0].label.quantity) == ("affine", "disparity")
    assert found[0].camera is None


def test_what_is_stored_small_is_near_and_255_is_sky(tmp_path):
    stored = STORED.copy()
    stored[0, 0], stored[0, 1] = 0, 255
    write(tmp_path)
    raster(tmp_path / "RDs/a.png", stored)
    disparity = load_disparity(records("redweb", tmp_path)[0], (W, H))
    assert disparity[0, 0] == np.nanmax(disparity) == 1
    np.testing.assert_array_equal(np.isnan(disparity), stored == 255)
    valid = stored < 255
    np.testing.assert_allclose(disparity[valid], 1 - stored[valid] / 255, rtol=1e-6)


def test_no_depth_follows_from_it(tmp_path):
    write(tmp_path)
    with pytest.raises(DataError, match="disparity up to scale and shift"):
        load_depth(records("redweb", tmp_path)[0])


def test_other_pictures_are_refused_when_loaded(tmp_path):
    write(tmp_path)
    raster(tmp_path / "RDs/a.png", STORED.astype("u2"))
    with pytest.raises(DataError, match=r"a\.png: expected one 8-bit channel, found uint16"):
        load_disparity(records("redweb", tmp_path)[0])


def test_bad_input_is_named(tmp_path):
    with pytest.raises(DataError, match=r"Imgs: missing; expected ReDWeb's folders"):
        records("redweb", tmp_path)
    write(tmp_path)
    with pytest.raises(ConfigError, match="--split was given, but the layout redweb fixes it"):
        records("redweb", tmp_path, split="train")
    (tmp_path / "RDs/b.png").unlink()
    with pytest.raises(DataError, match=r"b\.jpg: its depth is missing"):
        records("redweb", tmp_path)
