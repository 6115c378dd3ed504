"""ETH3D: COLMAP calibration, distorted photos, ground truth as plain float32 behind the name of a photo."""

from pathlib import Path

import numpy as np
import pytest
from pictures import metres, picture, records, text

from onedepth.distortion import Fisheye
from onedepth.errors import CameraError, DataError
from onedepth.files.cameras import read_camera
from onedepth.manifest.labels import load_depth

THIN = "0 THIN_PRISM_FISHEYE 8 6 7 7.5 4.1 3.2 0.21 0.211 -5e-06 0.0005 -0.158 0.407 -8e-05 0.0008"
IMAGES = (
    "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n"
    "5 0.7071068 0 0 0.7071068 1 2 3 0 dslr_images/DSC_02.JPG\n"
    "\n"  # an image without keypoints
    "4 1 0 0 0 0 0 -2 0 dslr_images/DSC_01.JPG\n"
    "1.5 2.5 -1 3.5 1.5 7\n"
)


def _scene(root: Path, name: str = "pipes") -> Path:
    folder = root / name
    text(folder / "dslr_calibration_jpg/cameras.txt", f"# Camera list\n{THIN}\n")
    text(folder / "dslr_calibration_jpg/images.txt", IMAGES)
    truth = metres()
    truth[0, 0] = np.inf
    for number in ("01", "02"):
        picture(folder / f"images/dslr_images/DSC_{number}.png").rename(
            folder / f"images/dslr_images/DSC_{number}.JPG"
        )
        depth = folder / f"ground_truth_depth/dslr_images/DSC_{number}.JPG"
        depth.parent.mkdir(parents=True, exist_ok=True)
        truth.astype("<f4").tofile(depth)
    return folder


def test_ground_truth_comes_back_to_the_bit_and_infinity_is_nothing(tmp_path: Path) -> None:
    _scene(tmp_path)
    first, second = records("eth3d", tmp_path)
    assert (first.id, second.id) == ("pipes/DSC_01", "pipes/DSC_02")
    expected = metres()
    expected[0, 0] = np.nan
    np.testing.assert_array_equal(load_depth(first), expected)


def test_poses_are_turned_round(tmp_path: Path) -> None:
    _scene(tmp_path)
    first, second = records("eth3d", tmp_path)
    assert first.pose == pytest.approx((1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1))
    # World to camera turns x into y and adds (1, 2, 3): the camera stands where that gives 0.
    np.testing.assert_allclose(np.reshape(second.pose, (4, 4))[:3, 3], [-2, 1, -3], atol=1e-6)


def test_the_thin_prism_camera_becomes_a_fisheye(tmp_path: Path) -> None:
    _scene(tmp_path)
    camera = records("eth3d", tmp_path)[0].camera
    assert camera is not None
    assert camera.distortion == Fisheye(0.21, 0.211, -0.158, 0.407)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (7, 7.5, 4.1, 3.2)


def test_a_thin_prism_camera_with_large_tangential_terms_is_refused(tmp_path: Path) -> None:
    path = text(tmp_path / "cameras.txt", THIN.replace("0.0005", "0.05") + "\n")
    with pytest.raises(CameraError, match=r"tangential terms of up to .* is not supported"):
        read_camera(path)
    text(path, THIN + " 1\n")
    with pytest.raises(CameraError, match="needs width, height and 12 numbers, found 15"):
        read_camera(path)


def test_undistorted_photos_are_listed_without_truth(tmp_path: Path) -> None:
    folder = _scene(tmp_path)
    (folder / "dslr_calibration_jpg").rename(folder / "dslr_calibration_undistorted")
    text(folder / "dslr_calibration_undistorted/cameras.txt", "0 PINHOLE 8 6 7 7 4 3\n")
    found = records("eth3d", tmp_path)
    assert [r.label for r in found] == [None, None]
    assert found[0].camera is not None
    assert found[0].camera.distortion is None


def test_broken_and_missing_files_are_named(tmp_path: Path) -> None:
    folder = _scene(tmp_path)
    depth = folder / "ground_truth_depth/dslr_images/DSC_01.JPG"
    depth.write_bytes(depth.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"DSC_01\.JPG: has 188 bytes, expected 192"):
        records("eth3d", tmp_path)
    depth.unlink()
    assert [r.label is None for r in records("eth3d", tmp_path)] == [True, False]
    (folder / "images/dslr_images/DSC_02.JPG").unlink()
    with pytest.raises(DataError, match=r"DSC_02\.JPG: missing; expected the photo that .*images\.txt names"):
        records("eth3d", tmp_path)
    text(folder / "dslr_calibration_jpg/images.txt", "1 1 0 0 0 0 0\n\n")
    with pytest.raises(DataError, match=r"images\.txt:1: found 7 words"):
        records("eth3d", tmp_path)
    text(folder / "dslr_calibration_jpg/cameras.txt", "0 PINHOLE 8 6 7\n")
    with pytest.raises(DataError, match=r"cameras\.txt:1: camera 0: PINHOLE needs"):
        records("eth3d", tmp_path)
    with pytest.raises(DataError, match="no dslr_calibration_jpg/ in it"):
        records("eth3d", folder / "images")
