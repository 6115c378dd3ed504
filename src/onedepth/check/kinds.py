"""What can be wrong with a record: the names of findings, how bad they are, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Severity = Literal["unusable", "repairable", "suspicious", "note"]

SEVERITIES: Mapping[Severity, str] = {
    "unusable": "cannot be used; --fix leaves it out",
    "repairable": "--fix mends it",
    "suspicious": "may be right; look at it",
    "note": "worth knowing; no fault",
}


class Kind(NamedTuple):
    """A kind of finding: how bad it is, its name for people, and how to mend it."""

    severity: Severity
    title: str
    remedy: str


class Finding(NamedTuple):
    """One thing that is wrong with one record: a name of `KINDS`, and a line that says what was found."""

    kind: str
    message: str


KINDS: Mapping[str, Kind] = {
    "bad_record": Kind("unusable", "line breaks the rules", "mend the line, or index the data set again"),
    "missing": Kind("unusable", "file is missing", "copy it again, or index the data set again"),
    "unreadable": Kind("unusable", "file cannot be opened", "mend its permissions, link or address"),
    "corrupt": Kind("unusable", "file is damaged or cut off", "copy it again"),
    "too_large": Kind("unusable", "file claims too many pixels", "distrust it; shrink it if it is honest"),
    "eight_bit": Kind("unusable", "8-bit picture as depth", "use the file that the picture was made from"),
    "mis_sized": Kind("unusable", "label does not fit the image", "pair the right files, or say kind coarse"),
    "camera_size": Kind("unusable", "camera is for another image size", "scale the camera with the image"),
    "camera_needed": Kind("unusable", "label cannot be used without camera", "give the camera"),
    "empty": Kind("unusable", "label measures nothing", "leave it out"),
    "constant": Kind("unusable", "label is one number everywhere", "leave it out, or export it again"),
    "duplicate_id": Kind("unusable", "id is taken", "give every record its own id"),
    "image_in_splits": Kind("unusable", "image is in two splits", "leave it out of the one to train on"),
    "scene_in_splits": Kind("unusable", "scene is in two splits", "split by scenes"),
    "neighbour_missing": Kind("repairable", "neighbouring image is missing", "take the neighbours out"),
    "right_missing": Kind("repairable", "right view is missing", "take the right view out"),
    "unit": Kind("suspicious", "unit looks wrong", "index with another --scale"),
    "inverted": Kind("suspicious", "depth and disparity look mistaken", "index with the other --quantity"),
    "negative": Kind(
        "suspicious", "label holds negative numbers", "find out what they mean; they are left out"
    ),
    "camera": Kind("suspicious", "camera is implausible", "look at focal length and centre"),
    "blank_image": Kind("suspicious", "image is one colour", "leave it out"),
    "similar_in_splits": Kind("suspicious", "images of two splits look alike", "compare them"),
    "not_finite": Kind("note", "label holds NaN or infinity", "nothing: they count as not measured"),
    "no_camera": Kind("note", "metres without a camera", "give the camera; training leaves these out"),
}

BITS: Mapping[str, int] = {kind: 1 << place for place, kind in enumerate(KINDS)}
"""Findings of a record as the bits of one number."""


def bits_of(*severities: Severity) -> int:
    """All bits of findings of these severities."""
    return sum(bit for kind, bit in BITS.items() if KINDS[kind].severity in severities)
