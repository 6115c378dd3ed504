"""The photo of a request: read into memory within limits of size and time, never onto a disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from onedepth.apps.web.errors import RequestError, busy, closing
from onedepth.apps.web.settings import Limits

FIELD = "image"
"""Name of the form field that holds the photo."""


class Budget:
    """Bytes of bodies that may be in memory at a time. Slow clients hold only what they have sent."""

    def __init__(self, limit: int) -> None:
        self.held = 0
        self._limit = limit
        self._lock = threading.Lock()

    @contextmanager
    def hold(self) -> Iterator[_Hold]:
        """Count bytes until the block ends."""
        hold = _Hold(self)
        try:
            yield hold
        finally:
            self._add(-hold.bytes)

    def _add(self, count: int) -> bool:
        with self._lock:
            if count > 0 and self.held + count > self._limit:
                return False
            self.held += count
            return True


class _Hold:
    def __init__(self, budget: Budget) -> None:
        self.bytes = 0
        self._budget = budget

    def add(self, count: int) -> None:
        """Raises: RequestError: the memory for uploads is full."""
        if not self._budget._add(count):
            raise busy(2, "the memory for uploads is full")
        self.bytes += count


async def read_upload(request: Request, limits: Limits, hold: _Hold) -> bytes:
    """Return the photo of a request: its body, or the field `image` of a form.

    Args:
        request: Not yet read.
        limits: Of size and time.
        hold: Counts the bytes in memory; they stay counted after the return.

    Raises:
        RequestError: Too large (413), too slow (408), memory full (503), or no photo in it (400).
        ClientDisconnect: The client has gone.
    """
    _check_declared(request, limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.upload_seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limits.upload_bytes:
                    raise _too_large(limits)
                hold.add(len(chunk))
                body += chunk
    except TimeoutError:
        raise closing(
            408, f"the upload took longer than {limits.upload_seconds:g} s; {len(body)} bytes came"
        ) from None
    kind = request.headers.get("content-type", "")
    photo = await _from_form(request, body) if kind.startswith("multipart/form-data") else bytes(body)
    if not photo:
        raise RequestError(400, f"the upload is empty; send a photo as the body, or as form field {FIELD!r}")
    return photo


def _check_declared(request: Request, limits: Limits) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.upload_bytes:
        raise _too_large(limits)


def _too_large(limits: Limits) -> RequestError:
    return closing(413, f"the upload is larger than the limit of {limits.upload_bytes / 2**20:.4g} MiB")


_FIELDS = 16  # beyond the file, only to name them in the refusal


class _InMemory(MultiPartParser):
    """Starlette's parser writes parts above a megabyte to a temporary file; here nothing may touch a disk."""

    spool_max_size = 2**62


async def _from_form(request: Request, body: bytearray) -> bytes:
    async def once() -> AsyncGenerator[bytes, None]:
        yield bytes(body)

    try:
        form = await _InMemory(request.headers, once(), max_files=1, max_fields=_FIELDS).parse()
    except (MultiPartException, KeyError, UnicodeError, ValueError) as error:
        reason = getattr(error, "message", "") or "damaged"
        raise RequestError(400, f"the form cannot be read ({reason}); send one file as {FIELD!r}") from None
    parts: list[tuple[str, Any]] = form.multi_items()
    if len(parts) == 1 and parts[0][0] == FIELD and isinstance(parts[0][1], UploadFile):
        return await parts[0][1].read()
    names = sorted(
        repr(name[:40]) + ("" if isinstance(part, UploadFile) else " as text") for name, part in parts
    )
    raise RequestError(
        400,
        f"the form holds {', '.join(names) or 'nothing'}, expected one file as {FIELD!r}; "
        "options stand in the query of the address",
    )


__all__ = ["FIELD", "Budget", "ClientDisconnect", "read_upload"]
