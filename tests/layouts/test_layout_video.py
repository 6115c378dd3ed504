"""Videos: frames an eighth of a second apart, neighbours within a clip, and files that are no video."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import records, text

from onedepth import Camera
from onedepth.errors import DataError
from onedepth.layouts.video import STRIDE, choose_frames
from onedepth.manifest.pixels import load_image


def _video(
    path: Path,
    times: Sequence[float],
    b_frames: int = 0,
    codec: str = "mpeg4",
    container_format: str | None = None,
) -> Path:
    """Grey frames, brighter by 8 each, at these times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.max_b_frames = b_frames
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _numbers(found: list[str]) -> list[int]:
    return [int(locator.rpartition("#")[2]) for locator in found]


@pytest.mark.parametrize(("rate", "step"), [(60, 8), (30, 4), (24, 3), (10, 2), (5, 1)])
def test_frames_lie_an_eighth_of_a_second_apart(tmp_path: Path, rate: int, step: int) -> None:
    _video(tmp_path / "clip.mp4", np.arange(25) / rate)
    found = records("video", tmp_path / "clip.mp4")
    assert _numbers([r.image for r in found]) == list(range(0, 25, step))
    gaps = [after.time - before.time for before, after in pairwise(found) if before.time is not None]
    assert all(STRIDE - 2e-3 <= gap <= 0.2 + 2e-3 for gap in gaps)


def test_neighbours_are_the_listed_frames_before_and_after(tmp_path: Path) -> None:
    _video(tmp_path / "clip.mp4", np.arange(13) / 30)
    found = records("video", tmp_path)
    assert [_numbers(list(r.neighbours)) for r in found] == [[], [0, 8], [4, 12], []]
    assert found[0].id == "clip.mp4/000000"
    assert found[1].label is None


def test_frames_are_numbered_as_shown_even_if_stored_in_another_order(tmp_path: Path) -> None:
    path = _video(tmp_path / "clip.mp4", np.arange(13) / 30, b_frames=2)
    assert _numbers([r.image for r in records("video", path)]) == [0, 4, 8, 12]
    with av.open(str(path)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == 13
    for number, pixels in enumerate(shown):
        np.testing.assert_array_equal(load_image(f"{path}#{number}"), pixels)


def test_a_pause_cuts_the_clip(tmp_path: Path) -> None:
    _video(tmp_path / "clip.mp4", [0, 0.2, 0.4, 1.4, 1.6, 1.8])
    assert [len(r.neighbours) for r in records("video", tmp_path)] == [0, 2, 0, 0, 2, 0]


def test_folders_are_searched_and_videos_are_scenes(tmp_path: Path) -> None:
    _video(tmp_path / "b/x.mp4", [0, 0.2])
    _video(tmp_path / "a.mkv", [0, 0.2])
    assert [r.scene for r in records("video", tmp_path)] == ["a.mkv", "a.mkv", "b/x.mp4", "b/x.mp4"]


def test_a_camera_must_fit_the_stored_frames(tmp_path: Path) -> None:
    path = _video(tmp_path / "clip.mp4", [0, 0.2])
    camera = Camera.from_fov(60, 64, 48)
    assert records("video", path, camera=camera)[0].camera == camera
    with pytest.raises(DataError, match=r"clip\.mp4: frames are 64x48, but the camera is for 48x64"):
        records("video", path, camera=Camera.from_fov(60, 48, 64))


def test_files_that_are_no_video_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no video in it or below it"):
        records("video", tmp_path)
    path = text(tmp_path / "clip.mp4", "not a video")
    with pytest.raises(DataError, match=r"clip\.mp4: is no video, or damaged"):
        records("video", tmp_path)
    path.unlink()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match=r"clip\.mp4: has no picture in it"):
        records("video", tmp_path)


@pytest.mark.parametrize(("codec", "kind"), [("libx264", "h264"), ("mpeg4", "m4v")])
def test_raw_streams_without_time_stamps_are_refused_with_a_remedy(
    codec: str, kind: str, tmp_path: Path
) -> None:
    """FFmpeg gives frames of m4v invented times, 25 per second."""
    _video(tmp_path / f"clip.{kind}.mp4", np.arange(4) / 30, codec=codec, container_format=kind)
    with pytest.raises(
        DataError, match=rf"mp4: has frames without time stamps \(a raw {kind} stream.*ffmpeg -r RATE"
    ):
        records("video", tmp_path)


def test_a_video_without_frames_is_named(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(DataError, match=r"clip\.mkv: "):
        records("video", tmp_path)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60).map(sorted))
def test_chosen_frames_begin_with_the_first_and_are_never_too_close(times: list[float]) -> None:
    chosen = choose_frames(times)
    assert chosen[0] == 0
    assert all(times[b] - times[a] >= STRIDE - 1e-3 for a, b in pairwise(chosen))
    for index, time in enumerate(times):  # nothing is left out without reason
        before = max(i for i in chosen if i <= index)
        assert index == before or time - times[before] < STRIDE
