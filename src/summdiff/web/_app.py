"""The studio's web application: the page, and the HTTP API described in docs/studio.md and at /api/openapi.json.

A request sees only its own session: every id is looked up there, so ids of other sessions are unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from summdiff._version import __version__
from summdiff.errors import SummdiffError
from summdiff.export import printable
from summdiff.web import _api_edits, _api_videos
from summdiff.web._security import Access, Guard, disk_problem
from summdiff.web._studio import Studio
from summdiff.web._uploads import TooLargeError

STATIC = Path(__file__).parent / "static"
ROUTERS = (_api_videos.router, _api_edits.router)
_NO_CACHE = {"cache-control": "no-cache"}  # browsers check for a new version at every load


def create_app(studio: Studio, access: Access) -> FastAPI:
    """Create the application. It closes the studio when it shuts down."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(
        title="summdiff studio",
        version=__version__,
        description="The API of the page that `summdiff serve` opens. All requests need the session cookie that the "
        "printed address sets; requests that change something need the header `X-Summdiff: 1`.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.studio = studio
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", _StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, access=access, sessions=studio.sessions)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8", headers=_NO_CACHE)

    @app.exception_handler(SummdiffError)
    def on_known_error(request: Request, error: Exception) -> JSONResponse:
        detail = printable(studio.without_paths(str(error)))
        return JSONResponse({"detail": detail}, 413 if isinstance(error, TooLargeError) else 422)

    @app.exception_handler(OSError)
    def on_system_error(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": disk_problem(error)}, 507)

    @app.exception_handler(RequestValidationError)
    def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        places = ", ".join(dict.fromkeys(".".join(map(str, problem["loc"][1:])) or "the body" for problem in problems))
        return JSONResponse({"detail": f"The request is invalid at {places}: see /api/openapi.json."}, 422)

    return app


class _StaticFiles(StaticFiles):
    """The files of the page, checked by the browser at every load."""

    def file_response(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        response = super().file_response(*args, **kwargs)
        response.headers.update(_NO_CACHE)
        return response
