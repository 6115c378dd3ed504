"""What a server allows: every limit in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from onedepth.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names of this machine for itself."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a server takes on.

    Attributes:
        upload_bytes: Largest body of a request.
        held_bytes: All bodies together that are in memory at a time.
        pixels: Largest photo, width times height, checked before anything is decoded.
        jobs: Photos that wait or are worked on; further ones are answered 503.
        workers: Photos that are worked on at a time.
        upload_seconds: Time for a body to arrive.
        answer_seconds: Time from the body's last byte to the answer.
        connections: Open connections; further ones are closed with 503.
    """

    upload_bytes: int = 32 * 2**20
    held_bytes: int = 256 * 2**20
    pixels: int = 50_000_000
    jobs: int = 16
    workers: int = 2
    upload_seconds: float = 30.0
    answer_seconds: float = 60.0
    connections: int = 256

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(f"{name.replace('_', ' ')} is {value}, expected a number above 0")
        if self.held_bytes < self.upload_bytes:
            raise ConfigError(
                f"held bytes are {self.held_bytes}, expected at least the {self.upload_bytes} of one upload"
            )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server answers.

    Attributes:
        token: What clients have to send as `Authorization: Bearer TOKEN`; None lets everybody in.
        hosts: Names under which the server answers (without port), against pages elsewhere that let their own
            name point to this machine; None for any.
        limits: How much it takes on.
    """

    token: str | None = None
    hosts: tuple[str, ...] | None = LOOPBACK
    limits: Limits = field(default_factory=Limits)
