"""Annotation sources, written by the tests in the form in which the data sets are published."""

import json
import shutil
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation_files import write_summe_mat, write_tvsum_mat, write_tvsum_tsv
from summdiff.data.annotations import Span, VideoAnnotations, read_annotations, source_of
from summdiff.errors import DataError


@pytest.fixture
def tvsum():
    """Three videos, not in alphabetical order; one as long in frames as there are annotators, to be mistaken."""
    rng = np.random.default_rng(0)
    return {
        name: ("VT", rng.integers(1, 6, (20, n))) for name, n in (("xxdtq8mxegs", 61), ("-esJrBWj2d8", 20), ("A_b", 45))
    }


@pytest.fixture
def summe():
    rng = np.random.default_rng(1)
    return {"Jumps": rng.integers(0, 9, (950, 15)), "Base jumping": rng.integers(0, 3, (300, 18))}


def same_scores(found, videos):
    assert list(found) == list(videos)
    for name, (category, scores) in videos.items():
        video = found[name]
        assert (video.name, video.category, video.n_frames, video.annotators) == (name, category, scores.shape[1], 20)
        assert video.scores.dtype == np.float32
        assert (video.scores == scores).all()
        assert video.score_range == (1, 5)
        assert video.summaries is None
        assert video.by_frame(1, 1.0) is video


def test_reads_tvsum_as_text(tmp_path, tvsum):
    path = write_tvsum_tsv(tmp_path / "ydata-tvsum50-anno.tsv", tvsum)
    assert source_of(path) == "tvsum_tsv"
    same_scores(read_annotations(path), tvsum)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    same_scores(read_annotations(str(path)), tvsum)


@pytest.mark.parametrize("turned", [False, True])
def test_reads_tvsum_as_matlab_file(tmp_path, tvsum, turned):
    del tvsum["-esJrBWj2d8"]  # as many frames as annotators: which axis is which cannot be told
    path = write_tvsum_mat(tmp_path / "ydata-tvsum50.mat", tvsum, turned=turned)
    assert source_of(path) == "tvsum_mat"
    found = read_annotations(path)
    same_scores(found, tvsum)
    assert found["A_b"].title == "A_b – the film 🎬"
    assert found["A_b"].fps == pytest.approx(25.0)


def test_both_formats_of_tvsum_give_the_same_annotations(tmp_path, tvsum):
    text = read_annotations(write_tvsum_tsv(tmp_path / "a.tsv", tvsum))
    matlab = read_annotations(write_tvsum_mat(tmp_path / "a.mat", tvsum))
    assert list(text) == list(matlab)
    for name in tvsum:
        assert (text[name].scores == matlab[name].scores).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines[:25], lines[25].replace("\t", " "), *lines[26:]], "line 26: expected YouTube id"),
        (lambda lines: [*lines[:3], lines[3].replace(",", ",x", 1), *lines[4:]], "line 4: the scores are not whole"),
        (lambda lines: [*lines[:3], lines[3] + ",6", *lines[4:]], "line 4: 'xxdtq8mxegs' has a score of 6, not 1 to 5"),
        (lambda lines: [*lines[:3], lines[3] + ",5", *lines[4:]], "line 4: 'xxdtq8mxegs' has 62 scores, but .* 61"),
        (lambda lines: [*lines, lines[0]], "line 61: 'xxdtq8mxegs' occurs again"),
        (lambda lines: lines[:-1], "'A_b' has 19 annotators, other videos have 20"),
        (lambda lines: [], "is empty"),
    ],
)
def test_an_error_in_a_tsv_names_its_line(tmp_path, tvsum, change, said):
    path = write_tvsum_tsv(tmp_path / "anno.tsv", tvsum)
    path.write_text("\n".join(change(path.read_text().splitlines())), encoding="utf-8")
    with pytest.raises(DataError, match=said) as raised:
        read_annotations(path)
    assert "anno.tsv" in str(raised.value)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("user_anno", np.ones((20, 44)), "'A_b': 'user_anno' has shape .* without an axis of 45"),
        ("user_anno", np.full((20, 45), np.nan), "outside 1 to 5"),
        ("video", np.zeros(2, np.uint64), "video 3: 'video' is not text"),
        ("nframes", np.zeros((1, 2)), "video 3: damaged"),
        ("title", None, "has no field 'title'"),
    ],
)
def test_an_error_in_a_matlab_struct_names_its_field(tmp_path, tvsum, field, value, said):
    path = write_tvsum_mat(tmp_path / "t.mat", tvsum)
    with h5py.File(path, "a") as file:
        if value is None:
            del file["tvsum50"][field]
        else:
            file["#refs#"]["wrong"] = value
            file["tvsum50"][field][2, 0] = file["#refs#"]["wrong"].ref
    with pytest.raises(DataError, match=said) as raised:
        read_annotations(path)
    assert "t.mat" in str(raised.value)


