"""A small summary with a value in every field, for tests that need no video."""

from summdiff.summary import Alternative, CoarseCut, Interval, Places, Scores, Shot, Summary, VideoInfo
from summdiff.transcript import Sentence, Transcript, Word


def small_summary() -> Summary:
    """Three shots of a video of 12.5 s; the second is chosen, the first is the alternative."""
    return Summary(
        video=VideoInfo("/films/Öl & “quotes”.mp4", 12.5, 25.0, 640, 360, 90, True),
        model={"id": "default", "conditioning": "relational", "backbone": "efficientnet_lite0", "version": "0"},
        settings={
            "rate": 1.0,
            "fast": False,
            "samples": 2,
            "steps": 10,
            "select": "shots",
            "value": "sum",
            "min_shot": 2.0,
            "max_shot": 30.0,
            "keep": [{"start": 5.0, "end": 6.0}],
            "drop": [],
            "loss": 0.1,
        },
        budget=0.4,
        seed=3,
        scores=Scores((0.0, 1.0), (0.25, 0.5), (0.0, 0.125), blank=(0,)),
        shots=(Shot(0.0, 4.0, 0.25, False, 0.3), Shot(4.0, 8.0, 0.5, True, 0.6), Shot(8.0, 12.5, 0.1, False, 0.1)),
        selection=(Interval(4.0, 8.0),),
        alternatives=(Alternative((Interval(0.0, 4.0),), (0,), 0.93, 0.0),),
        warnings=("2 damaged frames of the video were skipped.",),
        timings={"look": 1.5},
        places=Places((0.0, 0.96, 12.5), (0.0, 0.15, 0.03), (2.15, 0.15, 0.0), bytes(range(250, 256))),
        transcript=Transcript(
            source="subtitles",
            language="en",
            sentences=(
                Sentence((Word(0.5, 1.0, "Good"), Word(1.0, 1.5, "evening.")), score=-0.5),
                Sentence((Word(5.0, 7.5, "Goals!"),), score=1.25, match=0.75),
            ),
        ),
        coarse_cuts=(CoarseCut(0.96, 0.88, 1.0),),
    )
