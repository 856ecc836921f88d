"""How a model does on SumMe, whose videos and annotators it never saw, with features it never saw.

    python scripts/zero_shot_summe.py --data FOLDER [--model default] [--video Jumps.webm]

FOLDER has summe_annotations.h5. Measured is Kendall's tau-b of the mean of the samples with each annotator's 0/1
selection at the same frames, mean over annotators: for the DINO ViT-B/16 features in the file and, with --video, for
EfficientNet-Lite0 features of the video "Jumps" (video_12). A check, never to be used to choose anything.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import h5py
import numpy as np

from summdiff.features import load_backbone
from summdiff.metrics.rank import kendall_tau
from summdiff.models import load_model
from summdiff.pipeline import extract


def main() -> None:
    """Print a line a video and the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with summe_annotations.h5")
    parser.add_argument("--model", default="default", help="id or folder of the model")
    parser.add_argument("--video", type=Path, help="the video Jumps")
    options = parser.parse_args()
    model = load_model(options.model)

    with h5py.File(options.data / "summe_annotations.h5") as file:
        if options.video:
            seen = extract(options.video, load_backbone("efficientnet_lite0"), rate=1.0)
            scores = model.sample(seen.features, rate=1.0).mean(axis=0)
            users = file["video_12/user_summary"][()]
            frames = np.round(np.asarray(seen.times) * float(file["video_12"].attrs["fps"])).astype(int)
            frames = frames.clip(max=users.shape[1] - 1)
            print(f"Jumps, EfficientNet-Lite0: {kendall_tau(scores, users[:, frames]):.3f}")
        taus = []
        for name, video in file.items():
            if "features_dino" not in video:
                continue
            picks = video["features_dino_picks"][()]
            rate = float(video.attrs["fps"]) / float(np.median(np.diff(picks)))
            scores = model.sample(video["features_dino"][()], rate=rate).mean(axis=0)
            taus.append(kendall_tau(scores, video["user_summary"][()][:, picks]))
            print(f"{name} {video.attrs['title']}: {taus[-1]:.3f}")
    print(f"DINO, mean of {len(taus)} videos: {statistics.fmean(taus):.3f}")


if __name__ == "__main__":
    main()