@pytest.mark.parametrize("newer", [False, True])
def test_reads_summe(tmp_path, summe, newer):
    for title, segments in summe.items():
        write_summe_mat(tmp_path / "GT" / f"{title}.mat", segments, fps=29.97, newer=newer)
    assert source_of(tmp_path / "GT") == "summe_mat"
    for path in (tmp_path / "GT", tmp_path):
        found = read_annotations(path)
        assert list(found) == ["Base jumping", "Jumps"]
        for title, segments in summe.items():
            video = found[title]
            assert (video.title, video.n_frames, video.fps) == (title, len(segments), pytest.approx(29.97))
            assert video.scores is None
            assert not video.scored
            assert video.summaries.dtype == np.uint8
            # Segment numbers, not 0/1: an annotator's 7th segment is chosen as much as the first.
            assert (video.summaries == (segments > 0).T).all()
    assert list(read_annotations(tmp_path / "GT" / "Jumps.mat")) == ["Jumps"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:2000]), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "is damaged"),
        (lambda path: path.write_bytes(b"x" * 5000), "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: write_summe_mat(path, np.full((30, 3), np.nan)), "not finite"),
    ],
)
def test_an_error_in_a_summe_file_is_named(tmp_path, summe, change, said):
    path = write_summe_mat(tmp_path / "GT" / "Jumps.mat", summe["Jumps"])
    change(path)
    with pytest.raises(DataError, match=said) as raised:
        read_annotations(tmp_path)
    assert "Jumps.mat" in str(raised.value)


@settings(derandomize=True)  # HDF5 may do worse than raise on files that nobody tried before
@given(cut=st.floats(0, 0.999), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=3))
def test_damaged_matlab_files_give_an_error_or_their_values(tmp_path_factory, cut, flips):
    folder = tmp_path_factory.mktemp("damaged")
    rng = np.random.default_rng(2)
    originals = [
        write_summe_mat(folder / "v5.mat", rng.integers(0, 4, (60, 4))),
        write_summe_mat(folder / "v73.mat", rng.integers(0, 4, (60, 4)), newer=True),
        write_tvsum_mat(folder / "tvsum.mat", {"a": ("VT", rng.integers(1, 6, (20, 40)))}),
    ]
    for path in originals:
        content = bytearray(path.read_bytes())
        for at, bits in flips:
            content[int(at * len(content))] ^= bits
        path.write_bytes(content if flips else content[: int(cut * len(content))])
        try:
            read_annotations(path)
        except DataError as error:
            assert path.name in str(error)
    shutil.rmtree(folder)


def table(path, *lines, header="video,annotator,start,end"):
    path.write_text("\n".join((header, *lines)), encoding="utf-8")
    return path


def test_reads_a_table_of_parts_to_keep(tmp_path):
    path = table(tmp_path / "mine.csv", "b,ann,1,2", "a,ann,0,0.5", "b,bob,0.2,1", "b,ann,1.5,2.4", "")
    found = read_annotations(path)
    assert list(found) == ["b", "a"]
    assert (found["b"].n_frames, found["b"].annotators, found["b"].scored) == (None, 2, False)
    video = found["b"].by_frame(10, 5.0)
    assert video.summaries.tolist() == [[0, 0, 0, 0, 0, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0, 0, 0, 0, 0]]
    assert (video.n_frames, video.scores, video.spans) == (10, None, None)
    ones = table(tmp_path / "ones.csv", "b,ann,1,2,1", "b,bob,0,1,1.0", header="video,annotator,start,end,score")
    assert not read_annotations(ones)["b"].scored


def test_reads_a_table_of_scores(tmp_path):
    lines = ("b,ann,1.0,1.6,3", "b,ann,0.0,1.0,-1", "c,bob,0,1,7")
    path = table(tmp_path / "mine.csv", *lines, header="\ufeffVideo, Annotator,start,end,score")
    found = read_annotations(path)
    assert found["b"].score_range == (-1, 7)
    video = found["b"].by_frame(10, 5.0)
    # What nobody scored has the lowest of the scale.
    assert video.scores.tolist() == [[-1, -1, -1, -1, -1, 3, 3, 3, -1, -1]]
    assert found["b"].within(-5, 7).by_frame(10, 5.0).scores[0, -1] == -5
    with pytest.raises(DataError, match="'b' have a score of 3, not -1 to 2"):
        found["b"].within(-1, 2)


def test_json_gives_the_same_as_a_table(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"b": {"ann": [[1, 1.6, 3], [0, 1, -1]], "eve": []}, "c": {"bob": [[0, 1, 7]]}}))
    found = read_annotations(path)
    assert list(found) == ["b", "c"]
    assert found["b"].spans == {"ann": (Span(0, 1, -1), Span(1, 1.6, 3)), "eve": ()}
    assert found["b"].by_frame(10, 5.0).scores.tolist() == [[-1, -1, -1, -1, -1, 3, 3, 3, -1, -1], [-1] * 10]


