"""Judging importance scores against annotations, beside random scores, an oracle and the annotators themselves.

`summdiff.metrics` computes single measures on arrays. This package says which measures a data set is judged by, reads
and makes predictions, and gives means over videos with confidence intervals.

    from summdiff.data import open_dataset
    from summdiff.evaluation import evaluate, read_predictions

    result = evaluate(open_dataset("tvsum.h5"), [read_predictions("scores.json")])
    print(result.means["scores.json"]["tau"])
"""

from summdiff.evaluation._evaluate import VARIETY, Comparison, Evaluation, evaluate
from summdiff.evaluation._judging import judge, judge_steps_of
from summdiff.evaluation._measures import KNAPSACK_AWARE, MAIN_MEASURE, F1Over, Measure, measures_of
from summdiff.evaluation._prediction_files import (
    SUFFIXES,
    is_predictions,
    is_written,
    read_predictions,
    write_predictions,
)
from summdiff.evaluation._predictions import Form, Predictions, at_judged_steps, predict, seen_in_training
from summdiff.evaluation._prepared import PreparedVideo, prepare
from summdiff.evaluation._references import SystemResult, reference_results
from summdiff.evaluation._resampling import Estimate, PairedDifference, differences, intervals, mean_over
from summdiff.evaluation._selections import evaluate_selections

__all__ = [
    "KNAPSACK_AWARE",
    "MAIN_MEASURE",
    "SUFFIXES",
    "VARIETY",
    "Comparison",
    "Estimate",
    "Evaluation",
    "F1Over",
    "Form",
    "Measure",
    "PairedDifference",
    "Predictions",
    "PreparedVideo",
    "SystemResult",
    "at_judged_steps",
    "differences",
    "evaluate",
    "evaluate_selections",
    "intervals",
    "is_predictions",
    "is_written",
    "judge",
    "judge_steps_of",
    "mean_over",
    "measures_of",
    "predict",
    "prepare",
    "read_predictions",
    "reference_results",
    "seen_in_training",
    "write_predictions",
]
