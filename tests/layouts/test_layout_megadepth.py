"""MegaDepth: depth of landmarks in HDF5, ordinal maps left out."""

import numpy as np
import pytest
from pictures import hdf5, metres, picture, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth

W, H = 8, 6


def depth(seed=0):
    values = metres(H, W, seed)
    values[0] = 0
    return values


def write(root, landmark="0000", dense="dense0", names=("a_o", "b_o")):
    folder = root / "phoenix/S6/zl548/MegaDepth_v1" / landmark / dense
    for index, name in enumerate(names):
        picture(folder / "imgs" / f"{name}.jpg", W, H)
        hdf5(folder / "depths" / f"{name}.h5", depth=depth(index))
    return folder


def test_photos_of_all_reconstructions(tmp_path):
    folder = write(tmp_path)
    write(tmp_path, "0001", "dense1", ("c_o",))
    found = records("megadepth", tmp_path)
    assert [record.id for record in found] == ["0000/dense0/a_o", "0000/dense0/b_o", "0001/dense1/c_o"]
    assert [record.scene for record in found] == ["0000", "0000", "0001"]
    assert found[0].image == str(folder / "imgs/a_o.jpg")
    assert (found[0].label.kind, found[0].camera) == ("scaled", None)
    assert [r.id for r in records("megadepth", folder.parent)] == ["0000/dense0/a_o", "0000/dense0/b_o"]


def test_depth_is_what_was_put_in_and_0_is_none(tmp_path):
    write(tmp_path)
    for index, record in enumerate(records("megadepth", tmp_path)):
        found = load_depth(record, (W, H))
        assert np.isnan(found[0]).all()
        np.testing.assert_array_equal(found[1:], depth(index)[1:])


def test_ordinal_maps_are_left_out(tmp_path):
    folder = write(tmp_path)
    ordinal = np.zeros((H, W), "f4")
    ordinal[0], ordinal[1] = -1, 2
    hdf5(folder / "depths/a_o.h5", depth=ordinal)
    assert [record.id for record in records("megadepth", tmp_path)] == ["0000/dense0/b_o"]


def test_a_list_picks_photos(tmp_path):
    write(tmp_path)
    path = text(tmp_path / "val.txt", "0000/dense0/imgs/b_o.jpg\n")
    assert [record.id for record in records("megadepth", tmp_path, split=str(path))] == ["0000/dense0/b_o"]
    path.write_text("0000/dense0/imgs/b_o.jpg\n0000/dense0/imgs/z_o.jpg\n")
    with pytest.raises(DataError, match=r"val\.txt:2: 0000/dense0/imgs/z_o\.jpg is not in"):
        records("megadepth", tmp_path, split=str(path))


@pytest.mark.parametrize("name", ["imgs_MD.p", "nothing.txt"])
def test_pickled_and_missing_lists_are_refused(tmp_path, name):
    write(tmp_path)
    (tmp_path / "imgs_MD.p").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ConfigError, match="expected a text file with one image a line"):
        records("megadepth", tmp_path, split=str(tmp_path / name))


def test_bad_input_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no folder dense\*/imgs below it"):
        records("megadepth", tmp_path)
    folder = write(tmp_path)
    hdf5(folder / "depths/a_o.h5", other=depth())
    with pytest.raises(DataError, match=r"a_o\.h5: its data set depth cannot be read"):
        records("megadepth", tmp_path)
    (folder / "depths/a_o.h5").write_bytes(b"no HDF5")
    with pytest.raises(DataError, match=r"a_o\.h5: its data set depth cannot be read"):
        records("megadepth", tmp_path)
    (folder / "depths/a_o.h5").unlink()
    with pytest.raises(DataError, match=r"a_o\.jpg: its depth is missing"):
        records("megadepth", tmp_path)
