"""Protocols are data: complete, strict, and right about the windows that their authors gave."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from eval_cases import protocol

from onedepth.errors import ConfigError
from onedepth.evaluate.crops import Crop, window_of
from onedepth.evaluate.protocol import Protocol, accepted, load_protocol, protocol_names
from onedepth.evaluate.strict import parse

PUBLISHED = {
    "midas-eth3d": (454, 72, "abs_rel"),
    "midas-sintel": (1064, 72, "abs_rel"),
    "midas-kitti": (161, 80, "bad_1.25"),
    "midas-nyu": (654, 10, "bad_1.25"),
    "midas-tum": (1815, 10, "bad_1.25"),
    "nyu-eigen": (654, 10, "abs_rel"),
    "kitti-eigen-garg": (697, 80, "abs_rel"),
    "kitti-eigen-garg-improved": (652, 80, "abs_rel"),
    "kitti-eigen": (697, 80, "abs_rel"),
    "monodepth2-median": (697, 80, "abs_rel"),
    "kitti-benchmark": (1000, 256, "silog"),
}


@pytest.mark.parametrize("name", protocol_names())
def test_a_shipped_protocol_is_whole_and_says_where_it_is_from(name: str) -> None:
    loaded = load_protocol(name)
    assert loaded.name == name
    assert len(loaded.source) > 10
    assert [kind for kind in loaded.outputs if accepted(loaded, kind)] == list(loaded.outputs)


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_caps_and_leading_metric_are_the_published_ones(name: str) -> None:
    loaded = load_protocol(name)
    assert (loaded.images, loaded.range.cap, loaded.metrics[0]) == PUBLISHED[name]


def test_midas_aligns_in_disparity_and_metric3d_in_depth() -> None:
    for name in protocol_names():
        spaces = {a.space for a in load_protocol(name).alignments}
        if name.startswith(("midas", "mdec")):
            assert spaces == {"disparity"}
        if name.startswith("metric3d"):
            assert spaces == {"depth"}


def _file(tmp_path: Path, **changes: Any) -> str:
    values = load_protocol("nyu-eigen").model_dump(mode="json") | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value != "left out"}))
    return str(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"croop": []}, r"croop: unknown key; did you mean 'crop'\?"),
        ({"range": {"floor": 0, "cap": 10, "ends": "open", "flor": 1}}, r"range\.flor: .* mean 'floor'"),
        ({"average": "left out"}, r"average: is missing"),
        ({"metrics": ["abs_rell"]}, r"'abs_rell' is unknown; did you mean 'abs_rel'"),
        ({"metrics": ["rmse", "rmse"]}, r"names one twice"),
        ({"alignments": [{"name": "mediane", "space": "depth"}]}, r"'mediane' is unknown; did .* 'median'"),
        ({"alignments": [{"name": "median", "space": "disparity"}]}, r"is done in depth, not in disparity"),
        ({"alignments": [{"name": "median"}]}, r"alignments\.0\.space: is missing"),
        ({"range": {"floor": 10, "cap": 10, "ends": "open"}}, r"floor 10 is not below cap 10"),
        ({"average": "pixel", "metrics": ["silog"]}, r"'silog' cannot be averaged over pixels"),
        ({"outputs": ["disparity"]}, r"outputs\.0"),
        ({"clamp": "left out", "resize": "left out"}, r"clamp: is missing.*; resize: is missing"),
        ({"crop": [{"rows": [4, 2], "of": "pixels", "rounding": "nearest"}]}, r"\[4\.0, 2\.0\] is empty"),
        ({"crop": [{"rows": [0, 2], "of": "pixels"}]}, r"rounding: is missing"),
    ],
)  # fmt: skip
def test_a_wrong_protocol_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_protocol(_file(tmp_path, **changes))
    assert str(caught.value).startswith(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(caught.value)


def test_a_file_of_ones_own_loads_like_a_shipped_one(tmp_path: Path) -> None:
    assert load_protocol(_file(tmp_path, name="mine")).crop == load_protocol("nyu-eigen").crop


def test_an_unknown_name_brings_the_nearest_and_a_missing_file_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*nyu-eigen"):
        load_protocol("nyu-eigan")
    with pytest.raises(ConfigError, match=r"no\.yaml: no such file"):
        load_protocol(str(tmp_path / "no.yaml"))


def test_a_metric_in_3d_makes_the_camera_required() -> None:
    with pytest.raises(ValueError, match="needs a camera"):
        protocol("midas-nyu", metrics=["chamfer"])
    with pytest.raises(ValueError, match="needs planes, which no manifest holds"):
        protocol(camera="required", metrics=["pe_plan"])


def test_disparity_is_refused_by_every_alignment_in_depth() -> None:
    for name in protocol_names():
        loaded = load_protocol(name)
        if all(a.space == "depth" for a in loaded.alignments):
            with pytest.raises(ConfigError, match="never treated as one"):
                accepted(loaded, "affine_disparity")
        else:
            assert accepted(loaded, "affine_disparity")


def test_a_scaled_map_takes_part_only_where_its_factor_is_found() -> None:
    assert accepted(load_protocol("nyu-eigen"), "scaled") == ["median"]
    with pytest.raises(ConfigError, match="alignment that finds the factor"):
        accepted(load_protocol("metric3d-metric-nyu"), "scaled")


def _window(name: str, width: int, height: int) -> tuple[int, ...]:
    return window_of(load_protocol(name).crop, height, width)


def test_windows_are_those_of_the_published_code() -> None:
    """Garg on 375x1242 is monodepth2's [153:371, 44:1197]; Eigen's crop is AdaBins' [124:342, 44:1197]."""
    assert _window("nyu-eigen", 640, 480) == (45, 471, 41, 601)
    assert _window("kitti-eigen-garg", 1242, 375) == (153, 371, 44, 1197)
    assert _window("kitti-eigen", 1242, 375) == (124, 342, 44, 1197)
    assert _window("metric3d-metric-kitti", 1242, 375) == (124, 342, 43 + 41, 43 + 1112)
    assert _window("kitti-odometry", 1226, 370) == (0, 370, 0, 1226)


