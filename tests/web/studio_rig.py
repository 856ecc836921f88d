"""A studio in this process and a browser, for tests, the benchmark and the screenshots."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from summdiff.audio import Sound, move_to_pauses
from summdiff.options import Options
from summdiff.pipeline import Summarizer
from summdiff.reselection import places_of, reselect
from summdiff.selection import cut_places, descriptors
from summdiff.summary import Scores, Shot, Summary, VideoInfo
from summdiff.transcript import Sentence, Transcript, spread

TOKEN = "a-token-that-only-this-test-knows"  # noqa: S105
HOURS = 2.0
SHOTS = 240
SENTENCES = 1500
_VOCABULARY = (
    "harbour captain sails morning weather engine island radio message passenger anchor storm lighthouse coffee "
    "northern coast before after between slowly heard turned carried waited counted never always"
)


@dataclass(frozen=True)
class RunningStudio:
    """A running studio: `plain` is its address, `url` has the token as well."""

    studio: Any
    plain: str
    url: str
    port: int


@contextmanager
def running_studio(
    folder: Path,
    *,
    summarizer: Summarizer | None = None,
    videos: Sequence[Path] = (),
    loopback: bool = True,
    **settings: Any,
) -> Iterator[RunningStudio]:
    """Run a studio with its files in `folder`, on a free port of this computer."""
    from summdiff.web._security import Access
    from summdiff.web._server import StudioServer, listen
    from summdiff.web._studio import Settings, Studio

    summarizer = summarizer or Summarizer(cache=False)
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        studio = Studio(
            Settings(folder=folder, videos=tuple(videos), typed_paths=loopback, **settings),
            uploads=summarizer,
            local=summarizer,
        )
        access = Access(token=TOKEN, loopback=loopback, names=frozenset({"studio.test"}), cookie=f"summdiff_{port}")
        server = StudioServer(studio, access)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            plain = f"http://127.0.0.1:{port}/"
            yield RunningStudio(studio, plain, f"{plain}?token={TOKEN}", port)
        finally:
            studio.closing.set()
            server.should_exit = True
            thread.join(10)


def write_two_hours(path: Path) -> None:
    """Write a film of two hours, one small picture per second."""
    import av

    rng = np.random.default_rng(3)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(1), options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        stream.codec_context.gop_size = 10
        down, across = np.mgrid[0:90, 0:160]
        for _ in range(SHOTS):
            sky, ground = rng.uniform(30, 230, 3), rng.uniform(20, 200, 3)
            horizon, sun = rng.integers(30, 70), rng.integers(20, 140)
            picture = np.where((down < horizon)[..., None], sky * (1 - down / 220)[..., None], ground)
            near = (across - sun) ** 2 + (down - horizon + 18) ** 2 < rng.integers(60, 260)
            picture = np.where(near[..., None], 245.0, picture).clip(0, 255).astype(np.uint8)
            for _ in range(round(HOURS * 3600 / SHOTS)):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))


def two_hours_of_talk() -> Transcript:
    """Make a transcript of it: 1,500 sentences of 6 to 20 words, with pauses between them."""
    rng = np.random.default_rng(11)
    each = HOURS * 3600 / SENTENCES
    sentences = []
    for number in range(SENTENCES):
        words = list(rng.choice(_VOCABULARY.split(), rng.integers(6, 21)))
        text = [words[0].capitalize(), *words[1:-1], f"{words[-1]}."]
        start = round(number * each + float(rng.uniform(0.1, 0.5)), 3)
        sentences.append(Sentence(spread(text, [(start, round((number + 1) * each - 0.3, 3))])))
    return Transcript("subtitles", tuple(sentences), "en")


def two_hour_summary(path: Path, *, talk: bool = False) -> Summary:
    """Make a plausible summary of it: 7,200 steps, 240 shots of uneven lengths; with `talk`, and 1,500 sentences."""
    rng = np.random.default_rng(5)
    duration = HOURS * 3600
    times = np.arange(int(duration), dtype=float)
    edges = np.concatenate(
        ([0], np.sort(rng.choice(np.arange(3, int(duration) - 3), SHOTS - 1, replace=False)), [duration])
    )
    level = np.repeat(rng.beta(2, 4, SHOTS), np.diff(edges).astype(int))
    waves = sum(np.sin(times / period + rng.uniform(0, 6)) / (k + 2) for k, period in enumerate((900, 240, 61)))
    mean = np.clip(0.45 * level + 0.3 + 0.12 * waves + rng.normal(0, 0.015, len(times)), 0.02, 0.98)
    std = 0.03 + 0.05 * rng.beta(2, 3, SHOTS).repeat(np.diff(edges).astype(int))
    shots = tuple(
        Shot(float(start), float(end), float(mean[int(start) : int(end)].mean()), False, round(rng.beta(0.6, 1.6), 3))
        for start, end in pairwise(edges)
    )
    looks = rng.normal(size=(SHOTS, 64)).repeat(np.diff(edges).astype(int), axis=0) + rng.normal(
        0, 0.2, (len(times), 64)
    )
    places = cut_places(np.abs(looks), np.append(times, duration))
    transcript = two_hours_of_talk() if talk else None
    if transcript is not None:
        spans = np.array([(sentence.start, sentence.end) for sentence in transcript.sentences])
        places = move_to_pauses(places, Sound.none(), fps=25, sentences=spans)
    summary = Summary(
        video=VideoInfo(str(path), duration, 25.0, 160, 90, 0, has_audio=False),
        model={"id": "default"},
        settings={"rate": 1.0, "select": "intervals", "value": "sum", "min_shot": 2.0},
        budget=180 / duration,
        seed=0,
        scores=Scores(tuple(times.tolist()), tuple(mean.tolist()), tuple(std.tolist())),
        shots=shots,
        selection=(),
        places=places_of(places, descriptors(np.abs(looks))),
        transcript=transcript,
    )
    return reselect(summary)


def add_two_hours(studio: Any, session: Any, path: Path, *, talk: bool = False) -> Any:
    """Add that film to a session as if it had been analyzed; with `talk`, as one in which somebody speaks."""
    from summdiff.web._jobs import StudioJob
    from summdiff.web._studio_video import StudioVideo, Version
    from summdiff.web._uploads import describe

    with session.new_folder() as (id_, folder):
        video = StudioVideo(id_, describe(path, "A day at sea, uncut.mp4"), folder)
        summary = two_hour_summary(path, talk=talk)
        rng = np.random.default_rng(7)
        mean, std = np.array(summary.scores.mean), np.array(summary.scores.std)
        samples = np.clip(mean + std * np.repeat(rng.normal(size=(16, 240)), 30, axis=1), 0, 1).astype(np.float32)
        video.versions = [Version(Options(), summary, samples)]
        video.analysis = StudioJob("analysis", lambda job: None, session.touch)
        video.analysis.run()
    return session.add(video)
