"""Clips through the whole way: times, sound, rotation, colours, memory."""

import gc
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clip_builder import Pixels, decoded, packets, sound_begins, texture, write_clip

from onedepth import Camera, DepthMap, Predictor
from onedepth.errors import ConfigError, ImageError, OneDepthError
from onedepth.predict.predictor import Prediction
from onedepth.video import Clip, VideoOptions, is_video, predict_video
from onedepth.video.run import colour_range

OFF = VideoOptions(stabilize="off")


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(tiny_model, threads=1)


def _greys(*levels: int, size: tuple[int, int] = (48, 64)) -> list[Pixels]:
    return [np.full((*size, 3), level, np.uint8) for level in levels]


def _hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# Reading


def test_frames_come_upright_and_in_time(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = 255  # upper left
    times = [0, 40, 120, 130, 400]
    for rotation, corner in ((0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (-90, (0, 1))):
        clip = write_clip(tmp_path / "clip.mp4", [picture] * 5, times=times, rotation=rotation)
        with Clip(clip) as opened:
            frames = list(opened.frames())
        assert [round(1000 * frame.time) for frame in frames] == times
        pixels = frames[0].pixels
        assert pixels.shape == ((48, 64, 3) if rotation % 180 == 0 else (64, 48, 3))
        height, width = (n // 2 for n in pixels.shape[:2])
        bright = pixels[..., 0].reshape(2, height, 2, width).mean((1, 3))
        assert np.unravel_index(bright.argmax(), (2, 2)) == corner, rotation


def test_pixels_become_square(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", _greys(9, 9), pixel_aspect=Fraction(3, 2))
    with Clip(clip) as opened:
        assert next(opened.frames()).pixels.shape == (48, 96, 3)


def test_a_clip_knows_its_length(tmp_path: Path) -> None:
    with Clip(write_clip(tmp_path / "clip.mp4", _greys(*range(50)))) as clip:
        assert clip.expected_frames == 50
        assert clip.seconds == pytest.approx(2.0, abs=0.05)
        assert len(list(clip.sample(4))) >= 1
        assert len(list(clip.frames())) == 50  # from the beginning, after a sample


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b""), "no video, or damaged"),
        (lambda path: path.write_bytes(b"no video" * 99), "no video, or damaged"),
    ],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, make: Callable[[Path], Any], reason: str) -> None:
    make(tmp_path / "clip.mp4")
    with pytest.raises(ImageError, match=reason):
        Clip(tmp_path / "clip.mp4")


def test_sound_alone_and_huge_frames_are_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ImageError, match="only sound"):
        Clip(tmp_path / "sound.mkv")
    with pytest.raises(ImageError, match="64x48"):
        Clip(write_clip(tmp_path / "clip.mp4", _greys(9)), max_pixels=64 * 47)


def test_suffixes_of_videos() -> None:
    assert is_video("A.MP4")
    assert not is_video("a.jpg")
    assert not is_video("mp4")


# A folder of depth


def test_every_frame_becomes_the_depth_of_its_picture(tmp_path: Path, predictor: Predictor) -> None:
    pictures = _greys(0, 60, 200)
    clip = write_clip(tmp_path / "clip.mp4", pictures, times=[0, 40, 200])
    options = VideoOptions(stabilize="off", formats={"npz": {}, "png16": {}})
    result = predict_video(clip, tmp_path / "out", predictor, options)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        *(f"{number:06d}.{ending}" for number in range(3) for ending in ("npz", "png")),
        "times.csv",
    ]
    for number, picture in enumerate(pictures):
        found = DepthMap.load(tmp_path / "out" / f"{number:06d}.npz")
        assert found.values == pytest.approx(predictor.predict(picture).values, rel=0.01)
        assert found.camera is not None
        assert found.camera.focal_source == "assumed"
    times = (tmp_path / "out" / "times.csv").read_text().split()
    assert times == ["frame,seconds", "000000,0.000000", "000001,0.040000", "000002,0.200000"]
    assert (result.frames, result.seconds, result.size) == (3, 0.2, (64, 48))