def test_the_eigen_crop_in_stored_coordinates() -> None:
    """Rows 45:471 less 8 are 22.9:286.4 of 287; columns 41:601 less 10 are 19.2:366.0 of 384."""
    assert _window("nyu-eigen-stored", 384, 287) == (23, 286, 19, 366)
    assert _window("nyu-eigen-stored", 620, 464) == (37, 463, 31, 591)


def test_a_crop_of_another_raster_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(ConfigError, match="raster of 640x480, the frame is 384x287; say in `stored`"):
        _window("nyu-eigen", 384, 287)
    with pytest.raises(ConfigError, match="do not fit a frame of 600x375"):
        _window("metric3d-metric-kitti", 600, 375)


def test_crops_are_applied_one_to_what_the_other_left() -> None:
    half = Crop(rows=(0.5, 1), columns=(0, 0.5), of="fractions", rounding="nearest")
    assert window_of((half, half), 100, 200) == (75, 100, 0, 50)


def test_a_protocol_never_changes() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_protocol("nyu-eigen").clamp = False  # type: ignore[misc]
    assert Protocol.model_validate(load_protocol("nyu-eigen").model_dump()) == load_protocol("nyu-eigen")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": None}, r"crop: expected a list, \[\] for none, found nothing"),
        ({"average": "images"}, "average: expected one of 'image', 'pixel' or 'scene', found 'images'"),
        ({"images": 0}, "images: .* found 0"),
    ],
)
def test_a_wrong_value_is_shown_beside_what_was_expected(changes: dict[str, object], message: str) -> None:
    values = load_protocol("tum").model_dump(mode="json") | changes
    with pytest.raises(ConfigError, match=message):
        parse(Protocol, values, "mine.yaml")
