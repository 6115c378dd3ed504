"""`onedepth serve`: an HTTP API for depth and a page to try it, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from onedepth.apps.cli._app import say
from onedepth.apps.cli._options import Device, ModelFile


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reached from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    model: ModelFile = None,
    device: Device = "auto",
    token: Annotated[
        str | None,
        typer.Option(envvar="ONEDEPTH_TOKEN", help="Ask clients for this token.", show_envvar=True),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name under which the server is reached; again for several."),
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Largest upload.")] = 32,
    max_pixels: Annotated[int, typer.Option(min=1, help="Largest photo, width times height.")] = 50_000_000,
    queue: Annotated[int, typer.Option(min=1, help="Photos waiting or worked on; then 503.")] = 16,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Photos at a time; by default one per core, 4 at most.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for an answer.")] = 60.0,
) -> None:
    """Serve depth over HTTP, with a page at its address.

    Uploads stay in memory and nothing is kept. Everything works offline. `POST /v1/depth` answers in any
    format; `/openapi.json` describes it; `/healthz` and `/metrics` are for those who watch it.
    """
    from onedepth.apps.web.run import Address, default_workers, open_socket, run, threads_per_worker
    from onedepth.apps.web.settings import LOOPBACK, Limits, Settings
    from onedepth.errors import ConfigError
    from onedepth.predict.predictor import load

    if token is not None and not (token.isascii() and token.isprintable() and token and " " not in token):
        raise ConfigError(
            "--token: expected ASCII letters, digits and signs, no spaces; leave it out to let everybody in"
        )
    upload = max_megabytes * 2**20
    limits = Limits(
        upload_bytes=upload,
        held_bytes=max(Limits.held_bytes, 4 * upload),
        pixels=max_pixels,
        jobs=queue,
        workers=workers or default_workers(),
        answer_seconds=timeout,
    )
    local = host in LOOPBACK
    hosts = (*LOOPBACK, host, *(allow_host or ())) if local or allow_host else None
    socket = open_socket(Address(host, port))
    predictor = load(model, device, threads=threads_per_worker(limits.workers))
    if not local and token is None:
        say(f"warning: anybody who reaches {host} may use this server; --token keeps others out", err=True)
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{socket.getsockname()[1]}  (Ctrl-C stops)")
    run(socket, predictor, Settings(token=token, hosts=hosts, limits=limits))
