"""Videos and annotations to one file: real and generated videos, the real backbone, the readers as judges."""

import json
import shutil
import unicodedata
from fractions import Fraction
from itertools import combinations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotation_files import write_summe_mat, write_tvsum_mat, write_tvsum_tsv
from summdiff.data.check import check
from summdiff.data.convert import convert
from summdiff.data.convert._convert import _features
from summdiff.data.convert._matching import group_names
from summdiff.data.convert._segments import compute_segments
from summdiff.data.summe import TITLES, SumMe
from summdiff.data.tvsum import TVSum
from summdiff.errors import BackboneError, DataError, OutputError, UsageError
from summdiff.features.cache import FeatureCache
from summdiff.features.extraction import extract_frames, frame_count
from summdiff.metrics.segments import summary_from_scores


class NumberReader:
    """A backbone whose one feature is the frame number that is painted into the picture."""

    id, dimension, short_side = "numbers", 1, 108

    def __init__(self, number):
        self._number = number

    def __call__(self, images):
        return np.array([[self._number(image)] for image in images], np.float32)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache; without it, the film of another test need not be looked at again."""
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def films(make_video, tmp_path_factory):
    """Three videos with the names of TVSum's, and how many frames each has."""
    folder = tmp_path_factory.mktemp("films")
    scenes = [(3.0, "sea"), (4.0, "wood"), (3.0, "city"), (2.4, "night")]
    made = {}
    for at, (name, suffix) in enumerate((("xxdtq8mxegs", "mp4"), ("-esJrBWj2d8", "webm"), ("A_b", "mkv"))):
        codec = {"codec": "libvpx-vp9"} if suffix == "webm" else {}
        film = make_video(folder / f"{name}.{suffix}", scenes=scenes[at:] + scenes[:at], **codec)
        made[film.path] = len(film.frame_times)
    return made


