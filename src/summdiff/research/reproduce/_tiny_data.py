"""Small files in the formats of TVSum and YouTube Highlights for the quick mode, with synthetic importance."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from summdiff.atomic import make_folder, written_whole
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.synthetic import make_synthetic

_DOMAINS = ("dog", "surfing")
_ANNOTATORS = 4
_FPS, _STEP = 30, 60  # frames per second, frames per step


def tiny_files(folder: Path) -> dict[str, Path]:
    """Return the two files by kind, written if missing; their features share a space, so a model fits both."""
    paths = {kind: folder / f"tiny_{kind}.h5" for kind in ("tvsum", "youtube_highlights")}
    make_folder(folder)
    for kind, path in paths.items():
        if not path.exists():
            _write(path, kind)
    return paths


def _write(path: Path, kind: str) -> None:
    import h5py

    count = 10 if kind == "tvsum" else 16
    rng = np.random.default_rng(count)
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "planted.h5"
        make_synthetic(source, videos=count, seed=0, min_seconds=24, max_seconds=48, dimension=16)
        planted = MrHiSum(source)
        with written_whole(path) as partial, h5py.File(partial, "w") as file:
            file.attrs.update(kind=kind, dataset="tiny", synthetic="planted importance, no real video")
            for number, name in enumerate(planted.names):
                video = planted[name]
                n, curve = len(video.gtscore), video.gtscore
                group = file.create_group(name)
                group.attrs["fps"] = float(_FPS)
                group["features"] = video.features
                group["picks"], group["n_frames"] = np.arange(n) * _STEP, n * _STEP
                if kind == "youtube_highlights":
                    group.attrs["category"] = _DOMAINS[number % len(_DOMAINS)]
                    high, low = np.quantile(curve, [0.7, 0.4])
                    group["match"] = np.where(curve >= high, 1, np.where(curve <= low, -1, 0))
                    first = np.arange(n) * _STEP
                    group["clips"] = np.stack([first, first + _STEP - 1], axis=1)
                    continue
                scores = np.clip(np.round(1 + 4 * curve + 0.5 * rng.normal(size=(_ANNOTATORS, n))), 1, 5)
                cuts = np.arange(0, n * _STEP, 4 * _STEP)
                ends = np.append(cuts[1:], n * _STEP)
                group["user_scores"] = scores.astype(np.uint8)
                group["gtscore"] = ((scores.mean(axis=0) - 1) / 4).astype(np.float32)
                group["change_points"] = np.stack([cuts, ends - 1], axis=1)
                group["n_frame_per_seg"] = ends - cuts
                group["user_summary"] = np.repeat(scores >= 4, _STEP, axis=1).astype(np.uint8)
