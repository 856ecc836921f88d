"""SumMe (Gygli et al., ECCV 2014) from one HDF5 file: short videos, each summarized by 15 to 18 annotators.

The file has one group per video with the field's common keys; see `SumMe`. Needs h5py (extra `data`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.video import AnnotatedVideo, DatasetKind
from summdiff.data.video_group import VideoGroup
from summdiff.errors import DataError

# In the order of `video_1` to `video_25`: case-sensitive alphabetical.
TITLES = (
    "Air_Force_One",
    "Base jumping",
    "Bearpark_climbing",
    "Bike Polo",
    "Bus_in_Rock_Tunnel",
    "Car_railcrossing",
    "Cockpit_Landing",
    "Cooking",
    "Eiffel Tower",
    "Excavators river crossing",
    "Fire Domino",
    "Jumps",
    "Kids_playing_in_leaves",
    "Notre_Dame",
    "Paintball",
    "Playing_on_water_slide",
    "Saving dolphines",
    "Scuba",
    "St Maarten Landing",
    "Statue of Liberty",
    "Uncut_Evening_Flight",
    "Valparaiso_Downhill",
    "car_over_camera",
    "paluma_jump",
    "playing_ball",
)


class SumMe(AnnotatedFile):
    """Reader of SumMe.

        summe = SumMe("summe.h5")
        video = summe["video_12"]

    Keys of a group: `picks` (N,), `gtscore` (N,), `n_frames`, `change_points` (S, 2), `user_summary` (users, n_frames);
    optional `features` (N, D); attributes `fps` (optional, known for most of the original videos), `title` or
    `video_name`.

    A file may instead have `features_dino` (n, D) at other frames, `features_dino_picks` (n,). With these, a video's
    `picks` are `features_dino_picks` and its `gtscore` is the share of annotators who chose the frame. `annotations()`
    always returns the standard `picks`.
    """

    kind: ClassVar[DatasetKind] = "summe"
    _feature_keys: ClassVar[tuple[str, ...]] = ("features", "features_dino")

    def _read(self, group: VideoGroup, *, features: bool) -> AnnotatedVideo:
        n_frames = group.n_frames()
        user_summary = read_chosen_frames(group, n_frames)
        features_array = gtsummary = None
        if features and "features" not in group and "features_dino" in group:
            features_array = group.features("features_dino")
            picks = group.picks(n_frames, key="features_dino_picks", n=len(features_array))
            gtscore = user_summary[:, picks].mean(axis=0, dtype=np.float32)
        else:
            if features and "features" in group:
                features_array = group.features()
            picks = group.picks(n_frames, n=None if features_array is None else len(features_array))
            gtscore = group.scores("gtscore", n=len(picks))
            gtsummary = group.binary("gtsummary", ndim=1, n=len(picks)) if "gtsummary" in group else None
        return AnnotatedVideo(
            kind=self.kind,
            name=group.name,
            file=str(group.path),
            n_frames=n_frames,
            picks=picks,
            gtscore=gtscore,
            **self.frame_rate(group, n_frames, self.n_steps(group.name)),
            features=features_array,
            user_summary=user_summary,
            change_points=group.segments(n_frames),
            gtsummary=gtsummary,
            title=group.text("title", "video_name"),
            category=group.text("category"),
            youtube_id=group.text("youtube_id"),
        )

    def titled(self, title: str) -> AnnotatedVideo:
        """Read the video with a title.

        Raises:
            DataError: no video has this title.
        """
        for name in self.names:
            if self.group(name).text("title", "video_name") == title:
                return self[name]
        raise DataError(f"'{self.path}' has no video titled '{title}'.")


def read_chosen_frames(group: VideoGroup, n_frames: int) -> NDArray[np.uint8]:
    """Read `user_summary` (U, n_frames) as 0/1: the original tool stores numbers of segments, 0 for frames left out.

    Raises:
        DataError: it is missing, damaged, or has values that are negative or not whole numbers.
    """
    stored = group.integers("user_summary", ndim=2, n=n_frames)
    if stored.min() < 0:
        raise group.wrong("user_summary", "has values below 0")
    return (stored > 0).astype(np.uint8)
