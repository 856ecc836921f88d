"""Encoding side by side gives the same files as encoding one after the other."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import SeekingDecoder, index_frames, write_cut
from summdiff.video._copy import CopyPlan
from summdiff.video._cut import tick_parts
from summdiff.video._runs import Copy, Frames, divide, runs_of, split
from summdiff.video._side_by_side import in_order, threads_for

PARTS = [Interval(0.4, 5.2), Interval(6.0, 7.9), Interval(9.0, 17.0)]
WAYS = {
    "copies between runs": {},
    "everything encoded": {"method": "encode"},
    "of limited rate": {"method": "encode", "options": MovieOptions(quality="small")},
    "of limited size": {"options": MovieOptions(max_size=60_000)},
    "dissolves": {"transition": 0.4},
    "another order": {"order": (2, 0, 1)},
    "cropped": {"options": MovieOptions(frame="1:1", quality=30)},
    "drawn over": {"overlay": lambda size, seconds: np.full((*size, 2), int(seconds * 20) % 200, np.uint8)},
}


@pytest.fixture(scope="module")
def film(make_video):
    """Make a film of a width at which x264 never reads beyond its pictures, so that its files are all alike."""
    options = {"preset": "veryfast", "bf": "2"}
    return make_video(scenes=[(6, "red"), (6, 3), (6, "blue")], size=(256, 128), gop=25, options=options, sound=True)


@pytest.mark.parametrize("way", WAYS)
def test_files_are_the_same_however_many_threads_write_them(way, film, tmp_path, monkeypatch):
    files = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SUMMDIFF_THREADS", threads)
        monkeypatch.setattr("summdiff.video._limits._RUN_SECONDS", 2.0)
        monkeypatch.setattr("summdiff.video._limits._BUFFERS", 2)
        write_cut(film.path, PARTS, tmp_path / "cut.mp4", **WAYS[way])
        files.append((tmp_path / "cut.mp4").read_bytes())
    assert files[0] == files[1] == files[2]


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("transition", [0.0, 0.4])
@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0, 100.0])
def test_runs_are_split_at_key_frames_and_nothing_is_lost(copies, transition, seconds, film):
    index = index_frames(film.path)
    with SeekingDecoder(film.path, index) as decoder:
        plan = CopyPlan.of(index, decoder.first) if copies else None
    whole = divide(tick_parts(PARTS, index, transition), index, plan)
    parts = split(whole, index, seconds)
    assert [each for each in whole if isinstance(each, Copy)] == [each for each in parts if isinstance(each, Copy)]
    before, after = ([piece for run in runs_of(each) for piece in run] for each in (whole, parts))
    assert sum(piece.ticks for piece in before) == sum(piece.ticks for piece in after)
    known = {piece.start for piece in before if isinstance(piece, Frames)} | set(index.key_ticks.tolist())
    assert {piece.start for piece in after if isinstance(piece, Frames)} <= known
    if len(runs_of(parts)) > len(runs_of(whole)):
        lengths = [sum(piece.ticks for piece in run) * float(index.clock.time_base) for run in runs_of(parts)]
        assert min(lengths) >= min(
            seconds / 2, *(sum(p.ticks for p in run) * float(index.clock.time_base) for run in runs_of(whole))
        )


def test_long_parts_are_split(film):
    index = index_frames(film.path)
    whole = divide(tick_parts([Interval(0, 18)], index), index, None)
    assert [len(runs_of(split(whole, index, seconds))) for seconds in (1.0, 6.0, 100.0)] == [18, 3, 1]


def test_a_film_that_cannot_be_sought_in_is_decoded_by_one_thread(make_video, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_THREADS", "5")
    pixels = 192 * 108
    assert threads_for(index_frames(make_video(gop=10).path), pixels) == 5
    assert threads_for(index_frames(make_video(gop=10).path), 100_000_000) == 1  # memory
    without_times = make_video(suffix_path(make_video), options={"preset": "veryfast", "bf": "2"})
    assert threads_for(index_frames(without_times.path), pixels) == 1


def suffix_path(make_video):
    return make_video().path.with_name("a.avi")  # H.264 in AVI has no time stamps


class TestInOrder:
    """Results of several tasks, in the order of the tasks."""

    @pytest.mark.parametrize("threads", [1, 2, 7])
    def test_results_come_in_the_order_of_the_tasks(self, threads):
        def count(task: int) -> Iterator[tuple[int, int]]:
            yield from ((task, n) for n in range(20 - task))

        found = [list(results) for results in in_order(count, range(20), threads=threads)]
        assert found == [[(task, n) for n in range(20 - task)] for task in range(20)]

    def test_tasks_run_at_the_same_time(self):
        both = threading.Barrier(2, timeout=10)

        def meet(task: int) -> Iterator[int]:
            both.wait()
            yield task

        assert [list(results) for results in in_order(meet, range(4), threads=2)] == [[0], [1], [2], [3]]

    def test_few_results_wait_where_that_is_asked_for(self):
        made: list[tuple[int, int]] = []

        def count(task: int) -> Iterator[tuple[int, int]]:
            for n in range(20):
                made.append((task, n))
                yield task, n

        taken = []
        with closing(in_order(count, range(4), threads=2, most=3)) as tasks:
            for results in tasks:
                for result in results:
                    taken.append(result)
                    assert len(made) <= len(taken) + 2 * (3 + 1) + 1  # and one that is being taken
        assert taken == [(task, n) for task in range(4) for n in range(20)]

    def test_an_error_is_raised_where_its_results_are_taken(self):
        def fail(task: int) -> Iterator[int]:
            yield task
            if task == 1:
                raise KeyError(task)

        results = in_order(fail, range(3), threads=2)
        assert list(next(results)) == [0]
        with pytest.raises(KeyError):
            list(next(results))
        results.close()

    @pytest.mark.parametrize("most", [0, 2])
    def test_closing_stops_all_work_and_ends_each_task(self, most):
        ended = []

        def forever(task: int) -> Iterator[int]:
            try:
                yield from itertools.repeat(task)
            finally:
                ended.append(task)

        results = in_order(forever, range(2), threads=2, most=most)
        next(next(results))
        results.close()
        assert sorted(ended) == [0, 1]
