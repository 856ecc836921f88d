"""A share of the nasty videos by default, all of them with the slow tests; each case in a process that is watched."""

import os
import re
import shutil

import pytest
from fuzzing.fuzz_targets import commanded
from fuzzing.nasty_videos import CASES, HOSTILE_NAMES, clip
from fuzzing.worker_pool import GOOD, run

# Those that broke something once, and one of each further sort.
SOME = (
    "cut off at 50 % (mp4)",
    "cut off at 30 % (fragmented mp4)",
    "one bit in 500 bytes flipped (mkv)",
    "zero bytes",
    "sound only",
    "a pipe",
    "a link to /dev/zero",
    "a playlist of this machine's files",
    "a list to join of this machine's files",
    "an index of subtitles beside a pipe",
    "a name for a series of images beside a pipe",
    "1 x 1",
    "16384 x 2",
    "2 x 8192",
    "a picture of 256 million pixels",
    "2 frames at the same time",
    "last frame lasts 30 years",
    "every frame lasts 24 days",
    "time jumps by a day",
    "time jumps by 30 years",
    "largest time stamps",
    "time runs backwards",
    "matrix of zeros",
    "pixels of 1/255",
    "pixel format gray16le",
    "chapters that make no sense",
    "title with orders to the terminal",
    "name: no utf-8",
)


def unexpected(outcomes):
    for outcome in outcomes:
        expected = CASES[outcome.case].expected
        if expected in ("summary", "either"):
            good = outcome.kind == "done" or (expected == "either" and outcome.kind == "sentence")
        else:
            good = outcome.kind == "sentence" and re.search(expected, outcome.said)
        if not good:
            yield outcome


def test_there_are_enough():
    assert len(CASES) >= 60
    assert set(SOME) <= set(CASES)


def test_some_nasty_videos():
    outcomes = list(run("fuzzing.fuzz_targets", "Corpus", seed=0, cases=SOME, seconds=60))
    assert list(unexpected(outcomes)) == []
    assert len({outcome.descriptors for outcome in outcomes if not outcome.fresh}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("target", ["Corpus", "Command"])
def test_all_nasty_videos(target):
    outcomes = list(run("fuzzing.fuzz_targets", target, seed=0, cases=list(CASES), seconds=120))
    assert list(unexpected(outcomes)) == []
    assert all(outcome.kind in GOOD for outcome in outcomes)


@pytest.mark.parametrize("name", ["escape sequence", "newline", "no utf-8"])
def test_names_give_no_orders_to_the_terminal(name, tmp_path):
    """A file that is refused is named in the sentence; one that is not gives its name to the results."""
    broken = tmp_path / (
        os.fsdecode(HOSTILE_NAMES[name]) if isinstance(HOSTILE_NAMES[name], bytes) else HOSTILE_NAMES[name]
    )
    broken.write_bytes(b"no film")
    with pytest.raises(Exception, match="cannot be read as a video") as refused:
        commanded(broken, tmp_path)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_slides_that_stand_for_long_are_written(tmp_path):
    """A part may lie within one picture, also where all pictures stand for long."""
    from summdiff.summary import Interval
    from summdiff.video import probe, write_cut

    film = clip(tmp_path / "slides.mkv", stamps=[n * 60_000 for n in range(5)], last=60_000)
    write_cut(film, [Interval(70, 80), Interval(130, 135)], tmp_path / "cut.mp4")
    assert probe(tmp_path / "cut.mp4").duration == pytest.approx(15, abs=0.1)


def test_a_video_that_is_too_long_names_the_option(tmp_path, monkeypatch):
    from summdiff import Summarizer
    from summdiff.errors import VideoError
    from summdiff.features import extraction

    monkeypatch.setattr(extraction, "_MAX_STEPS", 3)
    film = clip(tmp_path / "film.mkv")
    with pytest.raises(VideoError, match="choose a lower --rate, or cut it"):
        Summarizer(cache=False).summarize(film)


def test_the_limit_of_pixels_can_be_raised_and_lowered(tmp_path, monkeypatch):
    from summdiff.errors import UsageError, VideoError
    from summdiff.video import probe

    film = clip(tmp_path / "film.mkv", frames=5)
    monkeypatch.setenv("SUMMDIFF_MAX_PIXELS", "6000")
    with pytest.raises(VideoError, match=r"96 x 64 pixels; at most 6,000 pixels are allowed.*Set SUMMDIFF_MAX_PIXELS"):
        probe(film)
    monkeypatch.setenv("SUMMDIFF_MAX_PIXELS", "7000")
    assert probe(film).width == 96
    monkeypatch.setenv("SUMMDIFF_MAX_PIXELS", "many")
    with pytest.raises(UsageError, match="SUMMDIFF_MAX_PIXELS must be a whole number"):
        probe(film)


def test_a_video_that_changes_while_it_is_summarised(tmp_path):
    from summdiff import Summarizer
    from summdiff.errors import VideoError

    film = clip(tmp_path / "film.mkv")
    told = []

    def grow(at):
        if not told:
            told.append(at)
            shutil.copyfile(film, tmp_path / "copy.mkv")
            with film.open("ab") as file:
                file.write((tmp_path / "copy.mkv").read_bytes())

    with pytest.raises(VideoError, match="changed while it was being summarized"):
        Summarizer(cache=False).summarize(film, on_progress=grow, samples=2, steps=2)


def test_a_video_that_is_another_when_its_summary_is_written(tmp_path):
    from summdiff import Summarizer
    from summdiff.errors import VideoError

    film = clip(tmp_path / "film.mkv", frames=75)
    summary = Summarizer(cache=False).summarize(film, samples=2, steps=2)
    clip(film, frames=25)
    with pytest.raises(VideoError, match=r"lasts 0:02\.5 and lasted 0:07\.5 when its parts were chosen: summarize it"):
        summary.save(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.mp4"))
