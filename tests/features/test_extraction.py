"""One pass over a video: what the backbone is shown, and how it ends."""

import threading

import numpy as np
import pytest

from summdiff.features import load_backbone
from summdiff.features.extraction import extract


def test_frames_that_stay_on_display_are_looked_at_once(make_video):
    video = make_video(scenes=[(1.0, "still")], times=[0.0, 20.0, 40.0])
    backbone, looked_at = load_backbone("efficientnet_lite0"), []

    class Counting:
        id, dimension, short_side = "counting", 1280, backbone.short_side

        def __call__(self, images):
            looked_at.append(len(images))
            return backbone(images)

    extracted = extract(video.path, Counting(), rate=1.0)
    assert extracted.features.shape == (41, 1280)
    assert sum(looked_at) <= 3 + 41 // 16  # one a frame, and one more where a batch begins within a frame


def test_progress_is_in_seconds_of_video_and_comes_to_its_end(make_video):
    video = make_video(scenes=[(20.0, "forest")])
    told = []

    class Still:
        id, dimension, short_side = "still", 4, 64

        def __call__(self, images):
            return np.zeros((len(images), 4), dtype=np.float32)

    extract(video.path, Still(), rate=4.0, on_progress=lambda *at: told.append(at))
    done = [at for at, _ in told]
    assert done == sorted(done)
    assert len(told) > 2
    assert told[-1] == pytest.approx((video.duration, video.duration))


def test_an_error_in_the_middle_of_looking_ends_the_decoder_too(make_video):
    film = make_video(scenes=[(20.0, "forest")])

    class Failing:
        id, dimension, short_side = "failing", 8, 64

        def __call__(self, images):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        extract(film.path, Failing(), rate=8.0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("summdiff-decode")]
