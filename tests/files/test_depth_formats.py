import errno
import json
import os

import numpy as np
import OpenEXR
import pytest
import tifffile
from depthmap_strategies import assert_same_description, depthmaps, metric, reload
from hypothesis import given, settings
from PIL import Image, PngImagePlugin

from onedepth.camera import Camera
from onedepth.depthmap import DepthMap
from onedepth.errors import DepthFileError, OneDepthError
from onedepth.files.depth_formats import FORMATS, options_of, read_depth, write_depth

FLOATS = ("a.npz", "a.exr", "a.tiff", "a.pfm")
READABLE = ("a.png", *FLOATS)


@pytest.mark.parametrize("name", FLOATS)
@given(depthmap=depthmaps())
@settings(max_examples=25, deadline=None)
def test_float_formats_give_back_exactly_what_was_saved(name, depthmap):
    found = reload(depthmap, name)
    assert_same_description(found, depthmap)
    np.testing.assert_array_equal(found.values, depthmap.values)


@pytest.mark.parametrize("name", READABLE)
def test_a_map_without_any_valid_pixel_survives(name):
    depthmap = DepthMap(np.zeros((3, 2), np.float32), "metric")
    assert_same_description(reload(depthmap, name), depthmap)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("older", [None, b"old"])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch, format, older):
    row = FORMATS[format]
    target = tmp_path / f"a{(row.suffixes or ('.png',))[0]}"
    if older:
        target.write_bytes(older)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OneDepthError, match="cannot be written"):
        write_depth(metric(30, 40), target, format)
    assert os.listdir(tmp_path) == ([target.name] if older else [])
    assert not older or target.read_bytes() == older


@pytest.mark.parametrize("format", FORMATS)
def test_a_missing_folder_is_named(tmp_path, format):
    with pytest.raises(OneDepthError, match="nowhere"):
        write_depth(metric(), tmp_path / "nowhere" / "a.png", format)


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_an_error_and_never_another_map(tmp_path, name, part):
    path = tmp_path / name
    metric(30, 40).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(DepthFileError, match=name) as caught:
        DepthMap.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("content", [b"", b"these are words, not depth\n" * 20])
def test_empty_and_renamed_files_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DepthFileError, match=name):
        DepthMap.load(path, "metric", "mm")


def foreign(path, values):
    """A raster as other programs write it: no metadata."""
    writers = {
        ".png": lambda: Image.fromarray(values.astype(np.uint16)).save(path),
        ".npz": lambda: np.savez(path, depth=values),
        ".exr": lambda: OpenEXR.File({}, {"Z": values.astype(np.float32)}).write(str(path)),
        ".tiff": lambda: tifffile.imwrite(path, values.astype(np.uint16)),
        ".pfm": lambda: path.write_bytes(
            b"Pf\n%d %d\n-1\n" % values.shape[::-1] + values[::-1].astype("<f4").tobytes()
        ),
    }
    writers[path.suffix]()


RAW = np.float32([[256, 512, 0], [128, 64, 1024]])


@pytest.mark.parametrize("name", READABLE)
def test_a_raster_without_metadata_needs_kind_and_scale(tmp_path, name):
    path = tmp_path / name
    foreign(path, RAW)
    for claims in ({}, {"kind": "metric"}, {"scale": "kitti"}):
        with pytest.raises(DepthFileError, match="pass kind="):
            DepthMap.load(path, **claims)
    camera = Camera.assumed(3, 2)
    depthmap = DepthMap.load(path, kind="metric", scale="kitti", camera=camera)
    np.testing.assert_array_equal(depthmap.depth, RAW / 256)
    np.testing.assert_array_equal(depthmap.valid, RAW > 0)
    assert depthmap.camera == camera
    assert DepthMap.load(path, kind="scaled", scale=2).kind == "scaled"
    for scale in ("furlong", 0, -1, float("nan")):
        with pytest.raises(DepthFileError, match="scale"):
            DepthMap.load(path, kind="metric", scale=scale)
    with pytest.raises(DepthFileError, match="kind"):
        DepthMap.load(path, kind="depth", scale=1)
    with pytest.raises(DepthFileError, match=name):
        DepthMap.load(path, kind="metric", scale=1, camera=Camera.assumed(2, 3))


@pytest.mark.parametrize("name", READABLE)
def test_what_the_caller_says_must_agree_with_the_file(tmp_path, name):
    path = tmp_path / name
    metric().save(path)
    scale = 1000 if name == "a.png" else 1
    assert DepthMap.load(path, kind="metric", scale=scale).kind == "metric"
    with pytest.raises(DepthFileError, match="says its kind is metric"):
        DepthMap.load(path, kind="scaled")
    with pytest.raises(DepthFileError, match="says its scale is"):
        DepthMap.load(path, scale="kitti")


@pytest.mark.parametrize("name", READABLE)
def test_the_callers_camera_is_used_only_where_the_file_has_none(tmp_path, name):
    path, other = tmp_path / name, Camera.from_fov(90, 6, 4)
    metric().save(path)
    assert DepthMap.load(path, camera=other).camera == metric().camera
    DepthMap(metric().values, "metric").save(path)
    assert DepthMap.load(path, camera=other).camera == other


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_eight_bit_pictures_are_refused_even_with_a_kind(tmp_path, channels, suffix):
    path = tmp_path / f"a{suffix}"
    shape = (4, 5) if channels == 1 else (4, 5, 3)
    Image.fromarray(np.full(shape, 77, np.uint8)).save(path)
    with pytest.raises(DepthFileError, match="8-bit picture"):
        DepthMap.load(path, kind="metric", scale=1)


