import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onedepth.camera import Camera
from onedepth.distortion import Fisheye, RadialTangential
from onedepth.errors import CameraError, OneDepthError
from onedepth.files.cameras import camera_from_dict, camera_to_dict, read_camera, write_camera

small = st.floats(-0.05, 0.05)
cameras = st.builds(
    Camera,
    width=st.integers(1, 9000),
    height=st.integers(1, 9000),
    fx=st.floats(1, 1e5),
    fy=st.floats(1, 1e5),
    cx=st.floats(-1e4, 1e4),
    cy=st.floats(-1e4, 1e4),
    distortion=st.one_of(
        st.none(), st.builds(RadialTangential, *[small] * 8), st.builds(Fisheye, *[small] * 4)
    ),
    focal_source=st.sampled_from(["given", "exif", "assumed"]),
    focal_uncertainty=st.floats(0, 1),
)
PLAIN = {"width": 640, "height": 480, "fx": 500.0, "fy": 510.0, "cx": 320.5, "cy": 240.5}


def written(folder: Path, name: str, text: object) -> Path:
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def refusal(path: Path, **options: object) -> str:
    """The message with which a file is refused: one line that begins with its name."""
    with pytest.raises(CameraError) as caught:
        read_camera(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.count(str(path)) == 1
    assert "\n" not in message
    return message


# --- ours ---


@given(camera=cameras)
def test_a_camera_survives_its_dict(camera: Camera) -> None:
    assert camera_from_dict(json.loads(json.dumps(camera_to_dict(camera)))) == camera


@settings(max_examples=20)
@given(camera=cameras)
def test_a_camera_survives_its_file(camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("camera") / "camera.json"
    write_camera(camera, path)
    assert read_camera(path, size=camera.size) == camera
    assert [file.name for file in path.parent.iterdir()] == ["camera.json"]


def test_the_six_numbers_are_enough(tmp_path: Path) -> None:
    assert read_camera(written(tmp_path, "a.json", PLAIN)) == Camera(**PLAIN)
    assert read_camera(written(tmp_path, "a.json", {**PLAIN, "distortion": None})) == Camera(**PLAIN)


def test_short_distortion_in_json(tmp_path: Path) -> None:
    lens = {"model": "radial_tangential", "k1": 0.1, "k2": -0.01, "p1": 0.001, "p2": 0.002}
    camera = read_camera(written(tmp_path, "a.json", {**PLAIN, "distortion": lens}))
    assert camera.distortion == RadialTangential(0.1, -0.01, 0.001, 0.002)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"widht": 640}, "unknown camera key 'widht'; did you mean 'width'?"),
        ({"zzz": 1}, "unknown camera key 'zzz'; expected width, height, fx"),
        ({"fx": None}, "camera fx must be a number, found None"),
        ({"fx": "500"}, "camera fx must be a number, found '500'"),
        ({"fx": True}, "camera fx must be a number, found True"),
        ({"fx": float("nan")}, "camera fx must be finite"),
        ({"fy": 0}, "focal length must be > 0 pixels"),
        ({"width": 640.5}, "camera width must be a whole number"),
        ({"focal_source": "guess"}, "focal_source must be given, exif or assumed"),
        ({"distortion": [0.1]}, "distortion must be"),
        ({"distortion": {"k1": 1}}, "distortion must be"),
        (
            {"distortion": {"model": "fisheyes"}},
            "unknown distortion model 'fisheyes'; did you mean 'fisheye'?",
        ),
        ({"distortion": {"model": ["fisheye"]}}, "unknown distortion model"),
        ({"distortion": {"model": "fisheye", "k1": 0}}, "fisheye distortion lacks k2, k3, k4"),
        ({"distortion": {"model": "fisheye", "k1": 0, "k5": 0}}, "unknown fisheye distortion key 'k5'"),
        ({"distortion": {"model": "fisheye", "k1": "a", "k2": 0, "k3": 0, "k4": 0}}, "finite numbers"),
    ],
)
def test_wrong_json_is_refused(change: dict, match: str, tmp_path: Path) -> None:
    assert match in refusal(written(tmp_path, "a.json", {**PLAIN, **change}))


@pytest.mark.parametrize("key", PLAIN)
def test_missing_keys_are_named(key: str, tmp_path: Path) -> None:
    rest = {k: v for k, v in PLAIN.items() if k != key}
    assert f"camera lacks {key}; expected width" in refusal(written(tmp_path, "a.json", rest))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str, tmp_path: Path) -> None:
    assert "JSON" in refusal(written(tmp_path, "a.json", text))


