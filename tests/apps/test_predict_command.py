"""`onedepth predict` through its command line: results, and every kind of bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from onedepth import Camera, DepthMap
from onedepth.apps.cli import app
from onedepth.files.cameras import write_camera
from onedepth.predict.modelfile import MODEL_VARIABLE
from tiny_model import METADATA, metres, write_tiny_model

WIDTH, HEIGHT = 60, 40


class Run:
    """A finished command."""

    def __init__(self, *arguments: object) -> None:
        result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


@pytest.fixture(autouse=True)
def _model(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tiny_model))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _photo(path: Path, level: int = 51, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return _photo(tmp_path / "photo.png")


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _refused(out: Path, *arguments: object, reason: str, code: int = 2) -> None:
    """The command fails with one line of error, writes nothing and shows no traceback."""
    run = Run(*arguments, "-o", out)
    assert run.code == code, run.err
    assert len(run.errors) == 1, run.err
    assert reason in run.errors[0]
    assert "Traceback" not in run.err
    assert not out.exists()


# What comes out


def test_picture_and_depth_by_default(photo: Path, out: Path) -> None:
    run = Run(photo, "-o", out, "--focal", 50)
    assert (run.code, run.err) == (0, "")
    assert _files(out) == ["photo.png", "photo_picture.png"]
    depth = DepthMap.load(out / "photo.png")
    assert depth.depth == pytest.approx(metres(0.2, 50, 50, WIDTH, HEIGHT), abs=5e-4)
    assert depth.source == "tiny 1.0"
    assert "given" in run.out
    assert "60x40" in run.out


def test_every_format(photo: Path, out: Path) -> None:
    formats = ["png16", "npz", "exr", "tiff", "pfm", "ply", "glb", "picture", "normals"]
    run = Run(photo, "-o", out, *(word for name in formats for word in ("--format", name)))
    assert run.code == 0, run.err
    endings = ("png", "npz", "exr", "tiff", "pfm", "ply", "glb")
    assert {f"photo.{ending}" for ending in endings} <= set(_files(out))
    values = [DepthMap.load(out / f"photo.{ending}").depth for ending in ("npz", "exr", "tiff", "pfm")]
    assert all((value == values[0]).all() for value in values)


def test_the_point_cloud_has_the_photos_colours(tmp_path: Path, out: Path) -> None:
    import trimesh

    assert Run(_photo(tmp_path / "photo.png", 77), "-o", out, "--format", "ply").code == 0
    cloud = trimesh.load(out / "photo.ply")
    assert (np.asarray(cloud.colors)[:, :3] == 77).all()


def test_normals_and_laz_points_are_those_of_the_depth(tmp_path: Path, out: Path) -> None:
    laspy = pytest.importorskip("laspy")
    from onedepth.normals import normal_picture, surface_normals

    photo = _photo(tmp_path / "photo.png", 77)
    words = ("--format", "npz", "--format", "normals", "--format", "laz")
    assert Run(photo, "-o", out, *words).code == 0
    depth = DepthMap.load(out / "photo.npz")
    wanted = normal_picture(*surface_normals(depth))
    np.testing.assert_array_equal(np.asarray(Image.open(out / "photo_normals.png")), wanted)
    cloud = laspy.read(out / "photo.laz")
    np.testing.assert_allclose(cloud.xyz, depth.points(), atol=1e-4)
    assert set(cloud.red) == {77 * 257}


def test_fov_and_camera_file_agree_with_the_focal_length(photo: Path, out: Path, tmp_path: Path) -> None:
    camera = Camera.from_fov(70, WIDTH, HEIGHT)
    write_camera(camera, tmp_path / "camera.json")
    ways = {"a": ("--fov", 70), "b": ("--camera", tmp_path / "camera.json"), "c": ("--focal", camera.fx)}
    values = []
    for name, way in ways.items():
        assert Run(photo, "-o", out / name, "--format", "npz", *way).code == 0
        values.append(DepthMap.load(out / name / "photo.npz").depth)
    assert values[0] == pytest.approx(values[1])
    assert values[0] == pytest.approx(values[2])


def test_folders_keep_their_sub_folders(tmp_path: Path, out: Path) -> None:
    for name in ("a.png", "sub/a.png", "sub/b.jpg"):
        _photo(tmp_path / "in" / name)
    assert Run(tmp_path / "in", "-o", out, "--format", "npz").code == 0
    assert _files(out) == ["a.npz", "sub/a.npz", "sub/b.npz"]


def test_an_output_folder_inside_the_photos_is_not_searched(tmp_path: Path) -> None:
    _photo(tmp_path / "in" / "a.png")
    for _ in range(2):
        assert Run(tmp_path / "in", "-o", tmp_path / "in" / "depth").code == 0
    assert _files(tmp_path / "in") == ["a.png", "depth/a.png", "depth/a_picture.png"]


def test_kitti_scale(photo: Path, out: Path) -> None:
    assert Run(photo, "-o", out, "--format", "png16", "--png-scale", "kitti", "--focal", 50).code == 0
    steps = np.asarray(Image.open(out / "photo.png"))
    assert steps == pytest.approx(256 * metres(0.2, 50, 50, WIDTH, HEIGHT), abs=0.5)


def test_a_scale_that_cannot_hold_the_depth_is_an_error(photo: Path, out: Path) -> None:
    run = Run(photo, "-o", out, "--format", "png16", "--png-scale", "mm", "--focal", 1e7)
    assert run.code == 2
    assert len(run.errors) == 1
    assert not out.exists() or not _files(out)


def test_distorted_cameras_map_back(photo: Path, out: Path, tmp_path: Path) -> None:
    from onedepth.distortion import RadialTangential

    lens = RadialTangential(-0.2, 0.0, 0.0, 0.0)
    camera = Camera(width=WIDTH, height=HEIGHT, fx=50, fy=50, cx=30, cy=20, distortion=lens)
    write_camera(camera, tmp_path / "camera.json")
    for name, words in (("view", ()), ("back", ("--map-back",))):
        arguments = (photo, "-o", out / name, "--format", "npz", "--camera", tmp_path / "camera.json", *words)
        assert Run(*arguments).code == 0
    view, back = (DepthMap.load(out / name / "photo.npz").camera for name in ("view", "back"))
    assert view is not None
    assert view.is_pinhole
    assert back is not None
    assert back.distortion == lens


def test_notes_are_said(tmp_path: Path, out: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    run = Run(tmp_path / "moving.gif", "-o", out)
    assert run.code == 0
    assert "the first" in run.out


def test_a_lone_result_is_counted_in_the_singular(photo: Path, out: Path) -> None:
    assert f"1 photo, 1 file in {out}" in Run(photo, "-o", out, "--format", "npz").out
    assert "1 already had its results" in Run(photo, "-o", out, "--format", "npz").out


def test_the_page_says_what_is_not_on_it(tmp_path: Path, out: Path) -> None:
    photos = [_photo(tmp_path / f"{index}.png") for index in range(3)]
    assert Run(*photos[:2], "-o", out).code == 0
    run = Run(*photos, "-o", out, "--html")
    assert f"page: {out / 'index.html'} (2 kept photos not on it; --overwrite shows all)" in run.out
    assert "tiny (version 1.0)" in (out / "index.html").read_text()
    (out / "index.html").unlink()
    run = Run(*photos, "-o", out, "--html")
    assert run.code == 0
    assert "nothing was predicted" in run.out
    assert f"{out / 'index.html'} needs --overwrite" in run.out
    assert not (out / "index.html").exists()
    assert Run(*photos, "-o", out, "--html", "--overwrite").out.endswith("3 photos, 6 files in " + f"{out}\n")


def _lens_file(path: Path, width: int, height: int, *, cx: float, k1: float, focal: float = 50) -> Path:
    from onedepth.distortion import RadialTangential

    lens = RadialTangential(k1, 0.0, 0.0, 0.0)
    camera = Camera(width=width, height=height, fx=focal, fy=focal, cx=cx, cy=20, distortion=lens)
    write_camera(camera, path)
    return path


def test_a_map_without_depth_is_a_failure(photo: Path, out: Path, tmp_path: Path) -> None:
    away = _lens_file(tmp_path / "away.json", WIDTH, HEIGHT, cx=1e6, k1=-0.2)
    _refused(out, photo, "--camera", away, reason="photo.png: not a single pixel got a depth")


def test_a_map_with_little_depth_says_so(photo: Path, out: Path, tmp_path: Path) -> None:
    wide = _lens_file(tmp_path / "wide.json", WIDTH, HEIGHT, cx=30, k1=-0.2)
    run = Run(photo, "-o", out, "--format", "npz", "--map-back", "--camera", wide)
    share = DepthMap.load(out / "photo.npz").valid.mean()
    assert 0.3 < share < 0.99
    assert f"; {100 * share:.0f} % of pixels have depth" in run.out
    assert "% of pixels" not in Run(photo, "-o", out / "all").out


def test_depth_maps_are_not_taken_for_photos(tmp_path: Path, out: Path) -> None:
    photo = _photo(tmp_path / "in" / "a.png")
    assert Run(photo, "-o", tmp_path / "in" / "depth", "--format", "png16", "--format", "tiff").code == 0
    _refused(out, tmp_path / "in" / "depth" / "a.png", reason="is a depth map that OneDepth wrote")
    _refused(out, tmp_path / "in" / "depth", reason="only depth maps")
    run = Run(tmp_path / "in", "-o", out)
    assert run.code == 0
    assert _files(out) == ["a.png", "a_picture.png"]
    assert "2 depth maps among the photos left out" in run.out


def test_links_to_the_same_photo_are_counted(photo: Path, tmp_path: Path, out: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.png", "c.png"):
        try:
            (tmp_path / "in" / name).symlink_to(photo)
        except OSError:
            pytest.skip("needs symbolic links")
    run = Run(photo, tmp_path / "in", "-o", out)
    assert run.code == 0
    assert "2 names led to a photo named before (taken once)" in run.out
    assert "named before" not in Run(photo, "-o", out).out


def test_one_pixel(tmp_path: Path, out: Path) -> None:
    assert Run(_photo(tmp_path / "dot.png", size=(1, 1)), "-o", out).code == 0
    assert DepthMap.load(out / "dot.png").shape == (1, 1)


# Bad input


def test_missing_file(tmp_path: Path, out: Path) -> None:
    _refused(out, tmp_path / "none.jpg", reason="none.jpg: no such file")


def test_folder_without_photos(tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty").mkdir()
    _refused(out, tmp_path / "empty", reason="without photos")


def test_pattern_without_photos(tmp_path: Path, out: Path) -> None:
    _refused(out, tmp_path / "*.jpg", reason="matches no photo")


def test_files_that_are_no_photos(tmp_path: Path, photo: Path, out: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty.jpg").touch()
    _refused(out, tmp_path / "cut.jpg", reason="damaged or incomplete")
    _refused(out, tmp_path / "text.jpg", reason="not an image")
    _refused(out, tmp_path / "empty.jpg", reason="0 bytes")


def test_one_bad_photo_among_good_ones(tmp_path: Path, photo: Path, out: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no photo")
    run = Run(tmp_path / "bad.jpg", photo, tmp_path / "none.jpg", "-o", out)
    assert run.code == 1
    assert len(run.errors) == 2
    assert all(any(name in line for line in run.errors) for name in ("bad.jpg", "none.jpg"))
    assert _files(out) == ["photo.png", "photo_picture.png"]


def test_pixel_limit(photo: Path, out: Path) -> None:
    _refused(out, photo, "--max-pixels", WIDTH * HEIGHT - 1, reason="--max-pixels")
    _refused(out, photo, "--max-pixels", 0, reason="--max-pixels 0")


@pytest.mark.parametrize("value", ["0", "-3", "nan", "inf"])
@pytest.mark.parametrize("option", ["--focal", "--fov"])
def test_impossible_focal_lengths(photo: Path, out: Path, option: str, value: str) -> None:
    _refused(out, photo, f"{option}={value}", reason=option)


def test_two_ways_to_say_the_focal_length(photo: Path, out: Path) -> None:
    _refused(out, photo, "--focal", 50, "--fov", 60, reason="--focal and --fov")


def _change(fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**fields, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"fx": None}, "fx"), ({"colour": 3}, "colour"), ({"width": 61}, "61"), ({"fx": -5.0}, "focal")],
)
def test_bad_camera_files(
    photo: Path, out: Path, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "camera.json"
    write_camera(Camera.from_focal(50, WIDTH, HEIGHT), path)
    path.write_text(json.dumps(_change(json.loads(path.read_text()), **changes)))
    _refused(out, photo, "--camera", path, reason=reason)
    _refused(out, photo, "--camera", path, reason="camera.json")


def test_a_bad_camera_file_is_one_error_for_all_photos(tmp_path: Path, out: Path) -> None:
    photos = [_photo(tmp_path / f"{index}.png") for index in range(3)]
    path = tmp_path / "camera.json"
    path.write_text("{")
    _refused(out, *photos, "--camera", path, reason="not valid JSON")
    colmap = tmp_path / "cameras.txt"
    colmap.write_text("".join(f"{index} PINHOLE {WIDTH} {HEIGHT} 50 50 30 20\n" for index in (1, 2)))
    _refused(out, *photos, "--camera", colmap, reason="--camera-name ID")
    assert Run(*photos, "-o", out, "--camera", colmap, "--camera-name", 2).code == 0


def test_a_camera_file_of_another_size_fails_only_the_photos_it_does_not_fit(
    tmp_path: Path, photo: Path, out: Path
) -> None:
    other = _photo(tmp_path / "other.png", size=(30, 20))
    write_camera(Camera.from_focal(50, WIDTH, HEIGHT), tmp_path / "camera.json")
    run = Run(photo, other, "-o", out, "--camera", tmp_path / "camera.json")
    assert run.code == 1
    assert all(word in run.errors[0] for word in ("60x40", "30x20", "--fov", "Camera.resize(30, 20)"))


def test_kitti_cameras_take_the_size_of_each_photo(tmp_path: Path, photo: Path, out: Path) -> None:
    calib = tmp_path / "calib.txt"
    calib.write_text("P2: 50 0 29.5 0 0 50 19.5 0 0 0 1 0\n")
    assert Run(photo, "-o", out, "--format", "npz", "--camera", calib).code == 0
    assert DepthMap.load(out / "photo.npz").camera == Camera.from_focal(50, WIDTH, HEIGHT)
    calib.write_text("P2: 50 0 29.5 0 0 50 19.5 0 0 0 1\n")
    _refused(tmp_path / "none", photo, "--camera", calib, reason="12 finite numbers")


def test_missing_camera_file(photo: Path, out: Path, tmp_path: Path) -> None:
    _refused(out, photo, "--camera", tmp_path / "none.json", reason="none.json: no such file")


def test_output_that_cannot_be_a_folder(photo: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "below"):
        run = Run(photo, "-o", folder)
        assert run.code == 2
        assert len(run.errors) == 1
        assert "is not a folder" in run.errors[0]
    assert file.read_text() == "mine"
    run = Run(photo, "-o", tmp_path / "depth.npz")
    assert run.code == 2
    assert "looks like a file" in run.errors[0]


def test_forbidden_output(photo: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    _refused(out, photo, reason="no permission")


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from onedepth.apps.cli import main; main()", *map(str, arguments)]


def test_full_disk(tmp_path: Path, out: Path, tiny_model: Path) -> None:
    """A limit on file sizes stands in for the full disk: writes fail half-way through a file."""
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = _command("predict", tmp_path / "photo.png", "-o", out, "--format", "npz")
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=60, preexec_fn=small_files, check=False
    )
    assert run.returncode == 2, run.stderr
    assert run.stderr.count("error: ") == 1
    assert "Traceback" not in run.stderr
    assert _files(out) == []


def test_existing_results_are_kept_unless_told(photo: Path, out: Path) -> None:
    out.mkdir()
    (out / "photo.png").write_text("mine")
    (out / "photo_picture.png").write_text("mine")
    run = Run(photo, "-o", out)
    assert run.code == 0
    assert "--overwrite" in run.out
    assert (out / "photo.png").read_text() == "mine"
    assert Run(photo, "-o", out, "--overwrite").code == 0
    assert DepthMap.load(out / "photo.png").kind == "metric"


def test_photos_are_never_overwritten(photo: Path) -> None:
    before = photo.read_bytes()
    run = Run(photo, "-o", photo.parent, "--overwrite")
    assert run.code == 2
    assert "would replace a photo" in run.errors[0]
    assert photo.read_bytes() == before


def test_clashing_names(tmp_path: Path, out: Path) -> None:
    first, second = _photo(tmp_path / "x" / "a.png"), _photo(tmp_path / "y" / "a.png")
    _refused(out, first, second, reason="would both write")


def test_bad_models(photo: Path, out: Path, tmp_path: Path, tiny_model: Path) -> None:
    foreign = write_tiny_model(tmp_path / "foreign.onnx", None)
    newer = write_tiny_model(tmp_path / "newer.onnx", {**METADATA, "format": 2})
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(tiny_model.read_bytes()[:500])
    _refused(out, photo, "--model", foreign, reason="not a OneDepth model")
    _refused(out, photo, "--model", newer, reason="newer")
    _refused(out, photo, "--model", cut, reason="not a whole ONNX model")
    _refused(out, photo, "--model", tmp_path / "none.onnx", reason="no such model file")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--format", "bmp"), "bmp"),
        (("--colormap", "jet"), "jet"),
        (("--png-scale", "miles"), "miles"),
        (("--png-scale", "mm", "--format", "npz"), "--format png16"),
        (("--device", "tpu"), "available"),
        (("--camera-name", "P2"), "--camera"),
    ],
)
def test_unknown_choices(photo: Path, out: Path, words: tuple[str, ...], reason: str) -> None:
    _refused(out, photo, *words, reason=reason)


def test_no_photo_named_is_wrong_usage(out: Path) -> None:
    assert Run("-o", out).code == 2


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_leaves_only_whole_files(tmp_path: Path, out: Path, tiny_model: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "000.bmp")
    for index in range(1, 1000):  # more work than any machine does before the signal arrives
        os.link(tmp_path / "000.bmp", tmp_path / f"{index:03}.bmp")
    command = _command("predict", tmp_path / "*.bmp", "-o", out, "--format", "npz")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _wait(lambda: out.is_dir() and len(_files(out)) >= 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    names = _files(out)
    assert 2 <= len(names) < 1000
    assert all(name.endswith(".npz") and name[0] != "." for name in names)
    assert all(DepthMap.load(out / name).shape == (400, 600) for name in names)


@pytest.mark.parametrize("module", ["typer", "numpy", "onedepth.predict.batch"])
def test_ctrl_c_during_start_up(photo: Path, out: Path, module: str) -> None:
    """Importing `module` stands for the moment at which the user presses the keys."""
    code = f"""
import sys
class Keys:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Keys())
from onedepth.apps.cli import main
main()
"""
    command = [sys.executable, "-c", code, "predict", str(photo), "-o", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (130, "error: interrupted\n")


def _wait(happened: Callable[[], bool]) -> None:
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("did not happen")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_names_that_are_no_text(tmp_path: Path, out: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    _photo(tmp_path / name)
    command = _command("predict", tmp_path / name, tmp_path / os.fsdecode(b"\xe9.jpg"), "-o", out, "--html")
    run = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert run.returncode == 1, run.stderr
    assert b"Traceback" not in run.stderr
    assert (out / name).is_file()
    assert b"caf%E9.png" in (out / "index.html").read_bytes()
