"""The filmstrip shows every stretch of a video."""

import numpy as np
from PIL import Image

from summdiff.web._filmstrip import make_filmstrip


def test_each_thumbnail_is_a_frame_of_its_stretch(make_video, tmp_path):
    film = make_video(scenes=[(3.0, "red"), (3.0, "blue")], gop=30)
    filmstrip = make_filmstrip(film.path, tmp_path / "strip.jpg")
    assert (filmstrip.count, filmstrip.seconds) == (12, 0.5)
    image = np.asarray(Image.open(filmstrip.path))
    for place in range(filmstrip.count):  # all in one row
        thumbnail = image[:, place * filmstrip.width : (place + 1) * filmstrip.width]
        assert place * 0.5 <= film.frame_times[film.number(thumbnail)] < (place + 1) * 0.5


def test_a_single_frame_has_one_thumbnail(make_video, tmp_path):
    film = make_video(scenes=[(0.04, "red")])
    assert make_filmstrip(film.path, tmp_path / "strip.jpg").count == 1
