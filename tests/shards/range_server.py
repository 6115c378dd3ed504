"""A web server on this machine that serves a folder, with range requests, as object stores do."""

import contextlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def serve(folder: Path, *, ranges: bool = True, log: list[str] | None = None) -> Iterator[str]:
    """Yield the URL of the folder; `log` collects path and range of every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = folder / self.path.lstrip("/")
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if log is not None and body:
                log.append(f"{self.path} {self.headers.get('Range')}")
            data = path.read_bytes() if path.is_file() else b""
            part = data
            if wanted and ranges:
                part = data[int(wanted[1]) : int(wanted[2]) + 1 if wanted[2] else None]
            self.send_response((206 if wanted and ranges else 200) if path.is_file() else 404)
            self.send_header("Content-Length", str(len(part)))
            if ranges:
                self.send_header("Accept-Ranges", "bytes")
            if wanted and ranges:
                start = int(wanted[1])
                self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(data)}")
            self.end_headers()
            if body:
                self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
