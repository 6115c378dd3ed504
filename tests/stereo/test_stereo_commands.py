"""`onedepth data from-stereo` and `from-video` through the command line."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from stereo_cases import HEIGHT, WIDTH, barred, beside, moved_rows, pair, write_film
from typer.testing import CliRunner

from onedepth.apps.cli import app
from onedepth.camera import Camera
from onedepth.distortion import RadialTangential
from onedepth.files.cameras import write_camera
from onedepth.manifest.labels import load_depth, load_disparity
from onedepth.manifest.manifest import open_manifest
from onedepth.manifest.pixels import load_image

GOOD = pair()


class Run:
    def __init__(self, command, *arguments):
        result = CliRunner().invoke(app, ["data", command, *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr
        self.errors = [line for line in self.err.splitlines() if line.startswith("error: ")]


@pytest.fixture
def folders(tmp_path):
    """left/ and right/ with one good pair, and a function that adds others."""

    def add(name, left, right):
        for side, view in (("left", left), ("right", right)):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(view).save(tmp_path / side / f"{name}.png")

    add("good", *GOOD[:2])
    return tmp_path / "left", tmp_path / "right", tmp_path / "out", add


def rows(out):
    with (out / "rejected.csv").open() as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def records(out):
    return list(open_manifest(out / "manifest.jsonl"))


# Pairs


def test_a_pair_becomes_a_record_that_onedepth_reads(folders):
    left, right, out, _ = folders
    run = Run(
        "from-stereo", left, right, "-o", out, "--licence", "CC0", "--scene", "desk", "--split", "train"
    )
    assert (run.code, run.errors) == (0, [])
    assert "1 of 1 pairs labelled" in run.out
    (record,) = records(out)
    assert (record.id, record.scene, record.split, record.licence) == ("good", "desk", "train", "CC0")
    assert (record.image, record.right) == (str(left / "good.png"), str(right / "good.png"))
    assert (record.label.kind, record.label.encoding, record.label.quantity) == (
        "affine",
        "png16",
        "disparity",
    )
    found = load_disparity(record)
    known = np.isfinite(found)
    assert 0.75 < known.mean() < 1
    assert np.median(np.abs(found - GOOD[2])[known]) < 0.5
    stored = np.asarray(Image.open(out / "labels/good.png"))
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored == 0, ~known)
    assert stored[known].min() == 1
    assert stored.max() == 65535
    line = json.loads((out / "manifest.jsonl").read_text())
    assert line["label"]["file"] == "labels/good.png"  # relative: the folder can be moved


def test_a_calibrated_pair_becomes_metres(folders, tmp_path):
    left, right, out, _ = folders
    camera = Camera(width=WIDTH, height=HEIGHT, fx=250, fy=250, cx=160, cy=96)
    write_camera(camera, tmp_path / "camera.json")
    calibration = ("--camera", tmp_path / "camera.json", "--baseline", 0.2, "--offset", 1)
    assert Run("from-stereo", left, right, "-o", out, *calibration).code == 0
    (record,) = records(out)
    assert (record.label.kind, record.label.quantity, record.baseline) == ("metric", "disparity", 0.2)
    assert record.camera.fx == 250
    depth = load_depth(record)
    expected = 250 * 0.2 / (GOOD[2] + 1)
    known = np.isfinite(depth) & (depth > 0)
    assert known.mean() > 0.75
    assert np.median(np.abs(depth / expected - 1)[known]) < 0.05


def test_rejected_pairs_are_listed_with_the_reason_and_do_not_fail_the_run(folders):
    left, right, out, add = folders
    add("crooked", GOOD[0], moved_rows(GOOD[1], 4))
    add("exchanged", GOOD[1], GOOD[0])
    add("twice", GOOD[0], GOOD[0])
    run = Run("from-stereo", left, right, "-o", out)
    assert run.code == 0
    assert "1 of 4 pairs labelled" in run.out
    assert "3 rejected" in run.out
    found = rows(out)
    kinds = {name: (row["status"], row["reason"].split(":")[0]) for name, row in found.items()}
    assert kinds == {
        "crooked": ("rejected", "vertical"),
        "exchanged": ("rejected", "eyes"),
        "twice": ("rejected", "no parallax"),
    }
    assert float(found["crooked"]["vertical_share"]) > 0.1
    assert [path.name for path in (out / "labels").iterdir()] == ["good.png"]


def test_rectified_pairs_get_a_new_right_view(folders):
    left, right, out, _ = folders
    Image.fromarray(moved_rows(GOOD[1], 4)).save(right / "good.png")
    assert Run("from-stereo", left, right, "-o", out).code == 2
    assert Run("from-stereo", left, right, "-o", out, "--rectify", "--overwrite").code == 0
    (record,) = records(out)
    assert record.image == str(left / "good.png")
    assert record.right == str(out / "right/good.jpg")
    gap = np.abs(load_image(record.right).astype(int) - GOOD[1])[10:-10, 10:-10].mean()
    assert gap < 15


def test_what_cannot_be_read_is_named_and_the_rest_is_done(folders):
    left, right, out, add = folders
    add("odd", GOOD[0], GOOD[1][:, :-20])
    add("torn", *GOOD[:2])
    data = (left / "torn.png").read_bytes()
    (left / "torn.png").write_bytes(data[:40])
    add("lonely", *GOOD[:2])
    (right / "lonely.png").unlink()
    run = Run("from-stereo", left, right, "-o", out)
    assert run.code == 1
    assert len(records(out)) == 1
    assert {name: row["status"] for name, row in rows(out).items()} == {"odd": "rejected", "torn": "failed"}
    assert "left 320x192, right 300x192" in rows(out)["odd"]["reason"]
    assert any("torn.png" in line for line in run.errors)
    assert any("lonely.png: no image of this name" in line for line in run.errors)
    assert "Traceback" not in run.err


def test_results_are_kept_unless_told_otherwise(folders):
    left, right, out, _ = folders
    assert Run("from-stereo", left, right, "-o", out).code == 0
    again = Run("from-stereo", left, right, "-o", out)
    assert again.code == 2
    assert "--overwrite replaces it" in again.err
    assert Run("from-stereo", left, right, "-o", out, "--overwrite", "--copy").code == 0
    (record,) = records(out)
    assert record.image == str(out / "left/good.jpg")


def test_masks_of_sky_come_from_a_folder(folders, tmp_path):
    left, right, out, _ = folders
    sky = np.zeros((HEIGHT, WIDTH), np.uint8)
    sky[:25] = 255
    (tmp_path / "sky").mkdir()
    Image.fromarray(sky).save(tmp_path / "sky/good.png")
    assert Run("from-stereo", left, right, "-o", out, "--sky", tmp_path / "sky").code == 0
    found = load_disparity(records(out)[0])
    assert np.isfinite(found[:25]).all()
    assert np.ptp(found[:25]) == 0
    assert found[0, 0] == np.nanmin(found)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--method", "raft"], "expected one of sgbm, flow"),
        (["--limit", "valid=1"], "is unknown; expected one of left_right"),
        (["--limit", "valid_share=most"], "expected NAME=NUMBER"),
        (["--limit", "valid_share"], "expected NAME=NUMBER"),
        (["--baseline", "0.1"], "says nothing without --camera"),
        (["--sky", "nowhere"], "no such folder"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(folders, arguments, reason):
    left, right, out, _ = folders
    run = Run("from-stereo", left, right, "-o", out, *arguments)
    assert run.code == 2
    assert len(run.errors) == 1
    assert reason in run.errors[0]
    assert not out.exists()


@pytest.mark.parametrize("wrong", ["size", "distortion"])
def test_a_camera_that_does_not_fit_is_refused(folders, tmp_path, wrong):
    left, right, out, _ = folders
    camera = Camera(width=WIDTH, height=HEIGHT, fx=250, fy=250, cx=160, cy=96)
    if wrong == "size":
        write_camera(camera.resize(640, 384), tmp_path / "c.json")
    else:
        write_camera(
            replace(camera, distortion=RadialTangential(k1=0.1, k2=0, p1=0, p2=0)), tmp_path / "c.json"
        )
    run = Run("from-stereo", left, right, "-o", out, "--camera", tmp_path / "c.json", "--baseline", 0.2)
    assert run.code == 2
    assert ("320x192" if wrong == "size" else "distortion") in run.err


def test_a_folder_that_cannot_be_made_is_one_line(folders, tmp_path):
    left, right, _, _ = folders
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        run = Run("from-stereo", left, right, "-o", out)
        assert run.code == 2
        assert len(run.errors) == 1
        assert str(out) in run.errors[0]


# Films


def film(path, views, layout=beside, **how):
    return write_film(path, [layout(*each) for each in views], **how)


def shot(seed, count):
    """Frames of a shot in which the camera moves a little."""
    left, right, _ = pair(seed)
    return [(np.roll(left, i, 0), np.roll(right, i, 0)) for i in range(count)]


def test_a_film_becomes_frames_with_labels(tmp_path):
    path = film(tmp_path / "clip.mp4", [*shot(0, 10), *shot(7, 10), *shot(3, 3)])
    out = tmp_path / "out"
    run = Run("from-video", path, "-o", out, "--layout", "side-by-side", "--source", "mine")
    assert (run.code, run.errors) == (0, [])
    found = records(out)
    assert [record.id for record in found] == [f"clip/{i:07d}" for i in (0, 2, 4, 6, 10, 12, 14, 16)]
    assert [record.scene for record in found] == ["clip/shot0000"] * 4 + ["clip/shot0001"] * 4
    assert [record.time for record in found[:3]] == [0, 0.25, 0.5]
    assert [len(record.neighbours) for record in found] == [0, 2, 2, 0] * 2
    assert found[1].neighbours == (found[0].image, found[2].image)
    view, label = load_image(found[0].image), load_disparity(found[0])
    assert view.shape == (HEIGHT, WIDTH, 3)
    known = np.isfinite(label)
    assert known.mean() > 0.6
    assert np.median(np.abs(label - GOOD[2])[known]) < 0.5


@pytest.mark.parametrize(
    ("layout", "squeeze"),
    [("half-side-by-side", (1, 2)), ("half-top-bottom", (2, 1)), ("top-bottom", (1, 1))],
)
def test_layouts_give_views_in_true_proportions(tmp_path, layout, squeeze):
    def together(left, right):
        views = [view[:: squeeze[0], :: squeeze[1]] for view in (left, right)]
        return np.concatenate(views, axis=0 if "top" in layout else 1)

    path = film(tmp_path / "clip.mp4", [pair(0)[:2]] * 8, together)
    run = Run("from-video", path, "-o", tmp_path / "out", "--layout", layout, "--fps", 1)
    assert run.code == 0, run.err
    (record,) = records(tmp_path / "out")
    assert load_image(record.image).shape == (HEIGHT, WIDTH, 3)
    label = load_disparity(record)
    assert np.median(np.abs(label - GOOD[2])[np.isfinite(label)]) < 1.0


def test_right_first_and_shrink(tmp_path):
    path = film(tmp_path / "clip.mp4", [pair(0)[:2][::-1]] * 8)
    arguments = (path, "-o", tmp_path / "out", "--layout", "side-by-side", "--fps", 1, "--shrink", 2)
    wrong = Run("from-video", *arguments)
    assert wrong.code == 2
    assert "eyes" in wrong.err
    assert Run("from-video", *arguments, "--right-first", "--overwrite").code == 0
    (record,) = records(tmp_path / "out")
    label = load_disparity(record)
    assert label.shape == load_image(record.image).shape[:2] == (HEIGHT // 2, WIDTH // 2)
    error = np.abs(label - GOOD[2][1::2, 1::2] / 2)
    assert np.median(error[np.isfinite(label)]) < 0.5


def test_bars_of_a_film_are_cropped(tmp_path):
    views = [tuple(barred(view, 24) for view in pair(0)[:2])] * 8
    path = film(tmp_path / "clip.mp4", views)
    assert Run("from-video", path, "-o", tmp_path / "out", "--layout", "side-by-side", "--fps", 1).code == 0
    (record,) = records(tmp_path / "out")
    assert load_image(record.image).shape == (HEIGHT - 48, WIDTH, 3)


def test_a_mono_film_and_a_wrong_layout_give_no_label(tmp_path):
    path = film(tmp_path / "clip.mp4", [(GOOD[0], GOOD[0])] * 8)
    run = Run("from-video", path, "-o", tmp_path / "out", "--layout", "side-by-side")
    assert run.code == 2
    assert "no pair gave a label" in run.err
    assert "no parallax" in run.err
    assert all(row["reason"].startswith("no parallax") for row in rows(tmp_path / "out").values())
    other = Run("from-video", path, "-o", tmp_path / "out2", "--layout", "top-bottom")
    assert other.code == 2
    assert "no pair gave a label" in other.err


def test_a_cut_in_one_eye_is_rejected(tmp_path):
    views = [GOOD[:2]] * 7 + [(GOOD[0], pair(900)[1])]
    path = film(tmp_path / "clip.mp4", views)
    options = ("--layout", "side-by-side", "--fps", 8, "--scene-score", 0.9)
    assert Run("from-video", path, "-o", tmp_path / "out", *options).code == 0
    assert list(rows(tmp_path / "out")) == ["clip/0000007"]


def test_a_camera_of_another_size_leaves_nothing_that_is_in_the_way(folders, tmp_path):
    left, right, out, _ = folders
    write_camera(Camera.from_fov(60, 100, 80), tmp_path / "wrong.json")
    wrong = Run("from-stereo", left, right, "-o", out, "--camera", tmp_path / "wrong.json")
    assert wrong.code == 2
    assert "camera is for 100x80" in wrong.err
    assert "--focal" not in wrong.err
    assert not (out / "manifest.jsonl").exists()
    assert Run("from-stereo", left, right, "-o", out).code == 0


def test_films_without_times_are_counted_with_a_given_rate(tmp_path):
    film(tmp_path / "clip.mp4", [GOOD[:2]] * 8)
    import av

    raw = tmp_path / "clip.h264"
    with av.open(str(tmp_path / "clip.mp4")) as source, av.open(str(raw), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    arguments = (raw, "-o", tmp_path / "out", "--layout", "side-by-side", "--fps", 2)
    without = Run("from-video", *arguments)
    assert without.code == 2
    assert "--rate" in without.err
    assert Run("from-video", *arguments, "--rate", 8, "--overwrite").code == 0
    assert [record.time for record in records(tmp_path / "out")] == [0, 0.5]


def test_a_raw_stream_with_invented_times_needs_a_rate_too(tmp_path):
    import av

    raw = tmp_path / "clip.m4v"
    with av.open(str(raw), "w", format="m4v") as target:
        stream = target.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 640, 192, "yuv420p"
        stream.bit_rate = 20_000_000
        for _ in range(8):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(beside(*GOOD[:2]), "rgb24")))
        target.mux(stream.encode(None))
    arguments = (raw, "-o", tmp_path / "out", "--layout", "side-by-side", "--fps", 2)
    without = Run("from-video", *arguments)
    assert without.code == 2
    assert "a raw m4v stream" in without.err
    assert "--rate" in without.err
    assert Run("from-video", *arguments, "--rate", 8).code == 0
    assert [record.time for record in records(tmp_path / "out")] == [0, 0.5]


def test_a_raw_stream_whose_header_was_left_behind_is_explained(tmp_path):
    import av

    with av.open(str(tmp_path / "film.mp4"), "w") as target:
        stream = target.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 640, 192, "yuv420p"
        target.mux(stream.encode(av.VideoFrame.from_ndarray(beside(*GOOD[:2]), "rgb24")))
        target.mux(stream.encode(None))
    raw = tmp_path / "clip.m4v"
    with av.open(str(tmp_path / "film.mp4")) as source, av.open(str(raw), "w", format="m4v") as target:
        copied = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copied
                target.mux(packet)
    run = Run("from-video", raw, "-o", tmp_path / "out", "--layout", "side-by-side", "--rate", 8)
    assert run.code == 2
    assert "without the header" in run.err
    assert "dump_extra" in run.err


def test_what_is_no_film_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film" * 100)
    for path, reason in (
        (tmp_path / "a.mp4", "not a video, or damaged"),
        (tmp_path / "b.mp4", "no such file"),
    ):
        run = Run("from-video", path, "-o", tmp_path / "out", "--layout", "side-by-side")
        assert run.code == 2
        assert len(run.errors) == 1
        assert reason in run.errors[0]
        assert not (tmp_path / "out").exists()
    run = Run("from-video", tmp_path / "a.mp4", "-o", tmp_path / "out", "--layout", "sbs")
    assert "expected one of side-by-side" in run.err


def test_a_film_that_breaks_off_keeps_what_it_had(tmp_path):
    path = film(tmp_path / "clip.mkv", [*shot(0, 60)], fps=8)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    run = Run("from-video", path, "-o", tmp_path / "out", "--layout", "side-by-side")
    assert run.code in (0, 1)
    assert 4 <= len(records(tmp_path / "out")) <= 8


def test_the_group_of_commands_stays_light():
    code = (
        "import sys, onedepth.apps.cli.data; "
        "print([name for name in ('cv2', 'torch', 'av', 'pydantic', 'numpy', 'PIL') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
