"""Run the server with uvicorn on a socket of ours."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass

from onedepth.apps.web.settings import Settings
from onedepth.errors import ConfigError
from onedepth.predict.modelfile import usable_cores
from onedepth.predict.predictor import Predictor

_MOST_WORKERS = 4
_KEEP_ALIVE = 15


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int


def default_workers() -> int:
    """One photo per core, but not more in memory than four."""
    return min(_MOST_WORKERS, usable_cores())


def threads_per_worker(workers: int) -> int:
    """Threads of one prediction, so that all workers together have every core once."""
    return max(1, usable_cores() // workers)


def open_socket(address: Address) -> socket.socket:
    """Listen, so that a port in use is told before a model is loaded.

    Raises:
        ConfigError: The address is unknown, or not free.
    """
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot listen on {address.host} port {address.port} ({reason}); "
            "choose others with --host and --port"
        ) from None


def run(listener: socket.socket, predictor: Predictor, settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    from onedepth.apps.web.server import make_app

    sys.stdout.flush()  # the address, for whoever reads it through a pipe
    config = uvicorn.Config(
        make_app(predictor, settings),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=10,
        limit_concurrency=settings.limits.connections,
    )
    uvicorn.Server(config).run(sockets=[listener])
