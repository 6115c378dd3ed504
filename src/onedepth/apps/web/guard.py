"""What stands before every request: who may ask, what answers may do in a browser, and their count."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onedepth.apps.web.metrics import Metrics
from onedepth.apps.web.settings import Settings

GUARDED = ("/v1/", "/metrics")
"""Beginnings of the paths that ask for the token; the page itself holds no secret."""

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self' blob:",  # blob: textures of a model that the page itself has loaded
    "media-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware; the outermost, so that no answer leaves without its headers."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, known: frozenset[str]) -> None:
        self._app, self._settings, self._metrics, self._known = app, settings, metrics, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._known else "other"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                self._metrics.request(path, message["status"])
            await send(message)

        refused = _refusal(scope, self._settings)
        await (refused or self._app)(scope, receive, send_with_headers)


def _refusal(scope: Scope, settings: Settings) -> JSONResponse | None:
    headers = Headers(scope=scope)
    host = _name(headers.get("host", ""))
    if settings.hosts is not None and host not in settings.hosts:
        return _refused(403, "this server does not answer to that host name; see --allow-host")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return _refused(403, "pages of other sites may not use this server")
    if settings.token is None or not scope["path"].startswith(GUARDED):
        return None
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and hmac.compare_digest(
        token.strip().encode("utf-8", "replace"), settings.token.encode("utf-8", "replace")
    ):
        return None
    found = "the token is wrong; it is" if token else "this server asks for its token,"
    refusal = _refused(401, f"{found} sent as `Authorization: Bearer TOKEN`")
    refusal.headers["WWW-Authenticate"] = "Bearer"
    return refusal


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status, {"Connection": "close"})


def _name(host: str) -> str:
    """A Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
