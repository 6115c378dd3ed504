"""Why a request gets no depth: one status and one message each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class RequestError(Exception):
    """An answer other than 200.

    Attributes:
        status: HTTP status.
        message: One line for people.
        headers: Of the answer.
    """

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


def busy(seconds: int, what: str) -> RequestError:
    """The server has its hands full; come back in so many seconds."""
    text = f"busy: {what}; try again in {seconds} s"
    return RequestError(503, text, {"Retry-After": str(seconds)})


def closing(status: int, message: str) -> RequestError:
    """An answer given before the body was read; what is still on its way is not waited for."""
    return RequestError(status, message, {"Connection": "close"})
