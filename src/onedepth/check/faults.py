"""Errors of reading sorted into kinds of findings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from onedepth.check.kinds import Finding
from onedepth.errors import OneDepthError

_BY_WORDS = (
    (r"8-bit picture|found uint8|expected 16 bits or floating point", "eight_bit"),
    (r"claims \d+x\d+ pixels|claims [\d,]+ bytes|more than the [\d,]+ (bytes )?of any photo", "too_large"),
    (r"the label is \d+x\d+, its image", "mis_sized"),
    (r"the mask is \(", "mis_sized"),
    (r"becomes depth only with a camera|needs a camera|or give a camera", "camera_needed"),
    (r"has no member|no such object|No such file", "missing"),
    (r"cannot be read \(|is a folder|no regular file|is not read from", "unreadable"),
    (r"pip install|names no file|expected plain files", "unreadable"),
)  # fmt: skip
"""What the messages of our readers say -> kind; the first that fits counts, anything else is damage."""


def finding_of(error: Exception) -> Finding:
    """The finding that an error of reading stands for."""
    if isinstance(error, MemoryError):
        return Finding("too_large", "does not fit into memory")
    text = " ".join(str(error).split())
    if not isinstance(error, OneDepthError):
        return Finding("corrupt", f"{type(error).__name__}: {text[:200]}")
    if any(isinstance(cause, FileNotFoundError) for cause in _causes(error)):
        return Finding("missing", text)
    kind = next((kind for words, kind in _BY_WORDS if re.search(words, text)), "corrupt")
    return Finding(kind, text)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__
