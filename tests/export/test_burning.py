"""Captions drawn into the pictures of the written video."""

from dataclasses import replace

import numpy as np
import pytest

from summdiff.export import save
from summdiff.transcript import Sentence, Transcript, Word
from summdiff.video._picture import Orientation
from video_frames import decoded, pictures

WORDS = (Word(0.6, 1.0, "Hello"), Word(1.0, 2.4, "world!"))


def drawn(summary, folder):
    """Return the time of each picture and its pixels that captions brighten, by writing it with and without them."""
    spoken = replace(summary, transcript=Transcript("made 1", (Sentence(WORDS),)))
    written = []
    for captions in (False, True):
        settings = summary.settings | {"captions": captions, "quality": 12}
        (path,) = save(replace(spoken, settings=settings), folder, formats=["mp4"], name=f"captions {captions}")
        frames = decoded(path)
        written.append(
            [(frame, Orientation.of(frame).apply(image)) for frame, image in zip(frames, pictures(frames), strict=True)]
        )
    plain, burned = written
    assert [frame.time for frame, _ in plain] == [frame.time for frame, _ in burned]
    return [
        (round(float(frame.time), 3), image.min(axis=2).astype(int) - before.min(axis=2) > 60)
        for (_, before), (frame, image) in zip(plain, burned, strict=True)
    ]


def test_captions_are_shown_while_they_are_said_and_only_then(film, tmp_path):
    for time, letters in drawn(film, tmp_path):
        said = 0.2 <= time < 1.2  # the end of the part from 0.4 s, and the start of the one from 2.0 s
        assert letters.any() == said, time
        assert not letters[: letters.shape[0] // 2].any()


@pytest.mark.parametrize("options", [{"rotation": 90}, {"pixel_aspect": 2}, {"size": (191, 107), "pix_fmt": "yuv444p"}])
def test_captions_stand_at_the_bottom_of_every_form_of_picture(options, nasty, summary_of, tmp_path):
    path, _ = nasty(**options)
    letters = next(seen for time, seen in drawn(summary_of(path, [(0.4, 1.2)]), tmp_path) if time >= 0.4)
    rows, columns = np.nonzero(letters)
    height, width = letters.shape
    assert rows.min() > 0.75 * height
    assert (columns.min() + columns.max()) / 2 == pytest.approx(width / 2, abs=0.06 * width)


def test_without_words_nothing_is_drawn(film, tmp_path):
    (written,) = save(
        replace(film, settings=film.settings | {"captions": True}), tmp_path, formats=["mp4"], name="mute"
    )
    assert len(decoded(written)) == len(decoded(save(film, tmp_path, formats=["mp4"], name="plain")[0]))