@pytest.fixture
def scores(films):
    """TVSum's annotations of the videos: constant over two seconds, as there."""
    rng = np.random.default_rng(0)
    return {
        path.stem: ("VT", np.repeat(rng.integers(1, 6, (20, n // 50 + 1)), 50, axis=1)[:, :n])
        for path, n in films.items()
    }


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", {"fps": 25}),
        ("mp4", {"fps": Fraction(30000, 1001), "gop": 12}),
        (
            "webm",
            {"fps": Fraction(30000, 1001), "codec": "libvpx-vp9"},
        ),
        (
            "mkv",
            {
                "fps": 30,
                "times": np.cumsum([0.0, *np.random.default_rng(3).uniform(0.005, 0.2, 119)]).round(3).tolist(),
            },
        ),
        ("mp4", {"fps": 24, "start": 1.3, "rotation": 90}),
        ("ts", {"fps": 25}),
    ],
)
@pytest.mark.parametrize("every", [1, 7, 15])
def test_picks_give_the_first_frame_of_each_step(make_video, tmp_path, suffix, options, every):
    film = make_video(tmp_path / f"film.{suffix}", scenes=((2.0, 1), (3.0, 2)), **options)
    seen = extract_frames(film.path, NumberReader(film.number), every=every)
    n = len(film.frame_times)
    assert frame_count(seen) == n
    assert seen.features[:, 0].tolist() == list(range(0, n, every))
    np.testing.assert_allclose(seen.times, film.frame_times[::every], atol=0.002)
    assert seen.video.duration == pytest.approx(film.duration, abs=0.1)


@pytest.mark.usefixtures("own_cache")
def test_features_sampled_by_frames_and_by_seconds_are_cached_apart(make_video):
    film = make_video()
    cache = FeatureCache()
    backbone = NumberReader(film.number)
    assert _features(film.path, backbone, 15, cache)[1] is False
    again, cached = _features(film.path, backbone, 15, cache)
    assert cached
    assert again.features[:, 0].tolist() == list(range(0, 100, 15))
    assert _features(film.path, backbone, 10, cache)[1] is False
    assert all(cache.get(film.path, backbone.id, rate) is None for rate in (0.0, 1.0, 25 / 15))


@pytest.mark.parametrize("form", ["tsv", "mat"])
def test_converts_tvsum(films, scores, tmp_path, form):
    write = write_tvsum_tsv if form == "tsv" else write_tvsum_mat
    annotations = write(tmp_path / f"ydata.{form}", scores)
    outcomes = []
    made = convert(list(films), annotations, tmp_path / "tvsum.h5", segment_seconds=1, on_video=outcomes.append)
    assert made.problems == made.notes == ()
    assert made.videos == ("video_1", "video_2", "video_3")
    assert [(outcome.position, outcome.total) for outcome in outcomes] == [(1, 3), (2, 3), (3, 3)]
    data = TVSum(tmp_path / "tvsum.h5")
    for number, (name, (category, rows)) in enumerate(scores.items(), 1):
        video = data[f"video_{number}"]
        n = rows.shape[1]
        assert (video.youtube_id, video.category, video.n_frames) == (name, category, n)
        assert video.title == (f"{name} – the film 🎬" if form == "mat" else "")
        assert video.fps == pytest.approx(25, abs=0.01)
        assert video.features.shape == (len(range(0, n, 15)), 1280)
        assert video.picks.tolist() == list(range(0, n, 15))
        assert (video.user_scores == rows[:, ::15]).all()
        np.testing.assert_allclose(video.gtscore, (rows[:, ::15].mean(axis=0) - 1) / 4, atol=1e-6)
        assert len(video.change_points) == round(n / 25)
        assert video.user_summary.any(axis=1).all()
        for row, summary in zip(rows, video.user_summary, strict=True):
            assert (summary == summary_from_scores(row, np.arange(n), n, video.change_points)).all()
        expected = summary_from_scores(rows.mean(axis=0), np.arange(n), n, video.change_points)
        assert (video.gtsummary == expected[video.picks]).all()
    with h5py.File(tmp_path / "tvsum.h5") as file:
        assert file.attrs["backbone"] == "efficientnet_lite0"
        assert file.attrs["every"] == 15
        assert (file.attrs["kind"], file.attrs["dataset"]) == ("tvsum", "tvsum")
        assert len(file.attrs["annotations_sha256"]) == 64
        for group in file.values():
            assert group["n_frame_per_seg"][()].sum() == group["n_frames"][()]
            assert group["n_steps"][()] == len(group["features"])
            assert group["features"].dtype == np.float32


def test_a_converted_file_passes_the_check(films, tmp_path):
    rng = np.random.default_rng(1)
    # Scores that change where steps begin: what steps tell is then what annotators said of the frames.
    scores = {path.stem: ("VT", np.repeat(rng.integers(1, 6, (20, n)), 60, axis=1)[:, :n]) for path, n in films.items()}
    annotations = write_tvsum_tsv(tmp_path / "a.tsv", scores)
    report = check(convert(list(films), annotations, tmp_path / "o.h5", segment_seconds=1).path)
    assert (report.kind, report.annotators, report.problems) == ("tvsum", (20, 20), ())
    assert {rule.kept for rule in report.rules.values()} == {3}
    assert {rule.exactly for rule in report.rules.values()} == {3, None}


@pytest.mark.usefixtures("own_cache")
def test_a_stopped_run_resumes(films, scores, tmp_path):
    annotations, output = write_tvsum_tsv(tmp_path / "a.tsv", scores), tmp_path / "out" / "tvsum.h5"
    output.parent.mkdir()

    def stop(outcome):
        if outcome.position == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(list(films), annotations, output, on_video=stop)
    assert list(output.parent.iterdir()) == []
    outcomes = []
    convert(list(films), annotations, output, on_video=outcomes.append)
    assert [outcome.cached for outcome in outcomes] == [True, True, False]
    content = output.read_bytes()
    convert(list(films), annotations, output, on_video=outcomes.append, overwrite=True, cache=False)
    assert not any(outcome.cached for outcome in outcomes[3:])
    assert output.read_bytes() == content


def test_an_unreadable_video_is_skipped(films, scores, tmp_path):
    first, second, third = films
    (tmp_path / first.name).write_bytes(b"no video")
    # Of the third a hundredth of the frames is missing, which may be; of an unknown one nothing is known.
    scores["A_b"] = ("VT", np.pad(scores["A_b"][1], ((0, 0), (0, 3)), mode="edge"))
    scores["gone"] = ("BK", np.full((20, 100), 3))
    annotations = write_tvsum_tsv(tmp_path / "a.tsv", scores)
    stranger = tmp_path / "stranger.mp4"
    shutil.copy(second, stranger)
    outcomes = []
    made = convert(
        [third, stranger, tmp_path / first.name, second],
        annotations,
        tmp_path / "o.h5",
        segment_seconds=1,
        on_video=outcomes.append,
    )
    assert made.videos == ("video_2", "video_3")
    assert TVSum(made.path).names == made.videos
    assert TVSum(made.path)["video_3"].n_frames == films[third] + 3
    assert [outcome.problem is None for outcome in outcomes] == [False, True, True]
    unread, missing = made.problems
    assert first.name in unread
    assert missing == "1 annotated videos are missing: 'gone'."
    fewer, unknown = made.notes
    assert f"has {films[third]} frames, but the annotations of 'A_b' have {films[third] + 3}" in fewer
    assert "'stranger.mp4'" in unknown


@pytest.mark.parametrize("frames", [-40, 40])
def test_a_video_with_another_frame_count_is_skipped(films, scores, tmp_path, frames):
    path, n = next(iter(films.items()))
    other = {path.stem: ("VT", np.full((20, n + frames), 2)), "A_b": scores["A_b"]}
    made = convert(list(films), write_tvsum_tsv(tmp_path / "a.tsv", other), tmp_path / "o.h5")
    assert made.videos == ("video_2",)
    assert f"has {n} frames, but the annotations of '{path.stem}' have {n + frames}" in made.problems[0]
    del other["A_b"]
    with pytest.raises(DataError, match=r"None of the 1 videos can be converted. The first: .* has"):
        convert(list(films), write_tvsum_tsv(tmp_path / "a.tsv", other), tmp_path / "p.h5")
    assert not (tmp_path / "p.h5").exists()


def test_segments_and_their_scores_can_be_taken_from_a_file(films, scores, tmp_path):
    annotations = write_tvsum_tsv(tmp_path / "a.tsv", scores)
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "eccv16.h5", "w") as file:
        for number, (_, rows) in enumerate(scores.values(), 1):
            edges = np.array([0, 37, 101, 160, rows.shape[1]])
            group = file.create_group(f"video_{number}")
            group["change_points"] = np.stack([edges[:-1], edges[1:] - 1], axis=1)
            group["user_summary"] = rng.integers(0, 2, rows.shape).astype(np.float32)
    made = convert(list(films), annotations, tmp_path / "o.h5", segments_from=tmp_path / "eccv16.h5")
    assert made.problems == ()
    with h5py.File(tmp_path / "eccv16.h5") as published, h5py.File(made.path) as file:
        for name in made.videos:
            for key in ("change_points", "user_summary"):
                assert (file[name][key][()] == published[name][key][()]).all()
    with h5py.File(tmp_path / "eccv16.h5", "a") as file:
        del file["video_1"]
        del file["video_2/user_summary"]
        file["video_3/change_points"][-1, 1] += 1
    made = convert(list(films), annotations, tmp_path / "o.h5", segments_from=tmp_path / "eccv16.h5", overwrite=True)
    assert made.videos == ("video_2",)
    none, wrong = made.problems
    assert "eccv16.h5' has no video 'video_1'" in none
    assert "video_3: 'change_points' does not cut" in wrong
    video = TVSum(made.path)["video_2"]
    rows = scores["-esJrBWj2d8"][1]
    expected = summary_from_scores(rows[0], np.arange(video.n_frames), video.n_frames, video.change_points)
    assert (video.user_summary[0] == expected).all()


def test_converts_a_real_video_with_its_annotations(data_dir, tmp_path):
    published = data_dir / "summe_annotations.h5"
    known = SumMe(published).annotations("video_12")
    # As the original tool stored it: numbers of segments.
    write_summe_mat(tmp_path / "GT" / "Jumps.mat", known.user_summary.T * np.arange(2, 17), fps=known.fps)
    video = data_dir / "videos" / "Jumps.webm"
    made = convert([video], tmp_path / "GT", tmp_path / "own.h5")
    assert (made.videos, made.problems, made.notes) == (("video_12",), (), ())
    own = SumMe(made.path)["video_12"]
    assert (own.title, own.n_frames, own.fps) == ("Jumps", 950, pytest.approx(25))
    assert (own.user_summary == known.user_summary).all()
    assert (own.picks == known.picks).all()
    assert (own.gtscore == known.gtscore).all()
    np.testing.assert_allclose(own.gtscore, (known.user_summary > 0).mean(axis=0)[own.picks], atol=1e-7)
    assert len(own.change_points) == pytest.approx(38 / 5, abs=1)
    made = convert([video], tmp_path / "GT", tmp_path / "comparable.h5", segments_from=published)
    assert (SumMe(made.path)["video_12"].change_points == known.change_points).all()
    for path in (tmp_path / "own.h5", tmp_path / "comparable.h5"):
        report = check(path)
        assert (report.kind, report.annotators, report.problems) == ("summe", (15, 15), ())


def test_parts_in_seconds_follow_a_variable_frame_rate(make_video, tmp_path):
    times = np.cumsum([0.0, *np.random.default_rng(5).uniform(0.01, 0.3, 99)]).round(3).tolist()
    film = make_video(tmp_path / "clip 10.mkv", times=times)
    other = make_video(tmp_path / "clip 9.mp4")
    start, end = times[40], times[60]
    (tmp_path / "mine.csv").write_text(
        f"video,annotator,start,end\nclip 10,ann,{start},{end}\nclip 10,bob,0,{times[3]}\nclip 9.mp4,ann,1,2\n"
    )
    made = convert([film.path, other.path], tmp_path / "mine.csv", tmp_path / "o.h5", segment_seconds=2)
    assert (made.videos, made.problems) == (("video_2", "video_1"), ())
    video = SumMe(made.path)["video_2"]
    assert video.title == "clip 10"
    assert np.flatnonzero(video.user_summary[0]).tolist() == list(range(40, 60))
    assert np.flatnonzero(video.user_summary[1]).tolist() == [0, 1, 2]
    assert (video.gtscore == video.user_summary[:, ::15].mean(axis=0, dtype=np.float32)).all()


def test_parts_in_seconds_keep_their_place_after_damaged_frames(make_video, tmp_path):
    film = make_video(tmp_path / "a.mkv", scenes=((4.0, 1), (4.0, 2)), gop=25)
    content = bytearray(film.path.read_bytes())
    for at in range(len(content) // 4, len(content) // 2):
        content[at] ^= 0x5A
    film.path.write_bytes(content)
    (tmp_path / "mine.csv").write_text("video,annotator,start,end\na,ann,6,7\n")
    made = convert([film.path], tmp_path / "mine.csv", tmp_path / "o.h5", segment_seconds=1)
    (note,) = made.notes
    assert "damaged frames: left out" in note
    seen = extract_frames(film.path, NumberReader(film.number), every=1)
    chosen = SumMe(made.path)["video_1"].user_summary[0].astype(bool)
    assert len(chosen) == frame_count(seen) < 200
    assert seen.features[chosen, 0].tolist() == list(range(150, 175))


@pytest.mark.parametrize(("scenes", "every"), [(((0.04, 1),), 15), (((2.0, 1),), 1000), (((2.0, 1),), 1)])
def test_short_videos_and_every_frame_are_converted(make_video, tmp_path, scenes, every):
    film = make_video(tmp_path / "a.mp4", scenes=scenes)
    (tmp_path / "mine.json").write_text('{"a": {"ann": [[0, 0.04]], "bob": []}}')
    made = convert([film.path], tmp_path / "mine.json", tmp_path / "o.h5", every=every)
    video = SumMe(made.path)["video_1"]
    assert len(video.picks) == len(range(0, len(film.frame_times), every))
    assert video.user_summary.sum(axis=1).tolist() == [1, 0]
    assert made.notes == ("'a': 1 of 2 annotators have an empty summary.",)


def test_custom_score_ranges_are_scaled(films, tmp_path):
    path, n = next(iter(films.items()))
    (tmp_path / "mine.json").write_text(f'{{"{path.stem}": {{"ann": [[0, 6, 10], [6, 9, 4]], "bob": [[2, 4, 0]]}}}}')
    made = convert([path], tmp_path / "mine.json", tmp_path / "o.h5")
    video = TVSum(made.path)["video_1"]
    assert video.youtube_id == ""
    shares = np.zeros((2, n))
    shares[0, :150], shares[0, 150:225] = 1.0, 0.4
    np.testing.assert_allclose(video.gtscore, shares[:, ::15].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(video.user_scores, 1 + 4 * shares[:, ::15], atol=1e-6)
    convert([path], tmp_path / "mine.json", made.path, score_range=(-10, 10), overwrite=True)
    assert TVSum(made.path)["video_1"].gtscore.tolist()[:2] == [0.5, 0.5]
    with pytest.raises(DataError, match="a score of 10, not 1 to 5"):
        convert([path], tmp_path / "mine.json", tmp_path / "p.h5", kind="tvsum")


def test_groups_are_named_as_in_public_files():
    assert group_names(["Jumps", "playing_ball"], "summe") == {"Jumps": "video_12", "playing_ball": "video_25"}
    assert group_names(["b", "a", "B"], "summe") == {"b": "video_3", "a": "video_2", "B": "video_1"}
    assert group_names(list(reversed(TITLES)), "summe")["Air_Force_One"] == "video_1"
    assert group_names(["b", "a"], "tvsum") == {"b": "video_1", "a": "video_2"}
    assert group_names(["clip10", "clip9"], "other") == {"clip10": "video_2", "clip9": "video_1"}


def test_names_with_accents_match_in_any_unicode_form(films, tmp_path):
    path = tmp_path / unicodedata.normalize("NFD", "été.mp4")
    shutil.copy(next(iter(films)), path)
    (tmp_path / "mine.json").write_text(json.dumps({unicodedata.normalize("NFC", "été"): {"ann": [[0, 2]]}}))
    assert convert([path], tmp_path / "mine.json", tmp_path / "o.h5").problems == ()


@given(
    features=arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(-2, 2, width=16)),
    count=st.integers(0, 10),
)
def test_computed_segments_have_the_least_scatter_of_their_number(features, count):
    n = len(features)
    picks = np.arange(n) * 15
    segments = compute_segments(features, picks, 15 * n - 4, count)
    count = min(max(count, 1), n)
    assert len(segments) == count
    assert (segments[0, 0], segments[-1, 1]) == (0, 15 * n - 5)
    assert (segments[1:, 0] == segments[:-1, 1] + 1).all()
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)

    def scatter(starts):
        return sum(((part - part.mean(axis=0)) ** 2).sum() for part in np.split(unit.astype(float), starts))

    least = min(scatter(list(cuts)) for cuts in combinations(range(1, n), count - 1))
    assert scatter(segments[1:, 0] // 15) == pytest.approx(least, abs=1e-5)


def test_computed_segments_begin_at_scene_changes():
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(20, 16)), 6, axis=0) + 0.05 * rng.normal(size=(120, 16))
    segments = compute_segments(features.astype(np.float32), np.arange(120) * 15, 1799, 20)
    assert segments[:, 0].tolist() == list(range(0, 1800, 90))
    # Half of the video stands still; no segment is longer than twelve times the average.
    features[:60] = features[0]
    lengths = np.diff(compute_segments(features.astype(np.float32), np.arange(120) * 15, 1800, 40)[:, 0]) // 15
    assert lengths.max() == 36


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"every": 0}, UsageError, "at least 1 frame apart, got 0"),
        ({"segment_seconds": 0.0}, UsageError, "positive number of seconds, got 0"),
        ({"score_range": (5.0, 1.0)}, UsageError, "needs LOW < HIGH, got 5 1"),
        ({"output": "gone/o.h5"}, OutputError, "there is no folder"),
        ({"output": "."}, OutputError, "is a folder"),
        ({"output": "a.tsv"}, OutputError, "exists: give --overwrite"),
        ({"annotations": "gone.tsv"}, DataError, "There are no annotations"),
        ({"segments_from": "gone.h5"}, DataError, "gone.h5"),
        ({"segments_from": "a.tsv"}, DataError, "cannot be read as HDF5"),
        ({"backbone": "efficientnet"}, BackboneError, "did you mean"),
        ({"kind": "summe"}, DataError, "needs chosen parts: leave it out"),
        ({"videos": ["b.mp4"]}, DataError, "No video .* has a name of the annotations"),
        ({"videos": []}, DataError, "No video .* has a name of the annotations"),
        ({"videos": ["A_b.mp4", "A_b.mkv"]}, UsageError, r"Both .*A_b\.mp4' and .*A_b\.mkv'"),
    ],
)
def test_errors_that_affect_all_videos_are_raised_first(scores, tmp_path, options, error, said):
    write_tvsum_tsv(tmp_path / "a.tsv", scores)
    before = sorted(tmp_path.iterdir())
    asked = {"videos": ["A_b.mp4"], "annotations": "a.tsv", "output": "o.h5", **options}
    asked["videos"] = [tmp_path / name for name in asked["videos"]]
    for key in ("annotations", "output", "segments_from"):
        if key in asked:
            asked[key] = tmp_path / asked[key]
    with pytest.raises(error, match=said):
        convert(**asked)
    assert sorted(tmp_path.iterdir()) == before
