"""Middlebury: .pfm with calib.txt, and the 8-bit disparities of 2005 and 2006."""

import numpy as np
import pytest
from pictures import picture, raster, records, text

from onedepth.errors import ConfigError, DataError
from onedepth.manifest.labels import load_depth, load_disparity

W, H = 12, 8
FOCAL, BASELINE, DOFFS = 3979.911, 193.001, 124.343


def write_pfm(path, values):
    """Rows from the bottom up, little-endian."""
    path.write_bytes(
        f"Pf\n{values.shape[1]} {values.shape[0]}\n-1\n".encode() + values[::-1].astype("<f4").tobytes()
    )


def disparity(seed=0):
    values = np.random.default_rng(seed).uniform(30, 250, (H, W)).astype("f4")
    values[0, :3] = np.inf
    return values


def write(root, scene="Adirondack-perfect", *, name="disp0.pfm", calib=""):
    folder = root / scene
    for view in (0, 1):
        picture(folder / f"im{view}.png", W, H)
    text(
        folder / "calib.txt",
        calib
        or f"cam0=[{FOCAL} 0 5.5; 0 {FOCAL} 3.25; 0 0 1]\n"
        f"cam1=[{FOCAL} 0 {5.5 + DOFFS}; 0 {FOCAL} 3.25; 0 0 1]\n"
        f"doffs={DOFFS}\nbaseline={BASELINE}\nwidth={W}\nheight={H}\nndisp=270\nisint=0\nvmin=23\nvmax=245\n",
    )
    if name:
        write_pfm(folder / name, disparity())
    return folder


def expected_metres():
    return np.where(np.isfinite(disparity()), BASELINE / 1000 * FOCAL / (disparity() + DOFFS), np.nan)


@pytest.mark.parametrize("name", ["disp0.pfm", "disp0GT.pfm"])
def test_disparity_becomes_metres(tmp_path, name):
    write(tmp_path, name=name)
    (record,) = records("middlebury", tmp_path)
    assert (record.label.kind, record.label.quantity, record.label.encoding) == ("metric", "disparity", "pfm")
    np.testing.assert_allclose(load_depth(record, (W, H)), expected_metres(), rtol=1e-5)


def test_views_and_camera_of_a_scene(tmp_path):
    folder = write(tmp_path / "all" / "data")
    (record,) = records("middlebury", tmp_path)
    assert record.id == "all/data/Adirondack-perfect"
    assert (record.image, record.right) == (str(folder / "im0.png"), str(folder / "im1.png"))
    assert record.baseline == pytest.approx(0.193001)
    assert (record.camera.size, record.camera.fx) == ((W, H), FOCAL)
    assert (record.camera.cx, record.camera.cy) == (6.0, 3.75)


def test_both_rectifications_are_one_scene(tmp_path):
    for scene in ("Adirondack-perfect", "Adirondack-imperfect", "Bicycle1"):
        write(tmp_path, scene)
    assert [record.scene for record in records("middlebury", tmp_path)] == [
        "Adirondack",
        "Adirondack",
        "Bicycle1",
    ]


def test_the_benchmark_s_test_set_has_no_labels(tmp_path):
    write(tmp_path, "testF/Australia", name="")
    (record,) = records("middlebury", tmp_path / "testF")
    assert (record.id, record.label) == ("Australia", None)


@pytest.mark.parametrize(
    ("calib", "message"),
    [
        ("cam0=[1 0 0; 0 1 0; 0 0 1]\ndoffs=0\n", r"calib\.txt: field 'baseline' is missing"),
        ("cam0=[1 0 0; 0 1 0]\ndoffs=0\nbaseline=1\n", r"calib\.txt: field 'cam0' must be 9 numbers"),
        (
            "cam0=[1 0 0; 0 1 0; 0 0 1]\ndoffs=0\nbaseline=0\n",
            r"calib\.txt: baseline is 0, expected millimetres",
        ),
        ("cam0=[0 0 0; 0 1 0; 0 0 1]\ndoffs=0\nbaseline=1\n", r"calib\.txt: focal length must be > 0"),
    ],
)
def test_a_damaged_calibration_is_named(tmp_path, calib, message):
    write(tmp_path, calib=calib)
    with pytest.raises(DataError, match=message):
        records("middlebury", tmp_path)


