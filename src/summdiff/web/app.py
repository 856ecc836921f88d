"""The studio's ASGI application: the guard, the page and the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from summdiff import __version__
from summdiff.errors import SummdiffError
from summdiff.export import printable
from summdiff.web.intake import TooLargeError
from summdiff.web.routes import router
from summdiff.web.security import Access, Guard
from summdiff.web.work import Studio

STATIC = Path(__file__).parent / "static"
_FRESH = {"cache-control": "no-cache"}  # asked about at every load, so that an update is seen at once


def create_app(studio: Studio, access: Access) -> FastAPI:
    """Put the application together. It closes the studio when it shuts down."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(
        title="summdiff studio",
        version=__version__,
        description="What the page of `summdiff serve` talks to. Requests that change something need the header "
        "`X-Summdiff: 1`; all need the session cookie that opening the printed address gives.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.studio = studio
    app.include_router(router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_middleware(Guard, access=access, sessions=studio.sessions)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8", headers=_FRESH)

    @app.exception_handler(SummdiffError)
    def known(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": printable(str(error))}, 413 if isinstance(error, TooLargeError) else 422)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        places = ", ".join(dict.fromkeys(".".join(map(str, problem["loc"][1:])) or "the body" for problem in problems))
        return JSONResponse({"detail": f"The request is not as /api/openapi.json has it: see {places}."}, 422)

    return app


class _Static(StaticFiles):
    """The page's files, each time asked about."""

    def file_response(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        response = super().file_response(*args, **kwargs)
        response.headers.update(_FRESH)
        return response
