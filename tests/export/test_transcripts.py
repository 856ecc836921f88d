"""The transcript as text, and as subtitles of the summary."""

from dataclasses import replace
from itertools import pairwise

from summdiff.export import save
from summdiff.export._caption_lines import captions_of
from summdiff.transcript import Sentence, Transcript, Word, sentences_of, spread

TEXT = "Nobody came. We all cycle to the big school near the river, because it is free. It *costs* <nothing>!"


def transcript(source="made 1"):
    return Transcript(source, sentences_of(spread(TEXT.split(), [(0.3, 1.9), (2.0, 3.9)])), "en")


def test_each_sentence_has_its_time_and_those_of_the_summary_are_marked(film, tmp_path):
    txt, md = save(replace(film, transcript=transcript()), tmp_path, formats=["transcript"], name="talk")
    assert txt.read_text(encoding="utf-8").splitlines() == [
        "* 0:00  Nobody came.",
        "* 0:00  We all cycle to the big school near the river, because it is free.",
        "  0:03  It *costs* <nothing>!",
    ]
    lines = md.read_text(encoding="utf-8").splitlines()
    assert lines[2] == "- `0:00` **Nobody came.**"
    assert lines[-1] == r"- `0:03` It \*costs\* \<nothing\>!"


def test_control_characters_of_a_strange_summary_are_not_written(film, tmp_path):
    strange = Transcript("made 1", (Sentence((Word(0.5, 1.0, "a\x1b[31m"), Word(1.0, 1.2, "-->"))),))
    for path in save(replace(film, transcript=strange), tmp_path, formats=["transcript", "srt", "vtt"], name="talk"):
        text = path.read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert text.count("-->") <= 1 + (path.suffix != ".srt")


def test_without_words_the_files_say_so(film, tmp_path):
    for path in save(film, tmp_path, formats=["transcript"], name="silent"):
        assert "Nothing is known of what is said" in path.read_text(encoding="utf-8")


def test_subtitles_of_the_summary_come_from_the_transcript(film, tmp_path):
    srt, _, vtt = save(replace(film, transcript=transcript()), tmp_path, formats=["srt", "vtt"], name="talk")
    text = srt.read_text(encoding="utf-8")
    assert text.startswith("1\n00:00:00,000 --> ")
    assert "We all cycle to the big school\nnear the river, because it is free." in text
    assert "We all cycle" in vtt.read_text(encoding="utf-8")


def test_subtitles_of_the_source_stay_as_they_are(captioned, tmp_path):
    first = save(captioned, tmp_path, formats=["srt"], name="a")[0].read_bytes()
    with_words = replace(captioned, transcript=transcript("subtitles"))
    assert save(with_words, tmp_path, formats=["srt"], name="b")[0].read_bytes() == first


def test_captions_have_two_short_lines_and_last_six_seconds_at_most():
    words = [Word(k * 0.4, k * 0.4 + 0.4, text) for k, text in enumerate((TEXT[13:80] + " ").split() * 4)]
    cues = captions_of(Transcript("made 1", sentences_of(words)))
    assert " ".join(cue.text.replace("\n", " ") for cue in cues).split() == [word.text for word in words]
    for cue in cues:
        assert cue.text.count("\n") <= 1
        assert max(map(len, cue.text.split("\n"))) <= 42
        assert 0 < cue.end - cue.start <= 6
    assert all(a.end <= b.start for a, b in pairwise(cues))
