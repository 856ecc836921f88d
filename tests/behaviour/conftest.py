"""Scenes and summaries that all tests of behaviour share: films whose content is known, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from composites import CLIPS, Film, Part, Scene, real_scene, textured_scene, write_film

from summdiff import Summarizer, Summary


@dataclass(frozen=True)
class Behaviour:
    """A film and the summaries that the product makes of it, by name of the selection."""

    film: Film
    summaries: dict[str, Summary]

    @property
    def summary(self) -> Summary:
        """By default."""
        return self.summaries["intervals"]


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> bool:
    """Whether the scenes are of real clips."""
    try:
        return (request.getfixturevalue("data_dir") / "videos").is_dir()
    except pytest.skip.Exception:
        return False


@pytest.fixture(scope="session")
def scenes(request: pytest.FixtureRequest, real: bool) -> dict[str, Scene]:
    """Scenes by name: of real clips, or textures where these are missing."""
    if not real:
        return {name: textured_scene(name) for name in CLIPS}
    return {name: real_scene(name, request.getfixturevalue("data_dir") / "videos") for name in CLIPS}


@pytest.fixture(scope="session")
def summarizer() -> Summarizer:
    return Summarizer()


@pytest.fixture(scope="session")
def summarized(tmp_path_factory, summarizer) -> Callable[..., Behaviour]:
    """A function that writes a film of parts and summarizes it with the options given."""

    def make(parts: Sequence[Part], **options) -> Behaviour:
        film = write_film(tmp_path_factory.mktemp("film") / "film.mp4", parts)
        few = {"samples": 1, "steps": 1}  # the mean curve is the model's own: samples change no selection
        return Behaviour(
            film,
            {name: summarizer.summarize(film.path, select=name, **few, **options) for name in ("intervals", "shots")},
        )

    return make
