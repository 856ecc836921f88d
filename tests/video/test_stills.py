"""Pictures at given times are those on display then, however the file has to be entered."""

from bisect import bisect_right
from fractions import Fraction

import pytest

from summdiff.video import stills

WILD = [0.0, 0.04, 0.2, 0.23, 0.9, 0.94, 1.5, 1.52, 3.0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"options": {"preset": "veryfast", "bf": "3"}, "gop": 10}),
        ("a.mkv", {"fps": Fraction(30000, 1001), "start": 2.0}),
        ("a.ts", {}),
        ("a.avi", {"options": {"bf": "0"}}),
        ("a.mp4", {"times": WILD}),
        ("a.mp4", {"rotation": 90, "size": (108, 192)}),
    ],
)
def test_they_show_what_is_on_display(make_video, tmp_path, name, options):
    film = make_video(tmp_path / name, scenes=[(4.0, "forest")], **options)
    times = [0.0, 0.21, 0.22, 0.5, 0.92, 1.0, 1.51, 2.5, 2.5, film.duration, film.duration + 9]
    pictures = list(stills(film.path, times, short_side=108))
    width, height = options.get("size", (192, 108))
    assert {picture.shape for picture in pictures} == {(height, width, 3)}
    assert [film.number(picture) for picture in pictures] == [
        bisect_right(film.frame_times, time + 1e-4) - 1 for time in times
    ]