def test_a_camera_is_written_as_json_only(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"camera\.yaml: cameras are written as JSON; name it camera\.json"):
        write_camera(Camera(**PLAIN), tmp_path / "camera.yaml")
    with pytest.raises(OneDepthError, match="missing"):
        write_camera(Camera(**PLAIN), tmp_path / "missing" / "camera.json")


# --- any file ---


def test_another_size_is_refused_with_both_sizes_and_a_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, "a.json", PLAIN)
    message = refusal(path, size=(320, 240))  # the same aspect is still another camera
    assert "640x480" in message
    assert "320x240" in message
    assert "Camera.resize(320, 240)" in message
    assert read_camera(path).resize(320, 240).size == (320, 240)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.json")
    assert "cannot read" in refusal(tmp_path)
    assert "known format; expected JSON" in refusal(written(tmp_path, "a.toml", "fx = 1"))
    assert "known format; expected JSON" in refusal(written(tmp_path, "a.txt", "hello"))
    (tmp_path / "cameras.bin").write_bytes(b"\xff\xfe\0\0")
    assert "model_converter" in refusal(tmp_path / "cameras.bin")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(17 << 20)
    assert "larger than 16 MB" in refusal(tmp_path / "large.json")


def test_a_byte_order_mark_and_windows_lines_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_bytes(b"\xef\xbb\xbf1 PINHOLE 8 6 5 5 4 3\r\n")
    assert read_camera(tmp_path / "cameras.txt").size == (8, 6)


# --- ROS: first centre at 0 ---

ROS = """image_width: 640
image_height: 480
camera_name: narrow
camera_matrix:
  rows: 3
  cols: 3
  data: [500.0, 0.0, 319.5, 0.0, 510, 239.5, 0, 0, 1]
distortion_model: {model}
distortion_coefficients:
  rows: 1
  cols: {count}
  data: {d}
"""
MESSAGE = """header: {{seq: 1}}
width: 640
height: 480
distortion_model: {model}
{D}: {d}
{K}: [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0]
---
width: 1
"""


def ros(folder: Path, model: str = "plumb_bob", d: object = (), extra: str = "") -> Path:
    text = ROS.format(model=model, count=len(d), d=list(d)) + extra
    return written(folder, "camera.yaml", text)


def test_ros_centres_are_moved_by_half_a_pixel(tmp_path: Path) -> None:
    camera = read_camera(ros(tmp_path), size=(640, 480))
    assert camera == Camera(width=640, height=480, fx=500, fy=510, cx=320, cy=240)


@pytest.mark.parametrize(("K", "D"), [("K", "D"), ("k", "d")])
def test_ros_messages_say_the_same(K: str, D: str, tmp_path: Path) -> None:
    d = [0.1, 0.2, 0.01, 0.02, 0.3]
    text = MESSAGE.format(model="plumb_bob", K=K, D=D, d=d)
    assert read_camera(written(tmp_path, "c.yml", text)) == read_camera(ros(tmp_path, d=d))


@pytest.mark.parametrize(
    ("model", "d", "lens"),
    [
        ("plumb_bob", [0, 0, 0, 0, 0], None),
        ("plumb_bob", [], None),
        ("''", [], None),
        ("plumb_bob", [0.1, 0.2, 0.01, 0.02], RadialTangential(0.1, 0.2, 0.01, 0.02)),
        ("plumb_bob", [0.1, 0.2, 0.01, 0.02, 0.3], RadialTangential(0.1, 0.2, 0.01, 0.02, 0.3)),
        ("rational_polynomial", [0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6],
         RadialTangential(0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6)),
        ("rational_polynomial", [0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6, 0, 0, 0, 0],
         RadialTangential(0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6)),
        ("equidistant", [0.1, 0.2, 0.3, 0.4], Fisheye(0.1, 0.2, 0.3, 0.4)),
        ("equidistant", [0, 0, 0, 0], Fisheye(0, 0, 0, 0)),
    ],
)  # fmt: skip
def test_ros_lenses(model: str, d: list, lens: object, tmp_path: Path) -> None:
    assert read_camera(ros(tmp_path, model, d)).distortion == lens


