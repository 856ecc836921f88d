"""Small files of each data set's form, with all their keys in agreement."""

from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest

from summdiff.data.synthetic import make_synthetic
from summdiff.metrics.segments import summary_from_scores

TITLES = ("Air_Force_One", "Jumps")


def write_tvsum(path, *, usual=False):
    """Two videos. `usual`: as eccv16_dataset_tvsum_google_pool5.h5, without `user_scores` and attributes."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, n in (("video_10", 40), ("video_2", 60)):
            group = file.create_group(name)
            picks = np.arange(n) * 15
            n_frames = n * 15 - 3
            starts = np.arange(0, n_frames, 60)
            segments = np.stack([starts, np.append(starts[1:], n_frames) - 1], axis=1)
            scores = rng.integers(1, 6, (20, n)).astype(np.uint8)
            gtscore = ((scores.mean(axis=0) - 1) / 4).astype(np.float32)
            users = np.stack([summary_from_scores(row, picks, n_frames, segments) for row in scores])
            summary = summary_from_scores(gtscore if usual else scores.mean(axis=0), picks, n_frames, segments)
            keys = {
                "gtscore": gtscore,
                "change_points": segments,
                "n_frame_per_seg": segments[:, 1] - segments[:, 0] + 1,
                "user_summary": users,
                "gtsummary": summary[picks],
                "picks": picks,
            }
            group.create_dataset("features", data=rng.random((n, 8)).astype(np.float32), chunks=(n, 8), compression=4)
            for key, values in keys.items():
                group.create_dataset(key, data=values, compression=4)
            group["n_frames"], group["n_steps"] = n_frames, n
            if not usual:
                group.create_dataset("user_scores", data=scores, compression=4)
                group.attrs.update(fps=30.0, category="VT", title=f"about {name}", youtube_id="AwmHb44_ouw")
    return path


def write_summe(path, *, usual=False):
    """Two videos with 15 annotators, raw values of 0 to 3; without `usual` the second has features of its own grid."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for name, title, n in (("video_1", TITLES[0], 20), ("video_12", TITLES[1], 30)):
            group = file.create_group(name)
            picks, n_frames = np.arange(n) * 15, n * 15 - 4
            group["picks"], group["n_frames"], group["n_steps"] = picks, n_frames, n
            group["change_points"] = np.array([[0, 99], [100, 149], [150, n_frames - 1]])
            group["n_frame_per_seg"] = np.array([100, 50, n_frames - 150])
            users = np.repeat(rng.integers(0, 4, (15, n)), 15, axis=1)[:, :n_frames].astype(np.float32)
            group.create_dataset("user_summary", data=users, compression=4)
            group["gtscore"] = (users[:, picks] > 0).mean(axis=0).astype(np.float32)
            group["video_name"] = title
            if usual:
                group["features"] = rng.random((n, 8)).astype(np.float32)
            else:
                group.attrs.update(fps=25.0, title=title)
        if not usual:
            own = np.arange(0, n_frames, 6)
            file["video_12/features_dino"] = rng.random((len(own), 8)).astype(np.float16)
            file["video_12/features_dino_picks"] = own
    return path


def write_youtube_highlights(path):
    """Two videos, the second with clips that overlap less."""
    rng = np.random.default_rng(2)
    with h5py.File(path, "w") as file:
        for name, category, every in (("-FHmVZWWgcE", "surfing", 50), ("zyooMDuAgCA", "dog", 49)):
            n = 12
            group = file.create_group(name)
            match = rng.integers(-1, 2, n).astype(np.int8)
            picks = np.arange(n) * every
            group["features"] = rng.random((n, 8)).astype(np.float16)
            group["match"], group["gtscore"], group["picks"] = match, ((match + 1) / 2).astype(np.float32), picks
            group["clips"] = np.stack([picks, picks + 100], axis=1).astype(np.float64)
            group["n_frames"], group["n_steps"] = picks[-1] + 100, n
            group.attrs.update(fps=30.0, category=category, youtube_id=name)
    return path


def write_mr_hisum(path):
    """Three videos."""
    make_synthetic(path, videos=3, dimension=8, min_seconds=120, max_seconds=150)
    return path


def once(writer):
    """A writer that makes each file once, with what belongs to it; later calls copy them."""
    made = {}

    def write(path, **options):
        key = tuple(options.items())
        if key not in made:
            with TemporaryDirectory() as folder:
                writer(Path(folder) / "data.h5", **options)
                made[key] = {file.name.removeprefix("data"): file.read_bytes() for file in Path(folder).iterdir()}
        for rest, content in made[key].items():
            (path if rest == ".h5" else path.with_name(f"{path.stem}{rest}")).write_bytes(content)
        return path

    return write


WRITERS = {
    "tvsum": once(write_tvsum),
    "summe": once(write_summe),
    "youtube_highlights": once(write_youtube_highlights),
    "mr_hisum": once(write_mr_hisum),
}


@pytest.fixture(params=sorted(WRITERS))
def any_file(request, tmp_path):
    """A file of each kind: (kind, path)."""
    return request.param, WRITERS[request.param](tmp_path / f"small_{request.param}.h5")


@pytest.fixture
def write():
    """Writers by kind; those of TVSum and SumMe also take `usual=True`."""
    return WRITERS