def test_the_given_camera_is_for_upright_frames(tmp_path: Path, predictor: Predictor) -> None:
    clip = write_clip(tmp_path / "clip.mp4", _greys(9, 9), rotation=90)
    options = VideoOptions(camera_of=lambda width, height: Camera.from_focal(33, width, height))
    predict_video(clip, tmp_path / "out", predictor, options)
    depth = DepthMap.load(tmp_path / "out" / "000001.png")
    assert depth.camera is not None
    assert (depth.camera.size, depth.camera.fx) == ((48, 64), 33)


def test_frames_of_an_earlier_run_are_replaced_and_nothing_else(tmp_path: Path, predictor: Predictor) -> None:
    clip = write_clip(tmp_path / "clip.mp4", _greys(9, 9, 9))
    short = write_clip(tmp_path / "short.mp4", _greys(9))
    out = tmp_path / "out"
    predict_video(clip, out, predictor, OFF)
    predict_video(short, out, predictor, OFF)
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "times.csv"]
    (out / "diary.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"diary\.txt"):
        predict_video(clip, out, predictor, OFF)
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "diary.txt", "times.csv"]
    assert _hidden(tmp_path) == []


# A film


def test_times_of_frames_are_kept(tmp_path: Path, predictor: Predictor) -> None:
    times = [0, 40, 120, 130, 400, 440]
    clip = write_clip(tmp_path / "clip.mp4", [texture(48, 64, n) for n in range(6)], times=times)
    predict_video(clip, tmp_path / "out.mp4", predictor, OFF)
    frames, found = decoded(tmp_path / "out.mp4")
    assert found == pytest.approx([time / 1000 for time in times], abs=2e-4)
    assert frames[0].shape[0] == 48


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "aac"), ("mkv", "pcm_s16le")])
def test_sound_is_copied_packet_by_packet(
    tmp_path: Path, predictor: Predictor, suffix: str, codec: str
) -> None:
    clip = write_clip(tmp_path / f"clip.{suffix}", [texture(48, 64)] * 30, audio=codec)
    result = predict_video(clip, tmp_path / f"out.{suffix}", predictor)
    stored = packets(clip, "audio")
    assert len(stored) > 5
    assert packets(tmp_path / f"out.{suffix}", "audio") == stored
    assert result.sound is True


@pytest.mark.parametrize("first", [0, 1400])
def test_sound_stays_with_its_frames(tmp_path: Path, predictor: Predictor, first: int) -> None:
    """Also where a clip does not begin at zero, as those of cameras and broadcasts."""
    times = [first + 40 * number for number in range(20)]
    clip = write_clip(tmp_path / "clip.mkv", [texture(48, 64)] * 20, times=times, audio="pcm_s16le")
    result = predict_video(clip, tmp_path / "out.mkv", predictor)
    assert result.seconds == pytest.approx(0.76)
    assert sound_begins(tmp_path / "out.mkv") == pytest.approx(sound_begins(clip), abs=0.01)


def test_sound_that_the_film_cannot_hold_is_left_out_and_said(tmp_path: Path, predictor: Predictor) -> None:
    clip = write_clip(tmp_path / "clip.avi", _greys(9, 90) * 5, audio="pcm_mulaw")
    result = predict_video(clip, tmp_path / "out.mp4", predictor, OFF)
    assert result.sound is False
    assert packets(tmp_path / "out.mp4", "audio") == []
    assert len(decoded(tmp_path / "out.mp4")[0]) == 10


def test_colours_mean_the_same_in_every_frame(tmp_path: Path, predictor: Predictor) -> None:
    """A depth has one colour through the clip, also when the range of single frames changes."""
    levels = [0, 250, 100, 250, 0, 100]
    clip = write_clip(tmp_path / "clip.mp4", _greys(*levels))
    options = VideoOptions(stabilize="off", colormap="gray", limits=(0.5, 3.0))
    result = predict_video(clip, tmp_path / "out.mp4", predictor, options)
    found = [float(frame[8:40, 8:56].mean()) for frame in decoded(tmp_path / "out.mp4")[0]]
    assert result.limits == (0.5, 3.0)
    for one, other in ((0, 4), (1, 3), (2, 5)):
        assert found[one] == pytest.approx(found[other], abs=2)
    near_far = [1 / predictor.predict(picture).values.mean() for picture in _greys(*levels)]
    expected = [255 * (disparity - 1 / 3) / (2 - 1 / 3) for disparity in near_far]
    assert found == pytest.approx(expected, abs=5)


