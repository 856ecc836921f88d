"""Cropping to another shape: the window of the upright picture that was asked for, and nothing else changes."""

from fractions import Fraction

import av
import numpy as np
import pytest

from summdiff.errors import UsageError
from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import stills, write_cut
from video_frames import decoded, pictures


def upright(path):
    """The first picture of a video as it is displayed."""
    return next(stills(path, [0.0], short_side=108)).astype(float)


@pytest.mark.parametrize(("rotation", "mirrored"), [(0, False), (90, False), (180, False), (270, False), (0, True)])
@pytest.mark.parametrize(
    ("frame", "crop"), [("9:16", (0, 0.5)), ("9:16", (1, 0.5)), ("1:1", (0.3, 0.8)), ("16:9", (0.5, 1))]
)
def test_the_window_is_where_it_was_asked_for(make_video, tmp_path, rotation, mirrored, frame, crop):
    film = make_video(scenes=[(0.4, "forest")], size=(192, 108), rotation=rotation, mirrored=mirrored)
    target = tmp_path / "cut.mp4"
    write_cut(film.path, [Interval(0, 0.4)], target, options=MovieOptions(frame=frame, crop=crop))
    whole = next(stills(film.path, [0.0], short_side=108)).astype(float)
    height, width = whole.shape[:2]
    aspect = {"9:16": 9 / 16, "1:1": 1.0, "16:9": 16 / 9}[frame]
    across, down = min(width, height * aspect), min(height, width / aspect)
    with av.open(str(target)) as container:
        stored = container.streams.video[0]
        shown = (stored.height, stored.width) if rotation in (90, 270) else (stored.width, stored.height)
    assert shown[0] / shown[1] == pytest.approx(aspect, rel=0.04)
    cut = next(stills(target, [0.0], short_side=min(shown))).astype(float)
    left, top = (width - across) * crop[0], (height - down) * crop[1]
    best = min(
        np.abs(whole[y : y + cut.shape[0], x : x + cut.shape[1]] - cut).mean()
        for x in range(max(0, round(left) - 3), min(width - cut.shape[1], round(left) + 3) + 1)
        for y in range(max(0, round(top) - 3), min(height - cut.shape[0], round(top) + 3) + 1)
    )
    assert best < 12
    assert np.abs(whole[: cut.shape[0], : cut.shape[1]] - np.roll(cut, 20, axis=1)).mean() > best


def test_wide_pixels_count(make_video, tmp_path):
    film = make_video(scenes=[(0.2, "red")], size=(192, 108), pixel_aspect=Fraction(2))
    write_cut(film.path, [Interval(0, 0.2)], tmp_path / "cut.mp4", options=MovieOptions(frame="1:1"))
    (picture, *_) = pictures(decoded(tmp_path / "cut.mp4"))
    assert picture.shape[:2] == (108, 54)


def test_all_frames_and_the_sound_are_there_with_a_dissolve(make_video, tmp_path):
    film = make_video(scenes=[(1.0, "red"), (1.0, "blue")], fps=10, sound=True)
    parts = [Interval(0, 0.8), Interval(1.2, 2.0)]
    write_cut(film.path, parts, tmp_path / "cut.mp4", transition=0.4, options=MovieOptions(frame="9:16"))
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert container.streams.audio
        assert container.duration / 1e6 == pytest.approx(1.2, abs=0.1)
        assert {(frame.width, frame.height) for frame in container.decode(video=0)} == {(60, 108)}


@pytest.mark.parametrize("wrong", [{"frame": "4:3"}, {"crop": (2, 0)}, {"crop": 3}, {"crop": ("a", 0)}])
def test_other_shapes_and_places_are_refused(wrong):
    with pytest.raises(UsageError):
        MovieOptions(**wrong)
