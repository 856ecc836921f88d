"""Subtitles and chapters of a video are in its summary, at the new times."""

from fractions import Fraction

import av
import pytest

from caption_files import add_captions
from summdiff.summary import Interval
from summdiff.video import Cue, cut_list, read_chapters, read_subtitles, retime, write_cut
from summdiff.video._subtitles import without_overlaps

CUES = [
    (0.2, 0.5, "Gone"),
    (0.5, 1.4, "Begins before"),
    (1.6, 1.8, r"<b> & {\i1}日本{\i0}\Ntwo lines"),
    (1.8, 3.2, "Goes on over the gap"),
    (3.5, 3.9, "Last"),
]
CHAPTERS = [(0.0, 0.9, "Lost"), (0.9, 1.7, "Ärger & <Mühe>"), (1.7, 4.0, "Rest")]
PARTS = [Interval(1.0, 2.0), Interval(3.0, 4.0)]
# In the summary; the parts lie at 0 and 1 s of it.
CUES_LEFT = [
    (0.0, 0.4, "Begins before"),
    (0.6, 0.8, "<b> & 日本\ntwo lines"),
    (0.8, 1.2, "Goes on over the gap"),
    (1.5, 1.9, "Last"),
]
CHAPTERS_LEFT = [(0.0, 0.7, "Ärger & <Mühe>"), (0.7, 2.0, "Rest")]


def plain(cues):
    return [(round(float(cue.start), 6), round(float(cue.end), 6), cue.text) for cue in cues]


@pytest.mark.parametrize(
    ("name", "codec", "start"),
    [("a.mp4", "mov_text", 0.0), ("a.mkv", "subrip", 0.0), ("a.mkv", "ass", 1.4), ("a.mkv", "webvtt", 0.0)],
)
def test_subtitles_and_chapters_move_to_the_times_of_the_summary(make_video, tmp_path, name, codec, start):
    film = make_video(tmp_path / f"plain-{name}", scenes=[(4.0, "forest")], start=start, sound=True)
    # in SubRip and WebVTT "<b>" is markup
    cues = CUES if codec in ("mov_text", "ass") else [(a, b, text.replace("<b> ", "")) for a, b, text in CUES]
    left = CUES_LEFT if codec in ("mov_text", "ass") else [(a, b, text.replace("<b> ", "")) for a, b, text in CUES_LEFT]
    source = add_captions(
        film.path, tmp_path / name, tracks=[("deu", cues)], chapters=CHAPTERS, codec=codec, shift=start
    )
    write_cut(source, PARTS, tmp_path / "cut.mp4")
    cut = cut_list(source, PARTS)
    (track,) = read_subtitles(source)
    carried = retime(track.cues, [(part.start, part.end) for part in cut.parts])
    assert plain(carried) == left

    (written,) = read_subtitles(tmp_path / "cut.mp4")
    assert written.language == "deu"
    assert plain(written.cues) == plain(without_overlaps(carried))
    assert plain(read_chapters(tmp_path / "cut.mp4")) == CHAPTERS_LEFT
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert [stream.type for stream in container.streams][:3] == ["video", "audio", "subtitle"]
        assert container.streams.subtitles[0].codec_context.name == "mov_text"


def test_tracks_without_cues_are_dropped(make_video, tmp_path):
    film = make_video(tmp_path / "plain.mp4", scenes=[(4.0, "forest")])
    tracks = [("deu", [(1.2, 1.5, "Hallo")]), ("fra", [(0.1, 0.4, "Parti")]), ("eng", [(3.2, 3.5, "Hello")])]
    source = add_captions(film.path, tmp_path / "a.mkv", tracks=tracks, codec="subrip")
    write_cut(source, PARTS, tmp_path / "cut.mp4")
    assert [(track.language, plain(track.cues)) for track in read_subtitles(tmp_path / "cut.mp4")] == [
        ("deu", [(0.2, 0.5, "Hallo")]),
        ("eng", [(1.2, 1.5, "Hello")]),
    ]


def test_a_video_without_subtitles_or_chapters_gives_none(make_video):
    film = make_video()
    assert read_subtitles(film.path) == ()
    assert read_chapters(film.path) == ()


def test_a_cue_across_a_border_stays_one_cue():
    whole = Cue(Fraction(0), Fraction(10), "all of it")
    parts = [(Fraction(1), Fraction(2)), (Fraction(5), Fraction(7))]
    assert retime([whole], parts) == (Cue(Fraction(0), Fraction(3), "all of it"),)
    assert retime([Cue(Fraction(2), Fraction(5), "between")], parts) == ()


def test_overlapping_cues_become_successive_ones():
    cues = [Cue(Fraction(start), Fraction(end), text) for start, end, text in [(0, 4, "a"), (1, 2, "b"), (3, 5, "c")]]
    assert [(cue.start, cue.end, cue.text) for cue in without_overlaps(cues)] == [
        (0, 1, "a"),
        (1, 2, "a\nb"),
        (2, 3, "a"),
        (3, 4, "a\nc"),
        (4, 5, "c"),
    ]


def test_a_thousand_simultaneous_cues_do_not_fill_the_memory():
    cues = [Cue(Fraction(n, 10), Fraction(1000), f"cue {n}") for n in range(1000)]
    flat = without_overlaps(cues)
    assert flat[-1].text.split("\n") == [f"cue {n}" for n in range(992, 1000)]
    assert sum(len(cue.text) for cue in flat) < 100 * len(cues)
