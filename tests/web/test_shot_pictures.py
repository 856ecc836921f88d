"""Pictures of a video for the page."""

import numpy as np
import pytest
from PIL import Image

from summdiff.web import _pictures
from summdiff.web._pictures import Pictures


@pytest.fixture
def film(make_video):
    return make_video(scenes=[(3.0, "red"), (3.0, "blue")], gop=30)


@pytest.mark.parametrize("seconds", [6.0, 1.0, 0.2, 0.04])
def test_a_picture_is_a_frame_of_its_range(film, tmp_path, seconds):
    pictures = Pictures(film.path, tmp_path / "pictures")
    for start in np.arange(0, 6, max(seconds, 0.4)):
        image = np.asarray(Image.open(pictures.between(start, start + seconds)))
        assert start - 1e-9 <= film.frame_times[film.number(image)] < start + seconds - 1e-9


def test_between_two_frames_and_after_the_end_it_is_the_frame_on_display(film, tmp_path):
    pictures = Pictures(film.path, tmp_path / "pictures")
    for start, shown in ((1.01, 25), (99.0, 149)):
        assert film.number(np.asarray(Image.open(pictures.between(start, start + 0.01)))) == shown


def test_only_the_latest_pictures_are_kept(film, tmp_path, monkeypatch):
    monkeypatch.setattr(_pictures, "_MAX_KEPT", 3)
    pictures = Pictures(film.path, tmp_path / "pictures")
    for start in range(5):
        pictures.between(start, start + 0.04)
    assert pictures.between(4, 4.04).exists()
    assert len(list((tmp_path / "pictures").iterdir())) == 3