def test_the_range_is_that_of_the_whole_clip(tmp_path: Path, predictor: Predictor) -> None:
    """Key frames are far apart in a short clip, so every frame here is one."""
    clip = tmp_path / "clip.mkv"
    import av

    with av.open(str(clip), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for level in range(0, 250, 10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_greys(level)[0], "rgb24")))
        container.mux(stream.encode())
    with Clip(clip) as opened:
        near, far = colour_range(opened, predictor, OFF)
    ends = [float(predictor.predict(picture).values.mean()) for picture in _greys(0, 240)]
    assert near == pytest.approx(ends[0], rel=0.06)
    assert far == pytest.approx(ends[1], rel=0.06)


def test_side_by_side_shows_the_clip_first(tmp_path: Path, predictor: Predictor) -> None:
    pictures = [texture(48, 63 + 1)] * 4
    clip = write_clip(tmp_path / "clip.mp4", pictures)
    predict_video(clip, tmp_path / "out.mp4", predictor, VideoOptions(side_by_side=True))
    frame = decoded(tmp_path / "out.mp4")[0][2]
    assert frame.shape == (48, 128, 3)
    assert np.abs(frame[:, :64].astype(int) - pictures[0]).mean() < 12


def test_odd_sizes_get_a_last_column(tmp_path: Path, predictor: Predictor) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [texture(47, 65)] * 3)
    predict_video(clip, tmp_path / "out.mp4", predictor)
    assert decoded(tmp_path / "out.mp4")[0][0].shape == (48, 66, 3)


# Faults


class _Counting:
    """A predictor that knows how many of its depth maps are alive."""

    def __init__(self, predictor: Predictor, fail_at: int | None = None) -> None:
        self.info, self._predictor, self._fail_at = predictor.info, predictor, fail_at
        self.made, self.alive, self.most = 0, 0, 0

    def predict_view(self, *arguments: Any, **options: Any) -> Prediction:
        if self.made == self._fail_at:
            raise KeyboardInterrupt
        prediction = self._predictor.predict_view(*arguments, **options)
        self.made, self.alive = self.made + 1, self.alive + 1
        self.most = max(self.most, self.alive)
        weakref.finalize(prediction.depth.values.base, self._gone)
        return prediction

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("name", ["out", "out.mp4"])
@pytest.mark.parametrize("mode", ["full", "off"])
def test_few_frames_are_alive_however_long_the_clip(
    tmp_path: Path, predictor: Predictor, name: str, mode: Any
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [texture(32, 32, n % 3) for n in range(120)], audio="aac")
    counting: Any = _Counting(predictor)
    gc.collect()
    gc.disable()  # nothing may wait for the collector
    try:
        options = VideoOptions(stabilize=mode, limits=(0.5, 3.0))
        assert predict_video(clip, tmp_path / name, counting, options).frames == 120
    finally:
        gc.enable()
    assert counting.made == 120
    assert counting.most <= 8


@pytest.mark.parametrize("name", ["out", "out.mp4"])
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, predictor: Predictor, name: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", _greys(*range(40)))
    counting: Any = _Counting(predictor, fail_at=30)
    with pytest.raises(KeyboardInterrupt):
        predict_video(clip, tmp_path / name, counting, VideoOptions(limits=(0.5, 3.0)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@pytest.mark.parametrize("name", ["out", "out.mkv"])
def test_a_clip_that_breaks_off_gives_what_it_holds(tmp_path: Path, predictor: Predictor, name: str) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [texture(48, 64, n) for n in range(40)])
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    result = predict_video(clip, tmp_path / name, predictor, OFF)
    assert 5 < result.frames < 40
    assert (tmp_path / name).exists()


def test_an_output_that_cannot_be_written_is_an_error_of_one_line(
    tmp_path: Path, predictor: Predictor
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", _greys(1, 2))
    for output in (tmp_path / "no" / "out.mp4", tmp_path / "clip.mp4" / "out", tmp_path / "out.avi"):
        with pytest.raises(OneDepthError) as error:
            predict_video(clip, output, predictor, OFF)
        assert "\n" not in str(error.value)
