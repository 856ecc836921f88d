"""Dissolves and fades of generated films, found while sampling; cuts, pans and flashes are none."""

from __future__ import annotations

import av
import numpy as np
import pytest

import summdiff
from summdiff.video import VideoReader

RATE, SIZE = 25, (96, 64)
BLACK = np.full(SIZE[::-1], 16.0)


class Scene:
    """Pictures of a textured scene over which a camera pans at a number of pixels per second."""

    def __init__(self, seed, pan=1.0):
        rng = np.random.default_rng(seed)
        coarse = rng.uniform(20, 235, size=(8, 60))
        self._texture = np.kron(coarse, np.ones((8, 8)))
        self._pan = pan

    def at(self, n):
        shift = round(n * self._pan / RATE) % (self._texture.shape[1] - SIZE[0])
        return self._texture[:, shift : shift + SIZE[0]]


class Film:
    """A film made piece by piece; `gradual` lists the start and end of its dissolves and fades."""

    def __init__(self):
        self.pictures, self.gradual = [], []

    def show(self, scene, seconds):
        self.pictures += [scene.at(n) for n in range(round(seconds * RATE))]
        return self

    def change(self, before, after, seconds):
        """Dissolve; None stands for black."""
        count, start = round(seconds * RATE), len(self.pictures)
        for n in range(count):
            share = (n + 0.5) / count
            a, b = (BLACK if scene is None else scene.at(n) for scene in (before, after))
            self.pictures.append((1 - share) * a + share * b)
        self.gradual.append((start / RATE, len(self.pictures) / RATE))
        return self

    def found(self, path, pix_fmt="yuv420p", *, skip=False):
        self.write(path, pix_fmt, b_frames=3 * skip)
        with VideoReader(path) as reader:
            for _ in reader.steps(short_side=16, skip=skip):
                pass
            return reader.transitions

    def write(self, path, pix_fmt="yuv420p", *, b_frames=0):
        with av.open(str(path), "w") as output:
            options = {"preset": "ultrafast", "crf": "18", "bf": str(b_frames), "x264-params": "b-adapt=0"}
            stream = output.add_stream("libx264", rate=RATE, options=options)
            stream.width, stream.height, stream.pix_fmt = *SIZE, pix_fmt
            for picture in self.pictures:
                frame = av.VideoFrame.from_ndarray(np.round(picture).astype(np.uint8), format="gray")
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))


@pytest.mark.parametrize(("pix_fmt", "skip"), [("yuv420p", False), ("yuv420p10le", False), ("yuv420p", True)])
def test_dissolves_and_fades_are_found_where_they_are(pix_fmt, skip, tmp_path):
    a, b, c, d, e = (Scene(seed) for seed in range(5))
    film = Film().show(a, 2).change(a, b, 0.5).show(b, 2).change(b, c, 1).show(c, 2).change(c, d, 2).show(d, 2)
    film.change(d, None, 1).pictures.extend([BLACK] * RATE)
    film.change(None, e, 0.6).show(e, 2)
    assert film.found(tmp_path / "film.mkv", pix_fmt, skip=skip) == pytest.approx(np.array(film.gradual), abs=0.2)


@pytest.mark.parametrize("pan", [0, 10, 40, 150])
def test_cuts_pans_and_flashes_are_no_transitions(pan, tmp_path):
    film = Film()
    for seed in range(8):
        film.show(Scene(seed, pan), 1.3)
        film.pictures[-3] = np.full_like(BLACK, 235.0)
    film.pictures += [BLACK] * RATE
    assert len(film.show(Scene(9, pan), 2).found(tmp_path / "film.mkv")) == 0


def test_a_long_film_gives_the_same_as_its_pieces(tmp_path):
    """Pictures are compared in blocks: a dissolve at any place in a block is found."""
    a, b = Scene(0, 0), Scene(1, 0)
    film = Film()
    for _ in range(5):
        film.show(a, 5.3).change(a, b, 1).show(b, 5.3).change(b, a, 1)
    assert film.found(tmp_path / "film.mkv") == pytest.approx(np.array(film.gradual), abs=0.2)


def test_no_part_of_a_summary_starts_or_ends_within_a_transition(tmp_path):
    film = Film().show(Scene(0), 3)
    for seed in range(7):
        film.change(Scene(seed), Scene(seed + 1), 0.6 + 0.2 * seed).show(Scene(seed + 1), 2.3 + 0.35 * seed)
    film.write(tmp_path / "film.mkv")
    summary = summdiff.summarize(tmp_path / "film.mkv", cache=False, samples=1)
    for budget in (0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        chosen = summdiff.reselect(summary, budget=budget).selection
        for time in {part.start for part in chosen} | {part.end for part in chosen}:
            # To the accuracy of the detector.
            assert not any(start + 0.2 < time < end - 0.2 for start, end in film.gradual), budget


def test_a_still_that_stays_for_minutes_is_no_transition():
    from summdiff.video._transitions import TransitionDetector

    a, b = (Scene(seed).at(0) for seed in range(2))
    detector = TransitionDetector()
    detector.until(0.0, None, white=255)
    for number in range(10):
        detector.until(300.1 * (number + 1), (a, b)[number % 2], white=255)
    assert detector.transitions().shape == (0, 2)
