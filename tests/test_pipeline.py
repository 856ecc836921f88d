"""The whole way from a video to a summary, with the real backbone and the real model."""

import json
from dataclasses import replace
from pathlib import Path

import av
import jsonschema
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from matplotlib.cbook import get_sample_data
from PIL import Image
from scipy.stats import spearmanr
from sklearn.datasets import load_sample_images

import summdiff
from summdiff.errors import UsageError, VideoError
from summdiff.features import load_backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.extraction import extract
from summdiff.options import DEFAULT_BACKBONE, Options
from summdiff.pipeline import StageProgress, Summarizer
from summdiff.summary import Interval

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "summary.schema.json").read_text(encoding="utf-8"))
SCENES = [(6.0, "forest"), (5.2, "street"), (7.4, "beach"), (4.4, "forest"), (9.0, "night")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a cache with which each film is decoded once for each rate."""
    return FeatureCache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def summarizer(cache):
    return Summarizer(cache=cache)


@pytest.fixture(scope="module")
def film(make_video):
    return make_video(scenes=SCENES, sound=True)


def check(summary, budget=None):
    """Check what is true of every summary."""
    video = summary.video
    frame = 1 / video.fps
    assert summary.selection
    allowed = Options(budget=budget).seconds(video.duration)
    assert summary.selected_duration <= max(allowed, frame) + frame * len(summary.selection)
    assert summary.selected_duration > 0
    edges = [shot.start for shot in summary.shots] + [summary.shots[-1].end]
    assert edges[0] == 0.0
    assert edges[-1] == pytest.approx(video.duration)
    assert [shot.end for shot in summary.shots] == edges[1:]
    assert all(shot.duration > 0 for shot in summary.shots)
    assert any(shot.selected for shot in summary.shots)
    ends = [time for part in summary.selection for time in (part.start, part.end)]
    assert ends == sorted(ends)
    assert ends[0] >= 0
    assert ends[-1] <= video.duration + 1e-6
    mean, std = np.array(summary.scores.mean), np.array(summary.scores.std)
    assert len(summary.scores.times) == len(mean) == len(std)
    assert (mean >= 0).all()
    assert (mean <= 1).all()
    assert (std >= 0).all()
    assert summdiff.Summary.from_json(summary.to_json()).selection


def pan_over_photographs(path, seconds):
    """A film that pans slowly over real photographs, one after the other; returns the times of the cuts."""
    china, flower = load_sample_images().images
    with get_sample_data("grace_hopper.jpg") as file:
        hopper = np.asarray(Image.open(file))
    photographs = [china, hopper, flower, china[:, ::-1], hopper[::-1]]
    n = 0
    scaler = VideoReformatter()
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for photograph, length in zip(photographs, seconds, strict=True):
            for at in range(round(25 * length)):
                picture = np.ascontiguousarray(photograph[at // 4 :, at // 4 :][:400, :500])
                frame = scaler.reformat(av.VideoFrame.from_ndarray(picture, format="rgb24"), 320, 240)
                frame.pts, n = n, n + 1
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return np.cumsum(seconds)[:-1]


def test_shots_begin_on_the_cuts_of_the_film_to_the_frame(tmp_path, summarizer):
    cuts = pan_over_photographs(tmp_path / "film.mp4", [6.0, 5.2, 7.4, 4.4, 9.0])
    summary = summarizer.summarize(tmp_path / "film.mp4")
    check(summary)
    starts = np.array([shot.start for shot in summary.shots])
    for cut in cuts:
        assert np.abs(starts - cut).min() < 1e-6, f"no shot begins at {cut}, only at {starts}"
    assert len(starts) <= 2 * len(cuts) + 1


def test_the_same_input_gives_the_same_json_but_for_the_timings(film, summarizer):
    first = summarizer.summarize(film.path, seed=5)
    again = Summarizer(cache=False).summarize(film.path, seed=5)
    assert first.timings.keys() == again.timings.keys()
    assert replace(first, timings={}).to_json() == replace(again, timings={}).to_json()


def test_the_cache_changes_nothing_but_the_time(make_video, tmp_path, monkeypatch):
    film = make_video(scenes=[(3.0, "forest"), (4.0, "street")], sound=True)
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path))
    cold = Summarizer().summarize(film.path)
    warm = Summarizer().summarize(film.path)
    assert replace(cold, timings={}) == replace(warm, timings={})
    assert list(tmp_path.rglob("*"))
    for entry in tmp_path.rglob("*"):
        if entry.is_file():
            entry.write_bytes(entry.read_bytes()[:-7])
    damaged = Summarizer().summarize(film.path)
    assert replace(cold, timings={}) == replace(damaged, timings={})


def test_a_video_that_was_cached_without_its_sound_is_listened_to(film, tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path)
    Summarizer(cache=cache).summarize(film.path, sound=False)
    assert cache.get(film.path, DEFAULT_BACKBONE, 1.0).sound is None
    monkeypatch.setattr("summdiff.pipeline.extract", None)  # it is not looked at again
    Summarizer(cache=cache).summarize(film.path)
    listened = cache.get(film.path, DEFAULT_BACKBONE, 1.0).sound
    fresh = extract(film.path, load_backbone(DEFAULT_BACKBONE), rate=1.0).sound
    np.testing.assert_array_equal(listened.loudness, fresh.loudness)


def test_the_fast_mode_gives_nearly_the_same_scores(make_video, tmp_path):
    options = {"preset": "veryfast", "x264-params": "scenecut=0"}
    scenes = [(seconds * 2, look) for seconds, look in SCENES]
    film = make_video(tmp_path / "film.mp4", scenes=scenes, fps=10, gop=20, options=options)
    looked = {}
    for fast in (False, True):
        summary = Summarizer(fast=fast, cache=FeatureCache(tmp_path / "cache")).summarize(film.path)
        check(summary)
        assert summary.settings["fast"] is fast
        assert summary.video.duration == pytest.approx(film.duration, abs=0.002)
        looked[fast] = np.array(summary.scores.mean)
    assert not np.array_equal(looked[False], looked[True]), "each has its own cache entry"
    assert spearmanr(looked[False], looked[True]).statistic > 0.9


@pytest.fixture(scope="module")
def with_b_frames(make_video):
    """A film whose cuts lie anywhere in its groups of pictures."""
    options = {"preset": "veryfast", "bf": "3", "sc_threshold": "0"}
    return make_video(scenes=[*SCENES, (6.2, "dusk"), (5.6, "street")], options=options, sound=True)


@pytest.mark.parametrize("select", ["intervals", "shots"])
@pytest.mark.parametrize("share", [0.15, 0.4])
def test_the_normal_way_has_the_scores_and_the_cuts_of_the_exact_one(with_b_frames, cache, share, select):
    options = {"budget": share, "select": select, "alternatives": 2}
    normal = Summarizer(cache=cache).summarize(with_b_frames.path, **options)
    exact = Summarizer(cache=cache, exact=True).summarize(with_b_frames.path, **options)
    check(normal, share)
    assert (normal.settings["exact"], exact.settings["exact"]) == (False, True)
    assert normal.scores == exact.scores
    assert not exact.coarse_cuts
    parts = [*normal.selection, *(part for other in normal.alternatives for part in other.selection)]
    used = {time for part in parts for time in (part.start, part.end)}
    used |= {time for shot in normal.shots if shot.selected for time in (shot.start, shot.end)}
    assert used.isdisjoint(cut.at for cut in normal.coarse_cuts)
    near = [(time, cut) for time in used for cut in with_b_frames.cuts if abs(time - cut) < 0.13]
    assert near
    assert all(time == pytest.approx(cut, abs=1e-5) for time, cut in near)


@pytest.mark.parametrize("name", ["sintel_trailer_52s.mp4", "bbb_480p_30s.mp4", "intel_person_139s.mp4"])
def test_the_normal_way_chooses_what_the_exact_one_does_in_real_films(name, data_dir, cache):
    path = data_dir / "videos" / name
    normal, exact = (Summarizer(cache=cache, exact=exact).summarize(path) for exact in (False, True))
    assert normal.scores == exact.scores
    both = sum(
        max(0.0, min(one.end, other.end) - max(one.start, other.start))
        for one in normal.selection
        for other in exact.selection
    )
    assert both >= 0.95 * exact.selected_duration


def test_fast_and_exact_exclude_each_other():
    with pytest.raises(UsageError, match="either fast or exact"):
        Summarizer(fast=True, exact=True)


def test_hardware_decoding_is_off_or_auto():
    with pytest.raises(UsageError, match="off or auto, not 'cuda'"):
        Summarizer(hwaccel="cuda")


def test_no_seed_moves_the_summary(film, summarizer):
    one, other = (summarizer.summarize(film.path, seed=seed, samples=6) for seed in (1, 2))
    assert one.scores == other.scores
    assert one.selection == other.selection


def test_neither_samples_nor_steps_move_the_summary(film, summarizer):
    few, many = (summarizer.summarize(film.path, samples=n, steps=n) for n in (1, 9))
    assert few.scores == many.scores
    assert few.selection == many.selection


@pytest.mark.parametrize("share", [0.05, 0.15, 0.5, 1.0])
def test_no_budget_is_exceeded(film, summarizer, share):
    check(summarizer.summarize(film.path, budget=share), share)


def test_a_budget_of_one_keeps_everything(film, summarizer):
    summary = summarizer.summarize(film.path, budget=1.0)
    assert summary.selected_duration == pytest.approx(film.duration)


def test_a_duration_is_a_budget_in_seconds(film, summarizer):
    summary = summarizer.summarize(film.path, duration=8.0)
    assert 5.0 < summary.selected_duration <= 8.0 + 0.04 * len(summary.selection)
    assert summary.budget == pytest.approx(8.0 / film.duration)


@pytest.mark.parametrize("select", ["intervals", "shots"])
@pytest.mark.parametrize("frames", [1, 2, 3, 30, 60])
def test_very_short_videos(make_video, summarizer, frames, select):
    video = make_video(scenes=[(frames / 25, "only")])
    check(summarizer.summarize(video.path, select=select))
    check(summarizer.summarize(video.path, select=select, budget=0.15), 0.15)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"select": "shots"},
        {"alternatives": 2, "loss": 0.3},
        {"keep": (Interval(1, 2),), "drop": (Interval(9, 12),)},
    ],
    ids=lambda options: next(iter(options), "default"),
)
def test_summaries_have_the_form_of_the_schema(film, summarizer, options):
    jsonschema.validate(json.loads(summarizer.summarize(film.path, **options).to_json()), SCHEMA)


def test_whole_shots_are_selected_where_asked(film, summarizer):
    summary = summarizer.summarize(film.path, select="shots", budget=0.4)
    check(summary, 0.4)
    assert summary.places is None
    for shot in summary.shots:
        assert summary.parts_of(shot) == ((Interval(shot.start, shot.end),) if shot.selected else ())


def test_a_still_picture_gives_a_summary(make_video, summarizer):
    video = make_video(scenes=[(1.0, "still")], times=[0.0, 20.0, 40.0])
    summary = summarizer.summarize(video.path)
    check(summary)
    assert len(summary.scores.times) == 41


def test_no_shot_is_shorter_or_longer_than_asked(film, summarizer):
    summary = summarizer.summarize(film.path, min_shot=4.0, max_shot=7.0)
    lengths = [shot.duration for shot in summary.shots]
    assert min(lengths) >= 4.0 - 1e-6
    assert max(lengths) <= 7.0 + 1e-6


@pytest.mark.parametrize("rate", [0.5, 4.0])
def test_other_rates(film, cache, rate):
    summary = Summarizer(rate=rate, cache=cache).summarize(film.path)
    check(summary)
    assert len(summary.scores.times) == np.ceil(film.duration * rate)


def test_progress_comes_in_order_and_ends_at_the_end(film, summarizer):
    events: list[StageProgress] = []
    summarizer.summarize(film.path, on_progress=events.append)
    assert [stage for i, stage in enumerate(p.stage for p in events) if i == 0 or stage != events[i - 1].stage] == [
        "look",
        "score",
    ]
    for stage in ("look", "score"):
        done = [p.done for p in events if p.stage == stage]
        assert done == sorted(done)
        last = [p for p in events if p.stage == stage][-1]
        assert last.done == last.total


def test_a_file_that_is_not_a_video_is_named(tmp_path, summarizer):
    text = tmp_path / "letter.mp4"
    text.write_text("Dear reader, this is not a film.")
    with pytest.raises(VideoError, match=r"letter\.mp4"):
        summarizer.summarize(text)


def test_options_are_checked_before_anything_is_read(tmp_path, summarizer):
    with pytest.raises(UsageError, match="budget"):
        summarizer.summarize(tmp_path / "missing.mp4", budget=3)
    with pytest.raises(UsageError, match="rate"):
        Summarizer(rate=100)


def test_the_public_api_is_what_the_readme_says(film, tmp_path):
    summary = summdiff.summarize(film.path, budget=0.3)
    paths = summary.save(tmp_path / "out", formats=["mp4", "json", "png"])
    assert [path.name for path in paths] == ["video.summary.mp4", "video.summary.json", "video.summary.png"]
    assert json.loads(paths[1].read_text())["selected_duration"] == pytest.approx(summary.selected_duration, abs=1e-5)
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    assert summdiff.Summary.from_json(paths[1]).video == summary.video
    assert summary.plot().axes


def test_constraints_are_met_and_the_rest_of_the_curve_follows(film, summarizer):
    keep, drop = Interval(1.5, 4.0), Interval(20.0, 24.0)
    free = summarizer.summarize(film.path, budget=0.4)
    asked = summarizer.summarize(film.path, budget=0.4, keep=(keep,), drop=(drop,))
    check(asked, 0.4)
    assert any(part.start <= keep.start + 1e-6 and part.end >= keep.end - 1e-6 for part in asked.selection)
    assert not any(part.start < drop.end - 1e-6 and part.end > drop.start + 1e-6 for part in asked.selection)
    assert {1.5, 4.0, 20.0, 24.0} <= {shot.start for shot in asked.shots} | {shot.end for shot in asked.shots}
    times, mean = np.array(asked.scores.times), np.array(asked.scores.mean)
    assert np.allclose(mean[(times >= 1.5) & (times < 4)], 0.95)
    assert np.allclose(mean[(times >= 20) & (times < 24)], 0.05)
    others = (times < 1.5) | ((times >= 4) & (times < 20)) | (times >= 24)
    assert np.abs(mean - np.array(free.scores.mean))[others].max() > 0.01
    assert asked.settings["keep"] == [{"start": 1.5, "end": 4.0}]
    assert asked.settings["drop"] == [{"start": 20.0, "end": 24.0}]
    probability = {shot.start: shot.probability for shot in asked.shots}
    assert probability[1.5] == 1
    assert probability[20.0] == 0


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"keep": (Interval(0, 20),)}, "parts to keep last 20 s, but the summary may last only 5 s"),
        ({"drop": (Interval(40, 50),)}, "part to drop begins at 40 s, but the video ends at 32 s"),
        ({"keep": (Interval(3, 2),)}, "needs 0 <= start < end, not 3 s to 2 s"),
        ({"keep": (Interval(0, 2),), "drop": (Interval(1, 9),)}, "both kept and dropped"),
        ({"alternatives": 101}, "between 0 and 100, not 101"),
        ({"loss": 1.0}, "at least 0 and below 1, not 1"),
    ],
)
def test_constraints_that_cannot_be_met_are_refused(film, summarizer, constraints, message):
    with pytest.raises(UsageError, match=message):
        summarizer.summarize(film.path, **constraints)


def test_alternatives_differ_and_lose_no_more_than_allowed(film, summarizer):
    summary = summarizer.summarize(film.path, budget=0.3, alternatives=2, loss=0.3, samples=16)
    check(summary, 0.3)
    assert summary.alternatives
    for number, other in enumerate(summary.alternatives):
        assert other.expected >= 0.7
        assert other.overlap <= 0.9
        check(summary.alternative(number), 0.3)
    assert len({other.selection for other in summary.alternatives} | {summary.selection}) == 1 + len(
        summary.alternatives
    )
    missing = 2 - len(summary.alternatives)
    assert any("alternatives that are good and different enough" in warning for warning in summary.warnings) == bool(
        missing
    )


def test_curves_at_different_rates_agree(film, cache):
    curves = []
    for rate in (0.5, 1.0, 4.0):
        made = Summarizer(rate=rate, cache=cache).summarize(film.path)
        curves.append(np.interp(np.arange(1.0, 31.0), made.scores.times, made.scores.mean))
    correlations = np.corrcoef(curves)
    assert correlations.min() > 0.7