def test_our_own_pictures_are_not_depth(tmp_path):
    path = tmp_path / "a.png"
    metric(70, 80).save(path, format="picture")
    with pytest.raises(DepthFileError, match="8-bit picture"):
        DepthMap.load(path)


def metadata_png(path, record):
    text = PngImagePlugin.PngInfo()
    text.add_text("onedepth", record if isinstance(record, str) else json.dumps(record))
    Image.fromarray(np.ones((2, 3), np.uint16)).save(path, pnginfo=text)


GOOD = {"onedepth": 1, "kind": "metric", "scale": 1000, "offset": 0, "camera": None, "source": None}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"onedepth": 2}, "upgrade"),
        ({"kind": "depth"}, "kind"),
        ({"scale": 0}, "scale"),
        ({"scale": "mm"}, "scale"),
        ({"scale": True}, "scale"),
        ({"offset": None}, "offset"),
        ({"source": 3}, "source"),
        ({"camera": {"width": 3}}, "camera"),
        ({"camera": [1]}, "camera"),
    ],
)
def test_damaged_or_newer_metadata_is_refused(tmp_path, change, word):
    path = tmp_path / "a.png"
    metadata_png(path, GOOD)
    np.testing.assert_allclose(DepthMap.load(path).depth, 0.001)
    metadata_png(path, GOOD | change)
    with pytest.raises(DepthFileError, match=word):
        DepthMap.load(path)


@pytest.mark.parametrize("text", ["{", "[1]", "null", ""])
def test_metadata_that_is_not_our_record_is_refused(tmp_path, text):
    metadata_png(tmp_path / "a.png", text)
    with pytest.raises(DepthFileError, match="metadata"):
        DepthMap.load(tmp_path / "a.png")


def test_formats_are_chosen_by_suffix_or_by_name(tmp_path):
    for name, row in FORMATS.items():
        for suffix in row.suffixes:
            metric(30, 40).save(tmp_path / f"{name}{suffix.upper()}")
    metric().save(tmp_path / "depth.bin", format="npz")
    assert read_depth(tmp_path / "depth.bin", format="npz").kind == "metric"
    with pytest.raises(DepthFileError, match=r"'\.bin' names no depth format"):
        DepthMap.load(tmp_path / "depth.bin")
    with pytest.raises(DepthFileError, match="expected one of png16"):
        metric().save(tmp_path / "a.png", format="png")
    with pytest.raises(DepthFileError, match="format='picture'"):
        metric().save(tmp_path / "a.jpg")
    with pytest.raises(DepthFileError, match="written only"):
        DepthMap.load(tmp_path / "ply.PLY")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.npz", {"bogus": 1}, r"a\.npz: npz has no option 'bogus'; its options: none$"),
        ("a.glb", {"bogus": 1}, r"no option .bogus.; its options: image, max_vertices, edge, grazing$"),
        (
            "a.png",
            {"colormap": "magma"},
            r"png16 has no option 'colormap'; its options: scale \(colormap belongs to format='picture'\)$",
        ),
        ("a.ply", {"scale": "mm"}, r"ply has no option 'scale'.*belongs to format='png16'"),
        ("a.png", {"scale": 10**400}, "scale: found"),
        ("a.png", {"scale": [1]}, "scale: found"),
        ("a.ply", {"image": 5}, "image: found"),
        ("a.glb", {"image": "photo.jpg"}, "image: found"),
        ("a.ply", {"max_vertices": "many"}, "max_vertices must be a whole number, found 'many'"),
        ("a.glb", {"max_vertices": 2.5}, "max_vertices must be a whole number"),
        ("a.glb", {"edge": "sharp"}, "edge must be a number, found 'sharp'"),
        ("a.png", {"format": "picture", "colormap": ["magma"]}, "colormap: found"),
        ("a.png", {"format": "picture", "limits": 5}, "limits: found 5"),
        ("a.png", {"format": "picture", "limits": (1, 2, 3)}, "limits: found"),
        ("a.png", {"format": "picture", "limits": ("a", 3)}, "limits must be a number, found 'a'"),
        ("a.png", {"format": ["png16"]}, "format: found"),
    ],
)
def test_options_that_a_writer_cannot_use_are_refused_in_one_line(tmp_path, name, options, message):
    with pytest.raises(OneDepthError, match=message) as caught:
        metric(30, 40).save(tmp_path / name, **options)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_options_are_named_as_the_writers_take_them():
    assert {name: options_of(name) for name in FORMATS if options_of(name)} == {
        "png16": ("scale",),
        "ply": ("image", "max_vertices"),
        "glb": ("image", "max_vertices", "edge", "grazing"),
        "picture": ("colormap", "bar", "limits"),
    }


@pytest.mark.parametrize("path", [5, None, b"a.npz", "a\0.npz"])
def test_what_names_no_file_is_refused(path):
    with pytest.raises(DepthFileError, match="path: found"):
        metric().save(path)
    with pytest.raises(DepthFileError, match="path: found"):
        DepthMap.load(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DepthFileError, match=r"gone\.png: no such file"):
        DepthMap.load(tmp_path / "gone.png")
    (tmp_path / "folder.exr").mkdir()
    with pytest.raises(DepthFileError, match="is a folder"):
        DepthMap.load(tmp_path / "folder.exr")


def test_endings_of_all_formats_fit_in_one_folder():
    endings = [row.ending for row in FORMATS.values()]
    assert len(set(endings)) == len(FORMATS)
