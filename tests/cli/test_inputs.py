import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.archive.jobs import VideoJob, alternative_name
from summdiff.cli._inputs import jobs, listed
from summdiff.cli._options import interval, seconds, share, size_bytes
from summdiff.errors import UsageError
from summdiff.summary import Interval


@pytest.fixture
def folder(tmp_path):
    for name in ["b.mp4", "a.MKV", "notes.txt", "old.summary.mp4", ".hidden.mp4", "deep/c.webm", "deep/.x/d.mp4"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_gives_its_videos_but_not_earlier_summaries(folder):
    assert jobs([folder], output=None, recursive=False) == [
        VideoJob(folder / "a.MKV", folder, "a"),
        VideoJob(folder / "b.mp4", folder, "b"),
    ]


def test_subfolders_are_recreated_in_the_output_folder(folder):
    found = jobs([folder], output=Path("out"), recursive=True)
    assert [(job.video.name, job.folder) for job in found] == [
        ("a.MKV", Path("out")),
        ("b.mp4", Path("out")),
        ("c.webm", Path("out/deep")),
    ]


def test_duplicate_inputs_are_processed_once(folder):
    assert len(jobs([folder / "b.mp4", folder, folder / "deep" / ".." / "b.mp4"], output=None, recursive=False)) == 2


def test_colliding_names_keep_their_suffix_or_get_a_number():
    found = jobs([Path("x/talk.mp4"), Path("y/talk.mkv"), Path("z/talk.mp4")], output=Path("out"), recursive=False)
    assert [job.name for job in found] == ["talk.mp4", "talk.mkv", "talk.mp4 (2)"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y", "X"]),
            st.sampled_from(
                ["a", "A", "a.mp4", "a.mp4 (2)", "a.alternative-1", "a.mp4.alternative-2", "\u00e9", "e\u0301"]
            ),
            st.sampled_from([".mp4", ".MP4", ".mkv"]),
        ),
        max_size=12,
    ),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_two_results_have_the_same_name(videos, alternatives, together):
    """Case and the form of accents do not count, and alternatives do."""
    paths = [Path(folder) / f"{stem}{suffix}" for folder, stem, suffix in videos]
    output = Path("out") if together else None
    found = jobs(paths, output=output, recursive=False, alternatives=alternatives)
    written = [
        unicodedata.normalize("NFC", f"{job.folder}/{name}").casefold()
        for job in found
        for name in (job.name, *(alternative_name(job.name, number) for number in range(alternatives)))
    ]
    assert len(found) == len(set(paths))
    assert len(set(written)) == len(written)


def test_a_video_keeps_its_own_name_beside_names_that_are_made_up():
    found = jobs([Path("A.mp4"), Path("a.mp4"), Path("a.mp4 (2).mp4")], output=None, recursive=False)
    assert [job.name for job in found] == ["A.mp4", "a.mp4 (3)", "a.mp4 (2)"]
    found = jobs([Path("talk.mp4"), Path("talk.alternative-1.mp4")], output=None, recursive=False, alternatives=1)
    assert [job.name for job in found] == ["talk", "talk.alternative-1.mp4"]


def test_a_folder_without_videos_is_refused(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.mp4").touch()
    with pytest.raises(UsageError, match="--recursive"):
        jobs([tmp_path], output=None, recursive=False)
    (tmp_path / "sub" / "a.mp4").unlink()
    with pytest.raises(UsageError, match=r"No video in the folder '.*sub'\."):
        jobs([tmp_path / "sub"], output=None, recursive=False)


def test_an_address_is_no_file():
    with pytest.raises(UsageError, match="is an address, not a file: download the video first"):
        jobs([Path("https://example.org/talk.mp4")], output=None, recursive=False)


def test_a_folder_that_cannot_be_read_is_not_called_empty(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may read everything
    with pytest.raises(UsageError, match="cannot be read: change its permissions"):
        jobs([tmp_path], output=None, recursive=False)


def test_shares_are_numbers_or_percentages():
    assert [share(text) for text in ("0.15", "15%", " 100 % ", 0.2)] == [0.15, 0.15, 1.0, 0.2]
    for text in ("", "%", "a fifth", "1/5"):
        with pytest.raises(UsageError, match=r"is not a share: write it like 0\.15 or 15%"):
            share(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("90s", 90),
        ("1.5m", 90),
        ("1m30s", 90),
        ("1m30", 90),
        ("1h30", 5400),
        ("1h05m", 3900),
        ("90:00", 5400),
        ("2h", 7200),
        ("1:30", 90),
        ("1:02:03.5", 3723.5),
        (" 45S ", 45),
    ],
)
def test_times_are_parsed(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "soon", "1:2:3:4", "1.2.3", "-5", "1:", "1:60", "1:75:00", "1h90"])
def test_bad_times_are_refused(text):
    with pytest.raises(UsageError, match="not a time"):
        seconds(text)


@given(st.floats(0, 1e5))
def test_plain_numbers_are_seconds(value):
    assert seconds(f"{value:.3f}") == pytest.approx(value, abs=6e-4)


def test_parts_are_parsed():
    assert interval("1:20-1:45") == Interval(80, 105)
    assert interval("0-12s") == Interval(0, 12)
    assert interval(" 90.5 - 2m ") == Interval(90.5, 120)
    assert interval("9:30-") == Interval(570, float("inf"))


@pytest.mark.parametrize("text", ["", "12", "-5", "a-b", "5-5", "7-3"])
def test_bad_parts_are_refused(text):
    with pytest.raises(UsageError):
        interval(text)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa.mp4\r\n\r\nb c.mp4\r\n", b"a.mp4\0b c.mp4\0"])
def test_lists_with_bom_and_crlf_are_read(tmp_path, content):
    (tmp_path / "list").write_bytes(content)
    assert listed(str(tmp_path / "list")) == [Path("a.mp4"), Path("b c.mp4")]


@pytest.mark.parametrize(
    ("text", "size"),
    [("25MB", 25_000_000), ("1.5 GB", 1_500_000_000), ("800kb", 800_000), ("10MiB", 10 * 2**20), ("12345", 12_345)],
)
def test_a_size_is_read_in_bytes(text, size):
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "MB", "25 megs", "-1MB", "1iB"])
def test_another_size_is_refused(text):
    with pytest.raises(UsageError, match="is not a size: write it like 25MB"):
        size_bytes(text)