def test_seconds_follow_the_frames_where_their_rate_varies():
    spans = {"ann": (Span(1.0, 2.0),)}
    times = [0.0, 0.1, 0.2, 0.9, 1.0, 1.5, 1.99, 2.0, 4.0]
    video = VideoAnnotations(name="a", spans=spans).by_frame(9, times=times)
    assert video.summaries.tolist() == [[0, 0, 0, 0, 1, 1, 1, 0, 0]]


@given(
    fps=st.sampled_from([24000 / 1001, 25.0, 30000 / 1001, 30.0, 59.94]),
    first=st.integers(0, 400),
    n=st.integers(1, 90),
)
def test_frame_times_with_three_decimals_mean_those_frames(fps, first, n):
    video = VideoAnnotations(name="a", spans={"ann": (Span(round(first / fps, 4), round((first + n) / fps, 4)),)})
    assert np.flatnonzero(video.by_frame(500, fps).summaries[0]).tolist() == list(range(first, first + n))


@pytest.mark.parametrize(("span", "said"), [((2.0, 3.0), "begins after its end"), ((0.45, 0.55), "has no frame")])
def test_parts_outside_the_video_are_refused(span, said):
    with pytest.raises(DataError, match=f"'a', ann's part from .* {said}"):
        VideoAnnotations(name="a", spans={"ann": (Span(*span),)}).by_frame(5, 2.5)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("video;annotator;start;end",), "line 1: the header is"),
        (("video,annotator,start,end,scores", "a,b,0,1,2"), "line 1: the header is .* expected"),
        (("video,annotator,start,end", "a,b,0"), "line 2: 3 cells, expected 4"),
        (("video,annotator,start,end", "a,b,0,1", "a,,1,2"), "line 3: no annotator"),
        (("video,annotator,start,end", "a,b,0,0:30"), "line 2: the end is '0:30', not a number"),
        (("video,annotator,start,end", "a,b,0,nan"), "line 2: the end is 'nan'"),
        (("video,annotator,start,end", "a,b,3,2"), "line 2: the part must have 0 <= start < end, got 3"),
        (("video,annotator,start,end", "a,b,-3,2"), "must have 0 <= start < end"),
        (("video,annotator,start,end,score", "a,b,0,1,2", "a,b,1,2,"), "only some parts have a score"),
        (("video,annotator,start,end,score", "a,b,0,1,2", "a,c,1,2,2"), "every part has the score 2"),
        (("video,annotator,start,end,score", "a,b,0,9,2", "a,b,1,2,1"), "'b' scores overlapping parts of 'a'"),
        (("video,annotator,start,end",), "has no annotated video"),
    ],
)
def test_an_error_in_a_table_names_its_line(tmp_path, lines, said):
    path = table(tmp_path / "mine.csv", *lines[1:], header=lines[0])
    with pytest.raises(DataError, match=said) as raised:
        read_annotations(path)
    assert "mine.csv" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": ', "line 1: not JSON"),
        ("[]", "does not have the form"),
        ('{"a": []}', "'a' does not hold annotators"),
        ('{"a": {}}', "'a' has no annotator"),
        ('{"a": {"b": {}}}', "'b' has no list of parts"),
        ('{"a": {"b": [[1]]}}', "'a', 'b': part 1 is not"),
        ('{"a": {"b": [[0, 1], [1, true]]}}', "part 2: the end is True"),
        ('{"a": {"b": []}, "a": {}}', "'a' occurs twice"),
        ("[" * 100_000, "nested"),
        ('{"a": {"b": [[0, 1' + "0" * 400 + "]]}}", "not a number"),
        ('{"a": {"b": [[0, 1' + "0" * 5000 + "]]}}", "cannot be read as JSON"),
        ("{}", "has no annotated video"),
    ],
)
def test_an_error_in_json_is_named(tmp_path, content, said):
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(DataError, match=said) as raised:
        read_annotations(path)
    assert "mine.json" in str(raised.value)


def test_unusable_sources_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no annotations '.*gone\.tsv'"):
        read_annotations(tmp_path / "gone.tsv")
    with pytest.raises(DataError, match=r"has no \.mat"):
        read_annotations(tmp_path)
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"ydata-tvsum50-anno\.tsv"):
        read_annotations(tmp_path / "a.txt")
    (tmp_path / "latin.csv").write_bytes("vidéo,annotator".encode("latin-1"))
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_annotations(tmp_path / "latin.csv")


@pytest.mark.parametrize(("library", "newer", "said"), [("scipy.io", False, "SciPy"), ("h5py", True, "h5py")])
def test_a_missing_library_is_named_with_its_install_command(tmp_path, summe, monkeypatch, library, newer, said):
    write_summe_mat(tmp_path / "GT" / "Jumps.mat", summe["Jumps"], newer=newer)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DataError, match=rf"needs {said}: install it with `pip install 'summdiff\[data\]'`"):
        read_annotations(tmp_path)
