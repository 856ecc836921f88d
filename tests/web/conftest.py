"""A running studio, shared by the tests of a file, and clients that behave like browsers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the studio needs the extra `web`")
pytest.importorskip("uvicorn", reason="the studio needs the extra `web`")

from studio_client import Client
from studio_page import add_film
from studio_rig import RunningStudio, running_studio

from summdiff.pipeline import Summarizer

sys.path.append(str(Path(__file__).parents[1] / "audio"))  # the made voice
SCENES = [(4.0, "forest"), (5.0, "street"), (4.0, "beach"), (3.0, "night"), (4.0, "dusk")]


@pytest.fixture(scope="session")
def summarizer() -> Summarizer:
    """One for all tests, with their cache, so that each film is analyzed once."""
    return Summarizer()


@pytest.fixture(scope="session")
def film(make_video):
    """A film of 20 seconds with five scenes and sound; few frames, as many tests analyze it."""
    return make_video(scenes=SCENES, fps=10, sound=True)


@pytest.fixture(scope="module")
def studio(summarizer, tmp_path_factory) -> Iterator[RunningStudio]:
    with running_studio(
        tmp_path_factory.mktemp("studio") / "files", summarizer=summarizer, max_upload=3_000_000
    ) as running:
        yield running


@pytest.fixture
def owner(studio) -> Client:
    """A browser that opened the printed address."""
    client = Client(studio.port)
    assert client.get("/?" + studio.url.partition("?")[2]).status == 303
    return client


@pytest.fixture
def guest(studio) -> Client:
    """A browser that opened the plain address."""
    client = Client(studio.port)
    assert client.get("/").status == 200
    return client


@pytest.fixture
def open_page(shown) -> Iterator[Callable[..., Any]]:
    """A function that opens a studio's page in a window of its own; what its console calls an error fails the test."""
    pages = []

    def opening(studio: RunningStudio, *, hints: bool = False, **context: Any) -> Any:
        size = {"viewport": {"width": 1280, "height": 720}, "accept_downloads": True}
        window = shown.new_context(**{**size, **context})
        page = window.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
        page.on("request", lambda request: request.url.startswith(studio.plain) or page.faults.append(request.url))
        if not hints:
            page.add_init_script("try { localStorage.setItem('summdiff:hints', '3'); } catch {}")
        page.goto(studio.url)
        page.wait_for_selector("body[data-view]")
        pages.append(page)
        return page

    yield opening
    for page in pages:
        page.context.close()
    assert [page.faults for page in pages] == [[] for _ in pages]


@pytest.fixture
def page(open_page, studio) -> Any:
    """The page of the shared studio, without videos."""
    return open_page(studio)


@pytest.fixture
def ready(page, film) -> Any:
    """The page with a film that was uploaded and watched."""
    return add_film(page, film.path)
