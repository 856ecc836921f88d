"""Annotated data sets: reading, checking, splitting and making their files.

    from summdiff.data import open_dataset

    data = open_dataset("tvsum.h5")
    video = data["video_1"]  # an AnnotatedVideo

There is one reader per data set (`tvsum`, `summe`, `mr_hisum`, `youtube_highlights`), built on `h5`, which checks each
key as it is read. `annotations` reads the files in which annotations are published, `convert` joins them with videos to
a file for a reader, `check` reports everything wrong with such a file, `splits` reads and makes splits, and `synthetic`
makes small data sets for tests and trials.
"""

from summdiff.data.datasets import KINDS, open_dataset
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.splits import Split, k_fold, read_splits, write_splits
from summdiff.data.video import AnnotatedVideo, DatasetKind

__all__ = [
    "KINDS",
    "AnnotatedFile",
    "AnnotatedVideo",
    "DatasetKind",
    "Split",
    "k_fold",
    "open_dataset",
    "read_splits",
    "write_splits",
]