def test_ros_region_and_binning_are_applied(tmp_path: Path) -> None:
    """A pixel of the binned region looks where the pixels it was made of look (REP 104)."""
    full = read_camera(ros(tmp_path))
    roi = "roi: {x_offset: 100, y_offset: 40, width: 401, height: 200, do_rectify: false}\n"
    seen = read_camera(ros(tmp_path, extra=f"binning_x: 2\nbinning_y: 4\n{roi}"))
    assert seen.size == (200, 50)
    np.testing.assert_allclose(seen.unproject((3, 5), 1.0), full.unproject((106, 60), 1.0))
    assert read_camera(ros(tmp_path, extra="binning_x: 0\nbinning_y: 0\nroi: {x_offset: 0}\n")) == full


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "not a camera_info"),
        ("- 1\n- 2", "not a camera_info"),
        ("a: [", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("image_width: 3", "lacks image_height or height"),
        (ROS.format(model="plumb_bob", count=3, d=[1, 2, 3]), "plumb_bob needs 4 or 5 coefficients, found 3"),
        (ROS.format(model="equidistant", count=0, d=[]), "equidistant needs 4 coefficients, found 0"),
        (ROS.format(model="rational_polynomial", count=12, d=[0.1] * 12), "found 12"),
        (
            ROS.format(model="weird", count=4, d=[0.1] * 4),
            "unknown distortion_model 'weird'; expected plumb_bob",
        ),
        (ROS.format(model="plumb_bob", count=1, d="x"), "D must be a list of numbers"),
        (ROS.format(model="plumb_bob", count=0, d=[]).replace("500.0", "0.0"), "not calibrated"),
        (ROS.format(model="plumb_bob", count=0, d=[]).replace("0, 0, 1]", "0]"), "K must have 9 numbers"),
        (ROS.format(model="plumb_bob", count=0, d=[]) + "binning_x: -2", "binning"),
        (ROS.format(model="plumb_bob", count=0, d=[]) + "roi: 3", "roi must have"),
        (
            ROS.format(model="plumb_bob", count=0, d=[]) + "roi: {width: 700, height: 3}",
            "outside the 640x480",
        ),
    ],
)
def test_wrong_ros_files_are_refused(text: str, match: str, tmp_path: Path) -> None:
    assert match in refusal(written(tmp_path, "c.yaml", text))


def test_the_name_of_a_ros_camera_is_checked(tmp_path: Path) -> None:
    assert read_camera(ros(tmp_path), name="narrow").width == 640
    assert "holds camera 'narrow', but camera 'left'" in refusal(ros(tmp_path), name="left")
    assert "holds one camera" in refusal(written(tmp_path, "a.json", PLAIN), name="left")


# --- COLMAP: first centre at 0.5, as ours ---

HEAD = "# Camera list with one line of data per camera:\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"


@pytest.mark.parametrize(
    ("line", "lens"),
    [
        ("SIMPLE_PINHOLE 640 480 500 320 240", None),
        ("PINHOLE 640 480 500 500 320 240", None),
        ("SIMPLE_RADIAL 640 480 500 320 240 0.1", RadialTangential(0.1, 0, 0, 0)),
        ("SIMPLE_RADIAL 640 480 500 320 240 0", None),
        ("RADIAL 640 480 500 320 240 0.1 0.2", RadialTangential(0.1, 0.2, 0, 0)),
        ("OPENCV 640 480 500 500 320 240 .1 .2 .01 .02", RadialTangential(0.1, 0.2, 0.01, 0.02)),
        ("FULL_OPENCV 640 480 500 500 320 240 .1 .2 .01 .02 .3 .4 .5 .6",
         RadialTangential(0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6)),
        ("OPENCV_FISHEYE 640 480 500 500 320 240 .1 .2 .3 .4", Fisheye(0.1, 0.2, 0.3, 0.4)),
        ("OPENCV_FISHEYE 640 480 500 500 320 240 0 0 0 0", Fisheye(0, 0, 0, 0)),
        ("SIMPLE_RADIAL_FISHEYE 640 480 500 320 240 .1", Fisheye(0.1, 0, 0, 0)),
        ("RADIAL_FISHEYE 640 480 500 320 240 .1 .2", Fisheye(0.1, 0.2, 0, 0)),
    ],
)  # fmt: skip
def test_colmap_models(line: str, lens: object, tmp_path: Path) -> None:
    camera = read_camera(written(tmp_path, "cameras.txt", f"{HEAD}7 {line}\n"), size=(640, 480))
    expected = Camera(width=640, height=480, fx=500, fy=500, cx=320, cy=240, distortion=lens)
    assert camera == expected


