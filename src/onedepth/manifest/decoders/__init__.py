"""Decoders of stored labels: encoding -> the function that makes an array of the file's own numbers.

A decoder returns (h, w) numbers as they are stored: integers, where 0 is no measurement, or floating point.
Scale, offset, masks and what the numbers mean are none of its business.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy.typing as npt

from onedepth.camera import Camera
from onedepth.files.images import DEFAULT_MAX_PIXELS
from onedepth.manifest.record import Encoding, Label

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class View:
    """What a decoder may have to know of the image that a label belongs to.

    Attributes:
        camera: Of the image; point files are projected into it.
        max_pixels: Largest width times height that a label may claim.
    """

    camera: Camera | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS


Decoder = Callable[[Label, View], Array]

DECODERS: Mapping[Encoding, str] = {
    "png16": "picture.decode",
    "png8_inverted": "picture.decode_inverted",
    "npy": "arrays.decode_npy",
    "npz": "arrays.decode_npz",
    "exr": "exr.decode",
    "pfm": "pfm.decode",
    "tiff": "tiff.decode",
    "dpt": "raw.decode_dpt",
    "float32": "raw.decode_float32",
    "uint16": "raw.decode_uint16",
    "hdf5": "hdf5.decode",
    "velodyne": "velodyne.decode",
    "colmap": "colmap.decode",
    "moge": "moge.decode",
    "seven_scenes": "seven_scenes.decode",
}

# Suffix -> encoding of masks, and of labels whose encoding nobody named.
BY_SUFFIX: Mapping[str, Encoding] = {
    ".png": "png16",
    ".npy": "npy",
    ".npz": "npz",
    ".exr": "exr",
    ".pfm": "pfm",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".dpt": "dpt",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".mat": "hdf5",
}


def decoder(encoding: Encoding) -> Decoder:
    """Find the decoder of an encoding; its module, and what that needs, is imported now."""
    module, _, function = DECODERS[encoding].partition(".")
    return cast(Decoder, getattr(importlib.import_module(f"{__name__}.{module}"), function))