def test_a_missing_view_is_named(tmp_path):
    (write(tmp_path) / "im1.png").unlink()
    with pytest.raises(DataError, match=r"im1\.png: missing; expected the right view"):
        records("middlebury", tmp_path)


STEPS = np.random.default_rng(3).integers(1, 250, (H, W)).astype("u1")


def write_2006(root, size="FullSize", *, many=False, dmin="270\n"):
    folder = root / size / "Aloe"
    steps = STEPS.copy()
    steps[0, :4] = 0
    raster(folder / "disp1.png", steps)
    for view in (1, 5):
        for home in [folder / "Illum1/Exp0", folder / "Illum2/Exp1"] if many else [folder]:
            picture(home / f"view{view}.png", W, H)
    if dmin:
        text(folder / "dmin.txt", dmin)
    return folder


def test_2006_in_full_size_is_metric(tmp_path):
    folder = write_2006(tmp_path)
    (record,) = records("middlebury", tmp_path)
    depth = load_depth(record, (W, H))
    assert np.isnan(depth[0, :4]).all()
    expected = 0.16 * 3740 / (STEPS[1:].astype(float) + 270)
    np.testing.assert_allclose(depth[1:], expected, rtol=1e-6)
    assert record.camera.fx == 3740
    assert (record.right, record.baseline) == (str(folder / "view5.png"), 0.16)


@pytest.mark.parametrize(("size", "factor"), [("HalfSize", 2), ("ThirdSize", 3)])
def test_2006_in_smaller_sizes_is_affine_unless_claimed(tmp_path, size, factor):
    write_2006(tmp_path, size, dmin="90")
    (record,) = records("middlebury", tmp_path)
    assert record.label.kind == "affine"
    assert record.camera.fx == pytest.approx(3740 / factor)
    np.testing.assert_allclose(load_disparity(record)[1:], STEPS[1:] / 255, rtol=1e-6)
    (record,) = records("middlebury", tmp_path, kind="metric")
    expected = 0.16 * (3740 / factor) / (STEPS[1:].astype(float) / factor + 90)
    np.testing.assert_allclose(load_depth(record)[1:], expected, rtol=1e-6)


def test_every_lighting_of_2006_is_listed_as_one_scene(tmp_path):
    write_2006(tmp_path, many=True)
    found = records("middlebury", tmp_path)
    assert [r.id for r in found] == [f"FullSize/Aloe/{name}/view1" for name in ("Illum1/Exp0", "Illum2/Exp1")]
    assert {record.scene for record in found} == {"Aloe"}


def test_the_size_follows_from_the_height(tmp_path):
    folder = write_2006(tmp_path, "some")
    with pytest.raises(DataError, match=r"view1\.png: is 8 pixels high, expected 1110, 555 or 370"):
        records("middlebury", tmp_path)
    picture(folder / "view1.png", 2, 555)
    assert records("middlebury", tmp_path)[0].camera.fx == 1870


def test_2006_names_what_is_missing(tmp_path):
    folder = write_2006(tmp_path, dmin="")
    with pytest.raises(DataError, match=r"dmin\.txt: missing"):
        records("middlebury", tmp_path)
    assert records("middlebury", tmp_path, kind="affine")[0].label.kind == "affine"
    text(folder / "dmin.txt", "1 2")
    with pytest.raises(DataError, match=r"dmin\.txt: expected one number"):
        records("middlebury", tmp_path)
    (folder / "view1.png").unlink()
    with pytest.raises(DataError, match=r"Aloe: no view1\.png"):
        records("middlebury", tmp_path)


def test_what_is_no_middlebury_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no scene with calib\.txt, or with disp1\.png"):
        records("middlebury", tmp_path)
    with pytest.raises(ConfigError, match="--kind is 'scaled'"):
        records("middlebury", tmp_path, kind="scaled")