def test_one_of_several_colmap_cameras(tmp_path: Path) -> None:
    text = f"{HEAD}1 PINHOLE 640 480 500 510 320 240\n\n12 SIMPLE_PINHOLE 64 48 50 32 24\n"
    path = written(tmp_path, "cameras.txt", text)
    assert read_camera(path, name="1").fy == 510
    assert read_camera(path, name="12").size == (64, 48)
    assert "holds 2 cameras (1, 12); say which by its id: --camera-name ID" in refusal(path)
    assert "has no camera '2'; its ids are 1, 12" in refusal(path, name="2")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        (
            "1 FOV 640 480 500 500 320 240 0.9",
            "camera 1: camera model FOV is not supported; expected SIMPLE_",
        ),
        ("1 PINHOLE 640 480 500 320 240", "PINHOLE needs width, height and 4 numbers, found 5"),
        ("1 PINHOLE 640 480 500 500 320 x", "needs numbers"),
        ("1 PINHOLE 640.5 480 500 500 320 240", "needs numbers"),
        ("1 PINHOLE 640 480 -500 500 320 240", "focal length must be > 0"),
    ],
)
def test_wrong_colmap_files_are_refused(line: str, match: str, tmp_path: Path) -> None:
    assert match in refusal(written(tmp_path, "cameras.txt", line))


# --- KITTI: first centre at 0 ---

P = "{key}: 7.0e+02 0.0 6.0e+02 {t} 0.0 7.1e+02 1.7e+02 0.0 0.0 0.0 1.0 0.0"
ODOMETRY = "\n".join(P.format(key=f"P{i}", t=-i * 100) for i in range(4)) + "\nTr: 1 0 0 0 0 1 0 0 0 0 1 0\n"
RAW = f"""calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_02: 1.392000e+03 5.120000e+02
K_02: 9.0e+02 0.0 6.9e+02 0.0 9.1e+02 2.4e+02 0.0 0.0 1.0
D_02: -3.6e-01 2.0e-01 1.4e-03 5.2e-04 -6.2e-02
S_rect_02: 1.242000e+03 3.750000e+02
{P.format(key="P_rect_02", t=44)}
S_rect_03: 1.242000e+03 3.750000e+02
{P.format(key="P_rect_03", t=-333).replace("7.0e+02", "8.0e+02")}
"""
RECTIFIED = Camera(width=1242, height=375, fx=700, fy=710, cx=600.5, cy=170.5)


def test_kitti_centres_are_moved_by_half_a_pixel(tmp_path: Path) -> None:
    assert read_camera(written(tmp_path, "calib_cam_to_cam.txt", RAW)) == RECTIFIED
    odometry = written(tmp_path, "calib.txt", ODOMETRY)
    for name in (None, "P0", "P2", "P3"):
        assert read_camera(odometry, size=(1242, 375), name=name) == RECTIFIED


def test_other_kitti_cameras_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "calib_cam_to_cam.txt", RAW)
    assert read_camera(path, name="P_rect_03") == replace(RECTIFIED, fx=800)
    lens = RadialTangential(-0.36, 0.2, 1.4e-3, 5.2e-4, -6.2e-2)
    raw = Camera(width=1392, height=512, fx=900, fy=910, cx=690.5, cy=240.5, distortion=lens)
    assert read_camera(path, name="K_02") == raw


def test_wrong_kitti_files_are_refused(tmp_path: Path) -> None:
    odometry = written(tmp_path, "calib.txt", ODOMETRY)
    assert "pass size=(width, height)" in refusal(odometry)
    assert "has no camera 'P5'; it holds P0, P1, P2, P3" in refusal(odometry, name="P5", size=(9, 9))
    raw = written(tmp_path, "raw.txt", RAW)
    assert "camera is for 1242x375 pixels but the photo has 1226x370" in refusal(raw, size=(1226, 370))
    short = written(tmp_path, "short.txt", "P2: 1 2 3")
    assert "P2 must be 12 finite numbers, found 3" in refusal(short, size=(9, 9))
    words = written(tmp_path, "words.txt", "P2: one two")
    assert "P2 must be numbers, found one two" in refusal(words, size=(9, 9))
    lacking = written(tmp_path, "lacking.txt", "K_02: 9 0 6 0 9 2 0 0 1")
    assert "D_02 must be 5 finite numbers" in refusal(lacking, name="K_02", size=(9, 9))
    assert "has no camera 'P2 or P_rect_02'; it holds K_02" in refusal(lacking)
