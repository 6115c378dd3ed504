"""`onedepth measure` and `onedepth error-table` from the command line."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scenes import camera, plane_depth, room, with_box
from typer.testing import CliRunner

from onedepth.apps.cli._app import app
from onedepth.apps.cli._pixel_options import join_pixels
from onedepth.depthmap import DepthMap
from onedepth.evaluate.depth_errors import LIMITS, tabulate, write_errors
from onedepth.measure import Ruler
from onedepth.predict import load
from onedepth.predict.depth_errors import ErrorRange


def run(*words):
    result = CliRunner().invoke(app, ["measure", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def depth_file(tmp_path):
    with_box(room()).save(tmp_path / "room.npz")
    return tmp_path / "room.npz"


def test_pixels_behind_an_option_become_its_value():
    assert join_pixels(["a.jpg", "--points", "1,2", "3,4", "5,6", "7,8"]) == [
        *("a.jpg", "--points"),
        "1,2 3,4 5,6 7,8",
    ]
    assert join_pixels(["--known", "0.3", "1,2", "3,4", "a.jpg"]) == ["--known", "0.3 1,2 3,4", "a.jpg"]
    assert join_pixels(["--points", "1,2 3,4", "a.jpg"]) == ["--points", "1,2 3,4", "a.jpg"]
    assert join_pixels(["--height", "--json"]) == ["--height", "--json"]
    assert join_pixels(["--points=1,2", "3,4", "a.jpg"]) == ["--points", "1,2 3,4", "a.jpg"]
    assert join_pixels(["--known=0.3", "1,2", "3,4", "a.jpg"]) == ["--known", "0.3 1,2 3,4", "a.jpg"]


def test_a_depth_file_is_measured_like_by_hand(depth_file):
    ruler = Ruler(DepthMap.load(depth_file))
    a, b, c, d, top = (20, 110), (120, 100), (30, 30), (130, 20), (80, 84)
    pairs = ["20,110", "120,100", "30,30", "130,20"]
    code, out, _ = run(depth_file, "--points", *pairs, "--height", "80,84", "--json")
    found = json.loads(out)
    assert code == 0
    assert [row["metres"] for row in found["distances"]] == [
        ruler.distance(a, b).metres,
        ruler.distance(c, d).metres,
    ]
    assert found["distances"][0]["uncertainty"] == ruler.distance(a, b).uncertainty
    assert found["heights"][0]["metres"] == pytest.approx(ruler.height(top).metres)
    assert found["floor"]["offset"] == pytest.approx(1.5, rel=1e-3)
    code, out, _ = run(depth_file, "--points", *pairs, "--height", "80,84")
    assert code == 0
    assert f"20,110 to 120,100: {ruler.distance(a, b)}" in out
    assert "80,84 above the floor:" in out
    assert "floor: 1.50 m below the camera" in out


def test_a_known_length_is_saved_and_used_later(depth_file, tmp_path):
    saved = tmp_path / "calibrated.npz"
    code, out, _ = run(depth_file, "--known", "2.5", "20,110", "120,100", "--save", saved)
    assert code == 0
    assert "calibrated: 2.5 m from 20,110 to 120,100" in out
    assert f"saved: {saved}" in out
    code, out, _ = run(saved, "--points", "20,110", "120,100", "--json")
    found = json.loads(out)
    assert found["distances"][0]["metres"] == pytest.approx(2.5, rel=1e-5)
    assert found["calibration"]["length"] == 2.5


def test_a_photo_is_predicted_and_its_focal_length_given(tiny_model, tmp_path):
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(90, 110, (48, 64, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    words = ["--points", "10,10", "50,40", "--model", tiny_model, "--json", "--focal", "80"]
    code, out, err = run(tmp_path / "a.png", *words)
    assert code == 0, err
    found = json.loads(out)
    assert found["focal"] == 80
    assert found["distances"][0]["parts"]["focal"] == 0  # given, so exact
    code, out, err = run(tmp_path / "a.png", *words[:-2])
    found = json.loads(out)
    assert found["focal_source"] == "assumed"
    assert "default" in found["depth_errors"]
    code, _, err = run(tmp_path / "a.png", *words, "--sensor")
    assert (code, "--sensor" in err) == (2, True)


def test_depth_of_a_sensor_is_surer_than_that_of_a_model(depth_file):
    words = [depth_file, "--points", "20,110", "120,100", "--json"]
    model, sensor = (json.loads(run(*words, *more)[1])["distances"][0] for more in ([], ["--sensor"]))
    assert sensor["metres"] == model["metres"]
    assert sensor["uncertainty"] < 0.3 * model["uncertainty"]


def test_a_saved_map_is_not_replaced_unless_told_nor_of_a_kind_that_cannot_be_measured(depth_file, tmp_path):
    saved = tmp_path / "mine.npz"
    words = [depth_file, "--known", "2.5", "20,110", "120,100", "--save"]
    saved.write_text("mine")
    code, _, err = run(*words, saved)
    assert (code, saved.read_text()) == (2, "mine")
    assert "mine.npz: exists" in err
    assert run(*words, saved, "--overwrite")[0] == 0
    assert DepthMap.load(saved).calibration.length == 2.5
    code, _, err = run(*words, tmp_path / "a.ply")
    assert (code, ".npz" in err, (tmp_path / "a.ply").exists()) == (2, True, False)


def test_depth_of_another_program_is_never_taken_for_a_photo(tmp_path, tiny_model):
    steps = np.full((48, 64), 10_000, np.uint16)
    file = tmp_path / "kinect.png"
    Image.fromarray(steps).save(file)
    words = ["--points", "10,24", "50,24", "--focal", "80", "--model", tiny_model]
    code, _, err = run(file, *words)
    assert (code, "--depth-scale" in err) == (2, True)
    for scale, metres in (("tum", 1.0), ("4000", 1.25)):
        code, out, err = run(file, *words, "--sensor", "--depth-scale", scale, "--json")
        assert code == 0, err
        assert json.loads(out)["distances"][0]["metres"] == pytest.approx(metres)
    code, _, err = run(file, *words, "--depth-scale", "furlong")
    assert (code, "furlong" in err) == (2, True)


def test_depth_of_a_model_is_not_measured_with_another_focal_length(depth_file):
    words = [depth_file, "--points", "20,110", "120,100"]
    own = DepthMap.load(depth_file).camera.focal
    code, _, err = run(*words, "--focal", 2 * own)
    assert (code, "predict the photo again" in err) == (2, True)
    assert run(*words, "--focal", own)[0] == 0
    assert run(*words, "--focal", 2 * own, "--sensor")[0] == 0


def test_a_floor_seen_from_above_is_doubted(tmp_path):
    cam = camera(focal=60.0)
    for degrees, doubted in ((20, False), (50, True)):
        tilt = np.radians(degrees)
        floor = plane_depth(cam, (0, -np.cos(tilt), -np.sin(tilt)), 1.5).astype(np.float32)
        DepthMap(floor, "metric", cam).save(tmp_path / f"{degrees}.npz")
        code, out, _ = run(tmp_path / f"{degrees}.npz", "--height", "80,100")
        assert code == 0
        assert f"floor: 1.50 m below the camera, tilted by {degrees}°" in out
        assert ("note: a floor that steep" in out) is doubted


def test_parts_are_told_to_the_digits_that_matter(depth_file):
    _, out, _ = run(depth_file, "--points", "20,110", "120,100")
    line = out.splitlines()[0]
    length, parts = line.split("(")
    decimals = len(length.split("±")[1].split()[0].partition(".")[2])
    numbers = [word.rstrip(",)") for word in parts.split()[1::2]]
    assert [len(number.partition(".")[2]) for number in numbers] == [decimals + 1] * 4
    assert "e-" not in parts


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to measure"),
        (["--points", "1,2"], "found 1 pixel, expected two for each length"),
        (["--points", "10", "20", "30", "40"], "with commas, 10,20"),
        (["--known", "0.3", "10", "20", "30", "40"], "with commas, 10,20"),
        (["--points", "-5,2", "3,4"], "pixel -5,2 lies outside"),
        (["--points", "1,2", "3,4", "5,6"], "found 3 pixels"),
        (["--points", "1.5,2", "3,4"], "whole numbers"),
        (["--points", "a"], "column,row"),
        (["--points", "500,2", "3,4"], "outside"),
        (["--height", "500,2"], "outside"),
        (["--known", "0", "1,2", "3,4"], "expected metres and two pixels"),
        (["--known", "1", "1,2"], "expected metres and two pixels"),
    ],
)
def test_what_cannot_be_measured_is_one_line(depth_file, words, message):
    code, _, err = run(depth_file, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_table_is_written_into_a_model_file_and_used_from_there(tiny_model, tmp_path):
    model = tmp_path / "tiny.onnx"
    shutil.copy(tiny_model, model)
    table = (ErrorRange(0.0, 2.0, 0.05, 0.02), ErrorRange(2.0, 9.0, 0.1, 0.03))
    image = np.full((48, 64, 3), 100, np.uint8)
    before = load(model, "cpu").predict(image).depth
    assert write_errors(model, table).depth_errors == table
    predictor = load(model, "cpu")
    assert predictor.info.depth_errors == table
    np.testing.assert_array_equal(predictor.predict(image).depth, before)
    Image.fromarray(image).save(tmp_path / "a.png")
    code, out, _ = run(tmp_path / "a.png", "--points", "5,5", "60,40", "--model", model)
    assert code == 0
    assert f"depth errors: measured for {predictor.info.title}" in out
    from onedepth.errors import ModelFileError

    model.write_bytes(b"no model")
    with pytest.raises(ModelFileError, match=r"tiny\.onnx"):
        write_errors(model, table)


def test_the_table_says_what_the_errors_were():
    draw = np.random.default_rng(1)
    rows = []
    for image in range(400):
        depth = draw.uniform(0.5, 7.9, 500)
        common = draw.normal(0, 0.1)
        local = draw.normal(0, np.where(depth < 4, 0.05, 0.2))
        rows.append(np.stack([np.full(500, image), depth, np.full(500, common), local], 1))
    table = tabulate(np.concatenate(rows))
    assert [row.near for row in table] == [0, *LIMITS[1:6]]
    for row in table:
        assert row.common == pytest.approx(0.1, rel=0.1)
        assert row.local == pytest.approx(0.05 if row.far <= 4 else 0.2, rel=0.05)
    few = np.concatenate([rows[0], *[row[row[:, 1] > 3] for row in rows[1:20]]])
    assert tabulate(few)[0][:2] == (0.0, 4.0)  # too few images below 3 m: joined


@pytest.mark.shared_data
def test_a_table_measured_on_real_frames(shared_folder, tmp_path):
    from onedepth.predict.modelfile import find_model

    model = tmp_path / "m.onnx"
    shutil.copy(find_model(), model)
    words = ["error-table", model, "--data", f"{shared_folder / 'data/nyu_v2/train'}:2:40", "--write"]
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.output
    table = load(model, "cpu").info.depth_errors
    assert all(0.02 < row.common < 0.4 and 0.02 < row.local < 0.4 for row in table)


@pytest.mark.shared_data
@pytest.mark.parametrize("where", ["middlebury_2014/training", "tum_rgbd", "kitti/odometry_04"])
def test_lengths_in_real_frames_agree_with_true_depth_as_often_as_they_say(shared_folder, where):
    from onedepth.manifest.labels import load_depth
    from onedepth.manifest.manifest import open_records
    from onedepth.manifest.pixels import load_image

    predictor, draw, within = load(device="cpu", threads=1), np.random.default_rng(0), []
    records = open_records(str(shared_folder / "data" / where))
    for index in range(0, len(records), max(1, len(records) // 8)):
        record = records[index]
        truth = np.nan_to_num(np.asarray(load_depth(record), np.float32))
        true = Ruler(DepthMap(truth, "metric", record.camera))
        guess = Ruler(predictor.predict(load_image(record.image), record.camera))
        at = np.argwhere(true.usable & guess.usable)[:, ::-1]
        for a, b in draw.choice(at, (60, 2)).tolist():
            if a != b:
                found = guess.distance(tuple(a), tuple(b))
                within.append(
                    abs(found.metres - true.distance(tuple(a), tuple(b)).metres) / found.uncertainty
                )
    assert np.mean(np.array(within) < 1) > 0.4  # 0.68 of a normal distribution
    assert np.mean(np.array(within) < 2) > 0.75  # 0.95
    assert np.median(within) > 0.1  # and the uncertainty is no mere shrug


@pytest.mark.shared_data
def test_one_known_length_gives_those_of_a_castle_without_metres(shared_folder):
    """Structure from motion knows lengths up to a factor: one is told, the others are compared with it."""
    from onedepth.manifest.labels import load_depth
    from onedepth.manifest.manifest import open_records
    from onedepth.manifest.pixels import load_image
    from onedepth.measure import calibrate

    predictor, draw, wrong, within = load(device="cpu", threads=1), np.random.default_rng(0), [], []
    records = open_records(str(shared_folder / "data/sfm/sceaux_castle"))
    for index in range(0, len(records), 3):
        record = records[index]
        truth = np.nan_to_num(np.asarray(load_depth(record), np.float32))
        true = Ruler(DepthMap(truth, "metric", record.camera))
        guess = Ruler(predictor.predict(load_image(record.image), record.camera))
        at = [tuple(pixel) for pixel in draw.choice(np.argwhere(true.usable & guess.usable)[:, ::-1], 40)]
        at = [(int(column), int(row)) for column, row in at]
        a, b = max(zip(at[::2], at[1::2], strict=True), key=lambda pair: abs(pair[0][0] - pair[1][0]))
        ruler = Ruler(calibrate(guess.depthmap, true.distance(a, b).metres, a, b))
        for c, d in zip(at[::2], at[1::2], strict=True):
            if c != d and (c, d) != (a, b):
                found, metres = ruler.distance(c, d), true.distance(c, d).metres
                wrong.append(abs(found.metres / metres - 1))
                within.append(abs(found.metres - metres) / found.uncertainty)
    assert np.median(wrong) < 0.45
    assert np.mean(np.array(within) < 2) > 0.75


@pytest.mark.shared_data
def test_true_depth_of_rooms_has_a_floor(shared_folder):
    from onedepth.manifest.labels import load_depth
    from onedepth.manifest.manifest import open_records

    records = open_records(str(shared_folder / "data/kitti/odometry_04"))
    record = records[10]
    truth = np.nan_to_num(np.asarray(load_depth(record), np.float32))
    road = Ruler(DepthMap(truth, "metric", record.camera)).floor
    assert road.offset == pytest.approx(1.65, abs=0.1)  # height of KITTI's cameras above the road
    assert road.tilt < 3
