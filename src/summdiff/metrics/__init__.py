"""The measures of the field as pure functions on NumPy arrays; each names its protocol."""

from summdiff.metrics.fscore import f1_of_choices, f1_score, f1_scores, precision_recall_f1
from summdiff.metrics.highlight_map import (
    average_precision,
    average_precision_rows,
    domain_map,
    highlight_map,
    highlight_map_rows,
)
from summdiff.metrics.knapsack_aware import KnapsackAwareErrors, knapsack_aware_errors
from summdiff.metrics.rank import (
    RankProtocol,
    average_ranks,
    kendall_tau,
    kendall_tau_rows,
    rank_correlation,
    rank_correlation_rows,
    rank_correlation_table,
    spearman_rho,
    spearman_rho_rows,
)
from summdiff.metrics.segments import (
    CONVENTIONS,
    Convention,
    ConventionName,
    Segments,
    frame_scores,
    summary_from_scores,
)
from summdiff.metrics.variety import coverage, coverage_of_annotators, diversity, spread_coverage, spread_ratio
from summdiff.selection.knapsack import choose_many

__all__ = [
    "CONVENTIONS",
    "Convention",
    "ConventionName",
    "KnapsackAwareErrors",
    "RankProtocol",
    "Segments",
    "average_precision",
    "average_precision_rows",
    "average_ranks",
    "choose_many",
    "coverage",
    "coverage_of_annotators",
    "diversity",
    "domain_map",
    "f1_of_choices",
    "f1_score",
    "f1_scores",
    "frame_scores",
    "highlight_map",
    "highlight_map_rows",
    "kendall_tau",
    "kendall_tau_rows",
    "knapsack_aware_errors",
    "precision_recall_f1",
    "rank_correlation",
    "rank_correlation_rows",
    "rank_correlation_table",
    "spearman_rho",
    "spearman_rho_rows",
    "spread_coverage",
    "spread_ratio",
    "summary_from_scores",
]
