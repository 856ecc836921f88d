"""Parts in another order than that of the film."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest

from small_summary import small_summary
from summdiff.errors import DataError
from summdiff.reselection import with_parts
from summdiff.summary import Interval, Summary
from summdiff.video import Cue, cut_list, retime, write_cut
from video_frames import decoded, pictures

PARTS = [Interval(0.2, 0.8), Interval(1.0, 1.4), Interval(2.0, 2.6)]


@pytest.mark.parametrize("method", ["auto", "encode"])
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0)])
def test_pictures_and_sound_come_in_that_order(make_video, tmp_path, method, order):
    film = make_video(scenes=[(3.0, "forest")], fps=10, gop=2, sound=True)
    write_cut(film.path, PARTS, tmp_path / "cut.mp4", order=order, method=method)
    numbers = [film.number(picture) for picture in pictures(decoded(tmp_path / "cut.mp4"))]
    assert numbers == [
        n for place in order for n in range(round(PARTS[place].start * 10), round(PARTS[place].end * 10))
    ]
    with av.open(str(tmp_path / "cut.mp4")) as container:
        (stream,) = container.streams.audio
        seconds = sum(frame.samples for frame in container.decode(stream)) / stream.rate
    assert seconds == pytest.approx(1.6, abs=0.1)


def test_a_dissolve_leads_back(make_video, tmp_path):
    film = make_video(scenes=[(3.0, "forest")], fps=10)
    write_cut(film.path, PARTS, tmp_path / "cut.mp4", order=(2, 0, 1), transition=0.2)
    (first, *_, last) = [film.number(picture) for picture in pictures(decoded(tmp_path / "cut.mp4"))]
    assert (first, last) == (20, 13)


def test_editors_get_that_order(make_video):
    film = make_video(scenes=[(3.0, "forest")], fps=10)
    cut = cut_list(film.path, PARTS, order=(2, 0, 1))
    assert [(part.start, part.offset) for part in cut.parts] == [
        (2, 0),
        (Fraction(1, 5), Fraction(3, 5)),
        (1, Fraction(6, 5)),
    ]


def test_cues_move_with_their_parts():
    cues = [Cue(Fraction(0), Fraction(2), "one"), Cue(Fraction(8), Fraction(9), "two")]
    moved = retime(cues, [(Fraction(8), Fraction(9)), (Fraction(1), Fraction(3))])
    assert [(cue.start, cue.end, cue.text) for cue in moved] == [(0, 1, "two"), (1, 2, "one")]


def test_the_order_is_kept_with_the_summary():
    summary = small_summary()
    halves = [Interval(4.0, 6.0), Interval(2.0, 4.0)]
    turned = with_parts(summary, halves)
    again = Summary.from_json(turned.to_json())
    assert [again.selection[place] for place in again.order] == halves
    assert with_parts(summary, halves[::-1]).order == ()
    assert with_parts(summary, halves[::-1]).selection == (Interval(2.0, 6.0),)
    document = json.loads(turned.to_json())
    for wrong in ([0], [0, 0], [1, 2], ["a", 0]):
        document["settings"]["order"] = wrong
        with pytest.raises(DataError):
            Summary.from_json(json.dumps(document))


def test_the_order_does_not_change_what_was_chosen():
    turned = with_parts(small_summary(), [Interval(5.0, 6.0), Interval(1.0, 2.0)])
    assert np.isclose(turned.selected_duration, 2.0)
    assert turned.selection == (Interval(1.0, 2.0), Interval(5.0, 6.0))
