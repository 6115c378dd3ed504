"""The application: its routes, and what becomes of errors."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from onedepth import __version__
from onedepth.apps.web.answer import FACTS_HEADER, MEDIA_TYPES, Answer, answer
from onedepth.apps.web.errors import RequestError
from onedepth.apps.web.guard import Guard
from onedepth.apps.web.metrics import Metrics
from onedepth.apps.web.options import DepthOptions
from onedepth.apps.web.pool import Pool
from onedepth.apps.web.settings import Settings
from onedepth.apps.web.upload import FIELD, Budget, ClientDisconnect, read_upload
from onedepth.apps.web.wrong_query import wrong_query
from onedepth.errors import OneDepthError
from onedepth.files.colormaps import colormap
from onedepth.predict.depth_errors import DEFAULT_ERRORS
from onedepth.predict.predictor import Predictor

STATIC = Path(__file__).parent / "static"
_PHOTO = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "properties": {FIELD: _PHOTO}, "required": [FIELD]}
_BODY = {
    "required": True,
    "description": "The photo as it is, of any kind that can be read; or a form with one file.",
    "content": {
        "image/*": {"schema": _PHOTO},
        "application/octet-stream": {"schema": _PHOTO},
        "multipart/form-data": {"schema": _FORM},
    },
}
_ERROR = {
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}},
                "required": ["error"],
                "additionalProperties": False,
            }
        }
    }
}
_REASONS = {
    400: "The photo or the form cannot be read, or the format cannot hold its depth.",
    401: "The token is missing or wrong.",
    403: "Asked under a foreign host name, or by a page of another site.",
    408: "The upload took too long.",
    413: "The upload is too large.",
    422: "A value of the query is wrong.",
    500: "A fault of the server.",
    503: "The server is busy; Retry-After says for how long.",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The depth map. Every file carries the facts as JSON in its header OneDepth-Facts.",
        "content": {media_type: {} for media_type in MEDIA_TYPES.values()},
    },
    **{status: {"description": text, **_ERROR} for status, text in _REASONS.items()},
}
_ADDRESSES = {
    404: "no such address; the API is POST /v1/depth, described by /openapi.json, and the page is /",
    405: "not with this method; POST a photo to /v1/depth, GET the rest; /openapi.json describes them",
}
_log = logging.getLogger("onedepth.serve")


def make_app(predictor: Predictor, settings: Settings | None = None) -> Guard:
    """Build the server.

    Args:
        predictor: The model, opened with one thread per worker.
        settings: Token, hosts and limits.

    Returns:
        An ASGI application; `uvicorn.run` takes it.
    """
    settings = settings or Settings()
    pool, budget = Pool(settings.limits), Budget(settings.limits.held_bytes)
    metrics = Metrics(lambda: pool.pending, lambda: budget.held)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        pool.close()

    # FastAPI's own pages for docs come from a content delivery network; openapi.json stays.
    app = FastAPI(
        title="OneDepth",
        version=__version__,
        description="Metric depth from a single photo.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )

    @app.post(
        "/v1/depth",
        summary="Depth of a photo",
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra={"requestBody": _BODY},
    )
    async def depth(request: Request, options: Annotated[DepthOptions, Query()]) -> Response:
        start = time.perf_counter()
        with budget.hold() as hold:
            data = await read_upload(request, settings.limits, hold)
            work = partial(answer, predictor, data, options, settings.limits.pixels)
            found = await pool.run(work, request)
        metrics.depth(time.perf_counter() - start, found.seconds)
        return _response(found)

    @app.get("/v1/model", summary="What the model is, and what the server takes on")
    async def model() -> dict[str, Any]:
        info, limits = predictor.info, settings.limits
        return {
            "name": info.name,
            "version": info.version,
            "kind": info.kind,
            "licence": info.licence,
            "depth_errors": [list(row) for row in info.depth_errors or DEFAULT_ERRORS],
            "max_upload_bytes": limits.upload_bytes,
            "max_pixels": limits.pixels,
            "onedepth": __version__,
        }

    @app.get("/healthz", summary="Whether the server lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
    async def numbers() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/colormap.json", include_in_schema=False)
    async def colours() -> list[list[int]]:
        table: list[list[int]] = colormap("Spectral_r").tolist()
        return table

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/static", StaticFiles(directory=STATIC))
    _handle_errors(app)
    known = frozenset(route.path for route in app.routes if hasattr(route, "path"))
    return Guard(app, settings, metrics, known)


def _response(found: Answer) -> Response:
    headers = {FACTS_HEADER: json.dumps(found.facts)} if found.media_type != "application/json" else {}
    headers["Content-Disposition"] = f'attachment; filename="{found.filename}"'
    return Response(found.body, media_type=found.media_type, headers=headers)


def _handle_errors(app: FastAPI) -> None:
    """Every error is JSON with one message; only the log sees a traceback."""

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> Response:
        return _error(error.status, error.message, error.headers)

    @app.exception_handler(OneDepthError)
    async def unfit(_: Request, error: OneDepthError) -> Response:
        return _error(400, str(error))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=499)  # as nginx calls it; nobody hears it, the metrics count it

    @app.exception_handler(RequestValidationError)
    async def unfit_query(_: Request, error: RequestValidationError) -> Response:
        return _error(422, wrong_query(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        text = _ADDRESSES.get(error.status_code, str(error.detail))
        return _error(error.status_code, text, dict(error.headers or {}))

    @app.exception_handler(MemoryError)
    async def no_memory(_: Request, error: MemoryError) -> Response:
        return _error(503, "not enough memory for this photo now", {"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def ours(_: Request, error: Exception) -> Response:
        return _error(500, "a fault of the server; its log says more")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    text = " ".join(message.encode("utf-8", "replace").decode("utf-8").split())
    return JSONResponse({"error": text}, status, headers)
