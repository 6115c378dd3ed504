"""Prediction: an exported model file turns photos into `DepthMap`s. No torch in here."""
