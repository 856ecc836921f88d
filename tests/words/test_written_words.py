"""Words from subtitles in a video, from files beside it, and from a named file."""

import shutil

import pytest

from caption_files import add_captions
from summdiff.errors import DataError, UsageError
from summdiff.words import find_words
from summdiff.words.sources import read_transcript

SRT = "1\n00:00:00,500 --> 00:00:01,500\n<i>Good evening.</i>\n\n2\n00:00:02,000 --> 00:00:03,000\n- [door] It rains.\n"
VTT = "WEBVTT\n\n00:00.500 --> 00:01.500\nFrom the text.\n"


@pytest.fixture(scope="module")
def film(make_video):
    return make_video(scenes=[(4.0, "red")], size=(64, 36)).path


def sentences(found):
    return [(sentence.start, sentence.end, sentence.text) for sentence in found.transcript.sentences]


@pytest.fixture
def talk(film, tmp_path):
    return shutil.copyfile(film, tmp_path / "talk.mp4")


def test_a_film_without_text_has_no_words(talk):
    assert find_words(talk, None).transcript is None


def test_subtitles_of_the_film_come_before_files_beside_it(film, tmp_path):
    talk = add_captions(film, tmp_path / "talk.mkv", codec="subrip", tracks=[("en", [(1.0, 2.0, "Inside.")])])
    (tmp_path / "talk.srt").write_text(SRT)
    found = find_words(talk, None)
    assert sentences(found) == [(1.0, 2.0, "Inside.")]
    assert (found.transcript.source, found.transcript.language) == ("subtitles", "en")


def test_a_track_of_signs_is_passed_over_for_one_of_speech(film, tmp_path):
    speech = [(i / 2, i / 2 + 0.4, f"Sentence {i}.") for i in range(6)]
    talk = add_captions(
        film, tmp_path / "talk.mkv", codec="subrip", tracks=[("de", [(1.0, 2.0, "AUSGANG")]), ("en", speech)]
    )
    assert len(find_words(talk, None).transcript.sentences) == 6


@pytest.mark.parametrize(("name", "language"), [("talk.srt", ""), ("talk.en.SRT", "en"), ("talk.de-AT.srt", "")])
def test_a_file_of_the_same_name_is_read_without_tags_and_noises(name, language, talk):
    (talk.parent / name).write_text(SRT)
    (talk.parent / "talks.srt").write_text(VTT)
    found = find_words(talk, None)
    assert sentences(found) == [(0.5, 1.5, "Good evening."), (2.0, 3.0, "It rains.")]
    assert (found.transcript.source, found.transcript.language) == (name, language)


def test_a_damaged_file_beside_the_video_is_passed_over(talk):
    (talk.parent / "talk.srt").write_bytes(b"\x00\xff" * 50)
    (talk.parent / "talk.en.vtt").write_text(VTT)
    assert sentences(find_words(talk, None)) == [(0.5, 1.5, "From the text.")]


def test_captions_that_roll_are_read_once(talk):
    cues = "WEBVTT\n\n00:00.000 --> 00:01.000\nwe meet\n\n00:01.000 --> 00:02.000\nwe meet\nagain today.\n"
    (talk.parent / "talk.vtt").write_text(cues)
    assert [text for _, _, text in sentences(find_words(talk, None))] == ["we meet again today."]


def test_off_looks_nowhere_and_a_named_file_comes_first(talk, tmp_path):
    (talk.parent / "talk.srt").write_text(SRT)
    (tmp_path / "other.vtt").write_text(VTT)
    assert find_words(talk, None, speech="off").transcript is None
    assert sentences(find_words(talk, None, file=tmp_path / "other.vtt")) == [(0.5, 1.5, "From the text.")]


@pytest.mark.parametrize(
    "content", [None, b"", b"no times\n", b"\x00\x01\x02" * 100, SRT.split("\n", maxsplit=1)[0].encode()]
)
def test_a_named_file_without_words_is_refused(content, tmp_path):
    file = tmp_path / "talk.srt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match="give subtitles in"):
        read_transcript(file)


def test_an_unknown_engine_is_refused(talk):
    with pytest.raises(UsageError, match="no speech engine 'siri': choose from auto, off, moonshine, faster-whisper"):
        find_words(talk, None, speech="siri")
