"""Fingerprints: hashes of names and pixels, and a coarse one that survives re-encoding and resizing."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]

ALIKE = 6
"""Bits of 128 in which two pictures may differ and still look alike."""

_LEAST_CONTRAST = 6.0  # standard deviation of the tiny copy, of 255; a foggy sky looks like any other
_WINDOW = 8


def text_hash(text: str) -> int:
    """64 bits of a text, the same in every process; never 0."""
    return _hash(text.encode("utf-8", "surrogateescape"))


def pixel_hash(pixels: npt.NDArray[np.uint8]) -> int:
    """64 bits of an image's pixels and shape; never 0."""
    return _hash(repr(pixels.shape).encode(), np.ascontiguousarray(pixels))


def difference_hash(pixels: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Signs of brightness differences between neighbours in a tiny copy: 64 bits across, 64 bits down.

    After N. Krawetz, "Kind of like that" (2013).

    Args:
        pixels: (H, W, 3) uint8.

    Returns:
        Both as integers; (0, 0) for a picture without contrast, which would resemble every other one.
    """
    tiny = cv2.resize(pixels, (9, 9), interpolation=cv2.INTER_AREA).astype(np.float32).mean(axis=2)
    if tiny.std() < _LEAST_CONTRAST:
        return 0, 0
    return _pack(tiny[:8, 1:] > tiny[:8, :-1]), _pack(tiny[1:, :8] > tiny[:-1, :8])


def alike(across: Bits, down: Bits, split: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.intp], ...]:
    """Pairs of pictures of different splits that look alike.

    Pictures are sorted by one quarter of their bits at a time and compared with the next few in that order:
    alike ones share a quarter nearly always, and the time stays N log N.

    Args:
        across: (N,) first halves of `difference_hash`.
        down: (N,) second halves.
        split: (N,) numbers of splits.

    Returns:
        Two arrays of places; a pair may be listed more than once.
    """
    first, second = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    half = np.uint64(32)
    bands = (across >> half, across & np.uint64(0xFFFFFFFF), down >> half, down & np.uint64(0xFFFFFFFF))
    for band in bands:
        order = np.lexsort((down, across, band))
        for step in range(1, min(_WINDOW, len(order) - 1) + 1):
            a, b = order[:-step], order[step:]
            near = np.flatnonzero((band[a] == band[b]) & (split[a] != split[b]))
            a, b = a[near], b[near]
            near = np.flatnonzero(_count(across[a] ^ across[b]) + _count(down[a] ^ down[b]) <= ALIKE)
            first.append(a[near])
            second.append(b[near])
    return np.concatenate(first), np.concatenate(second)


def _hash(*parts: Any) -> int:
    state = hashlib.blake2b(digest_size=8)
    for part in parts:
        state.update(part)
    return int.from_bytes(state.digest(), "little") or 1


def _pack(signs: npt.NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(signs).tobytes(), "little")


def _count(bits: Bits) -> npt.NDArray[np.int64]:
    """How many bits are set in each number."""
    bytes_of = np.ascontiguousarray(bits).view(np.uint8).reshape(-1, 8)
    return np.asarray(np.unpackbits(bytes_of, axis=1).sum(axis=1, dtype=np.int64))
