"""Video: depth of a clip, frame by frame in bounded memory, made steady over time. No torch in here."""

from onedepth.video.reading import Clip, is_video
from onedepth.video.run import VideoOptions, predict_video
from onedepth.video.stabilize import stabilize

__all__ = ["Clip", "VideoOptions", "is_video", "predict_video", "stabilize"]
