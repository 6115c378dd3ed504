"""Prediction: an exported model file turns photos into `DepthMap`s. No torch in here."""

from onedepth.predict.modelfile import ModelInfo
from onedepth.predict.predictor import Prediction, Predictor, load

__all__ = ["ModelInfo", "Prediction", "Predictor", "load"]
