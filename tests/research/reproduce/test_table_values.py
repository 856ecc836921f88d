from dataclasses import replace

import numpy as np
import pytest

from summdiff.errors import UsageError
from summdiff.evaluation import Estimate, PairedDifference
from summdiff.research.reproduce.measurements import MeasuredValues
from summdiff.research.reproduce.table_plans import CheckSpec, Scale, plan_table, read_tables
from summdiff.research.reproduce.table_report import make_report
from summdiff.research.reproduce.table_values import TableValues, ahead, check_claim, no_worse, not_behind, worst
from summdiff.research.reproduce.write_reports import markdown_page, markdown_tables


def values_with(plan, mean_of, videos=40):
    """A table on TVSum whose rows have given means, with noise that the videos share."""
    data, rows = plan.rows[0]
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.05, videos)
    names = tuple(f"video_{i}" for i in range(videos))
    measured = []
    for row in rows:
        own = mean_of(row) + shared + rng.normal(0, 0.005, videos)
        by_measure = dict.fromkeys(("f1", "tau", "rho", "map50", "map15"), own)
        measured.append([MeasuredValues(names, None, {"scores": by_measure, "random": by_measure})])
    return TableValues(data, rows, measured)


RIGHT = {
    "table1": lambda row: 0.1 if row.baseline else 0.2,
    "table2": lambda row: 0.1 if row.baseline else 0.2,
    "table3": lambda row: (0.2 if "SummDiff" in row.label else 0.1) + 0.05 * ("zero-shot" in row.label),
    "table4": lambda row: 0.2 if row.label == "Learnable" else 0.1,
    "table5": lambda row: 0.1 + 0.1 * min(row.at["K"], 200) / 200,
    "table6": lambda row: 0.2 if (row.at["p"], row.at["w"]) == (0.2, 0.1) else 0.1,
    "table7": lambda row: 0.2 if row.at["lambda"] == 1 else 0.1,
    "figure3": lambda row: 0.1 + 0.002 * row.at["steps"],
}
WRONG = {
    "table1": lambda row: 0.3 if row.label == "VASNet" else 0.2,
    "table2": lambda row: 0.3 if row.label == "VASNet" else 0.2,
    "table3": lambda row: 0.1 if "zero-shot" in row.label else 0.2,
    "table4": lambda row: 0.1 if row.label == "Learnable" else 0.2,
    "table5": lambda row: 0.3 if row.at["K"] == 1600 else 0.2,
    "table6": lambda row: 0.3 if row.at["p"] == 0 else 0.1,
    "table7": lambda row: 0.1 * row.at["lambda"],
    "figure3": lambda row: 0.2 - 0.002 * row.at["steps"],
}


@pytest.fixture(scope="module")
def plan_of(data):
    return lambda name: plan_table(name, read_tables(), data, Scale())


@pytest.mark.parametrize("name", RIGHT)
def test_a_claim_is_checked_by_intervals(name, plan_of):
    plan = plan_of(name)
    right = check_claim(values_with(plan, RIGHT[name]), plan.spec.checks)
    assert right.status == "confirmed"
    assert set(right.by_measure.values()) == {"confirmed"}
    assert "…" in right.numbers
    assert check_claim(values_with(plan, WRONG[name]), plan.spec.checks).status == "contrary"
    assert check_claim(values_with(plan, lambda row: 0.2), plan.spec.checks).status == "not confirmed"


def test_every_claim_is_tested():
    assert set(RIGHT) == set(WRONG) == set(read_tables().tables)


def test_a_star_is_only_where_the_interval_excludes_zero(plan_of):
    plan = plan_of("table7")
    for mean_of, star in ((RIGHT["table7"], True), (lambda row: 0.2, False)):
        values = values_with(plan, mean_of)
        report = make_report(plan, [values], seeds=(0,), command="summdiff reproduce table7", quick=False)
        best = report["tables"][0]["best"]["tau"]
        assert best["star"] == star == (best["low"] > 0)
        assert ("★" in "".join(markdown_tables(report)[:-1])) == star
        assert "QUICK" not in markdown_page(report)


def test_differences_are_paired_by_video(plan_of):
    values = values_with(plan_of("table7"), RIGHT["table7"])
    one, half = (values.values(row)[0][:, 1] for row in (1, 0))
    difference = values.difference(1, 0)["tau"]
    assert difference.mean.value == pytest.approx((one - half).mean())
    assert (difference.better, difference.worse) == ((one > half).sum(), (one < half).sum())


def test_a_row_without_a_measure_is_compared_by_the_others(plan_of):
    """As the rows of a study."""
    values = values_with(plan_of("table7"), RIGHT["table7"])
    part = {"tau": values.measured[1][0].rows["scores"]["tau"]}
    measured = [*values.measured[:1], [replace(values.measured[1][0], rows={"scores": part})], *values.measured[2:]]
    assert set(TableValues(values.data, values.rows, measured).difference(1, 0)) == {"tau"}


def test_a_check_that_finds_no_rows_says_so(plan_of):
    values = values_with(plan_of("table7"), RIGHT["table7"])
    for check, message in (
        (CheckSpec(row="middle", ahead_of="others"), "'middle' selects no rows"),
        (CheckSpec(row={"lambda": 3}, ahead_of="others"), "is not in the table"),
        (CheckSpec(row="first"), "needs ahead_of"),
    ):
        with pytest.raises(UsageError, match=message):
            check_claim(values, [check])


def test_the_worst_of_several_statuses_counts():
    def difference(value, low, high):
        return PairedDifference(mean=Estimate(value, low, high), p=0.5, better=0, worse=0, equal=0)

    above, around, below = difference(1, 0.5, 2), difference(0.1, -1, 1), difference(-1, -2, -0.5)
    assert [ahead(x) for x in ([above], [above, around], [above, below], [])] == [
        *("confirmed", "not confirmed", "contrary", "not confirmed")
    ]
    within = replace(around, mean=Estimate(-0.001, -0.009, 0.005))
    assert [not_behind([x]) for x in (above, within, around, below)] == [
        *("confirmed", "confirmed", "not confirmed", "contrary")
    ]
    assert [no_worse(x) for x in ([], [around], [below])] == ["confirmed", "confirmed", "contrary"]
    assert worst(["confirmed", "contrary", "not confirmed"]) == "contrary"
    assert worst(["confirmed", "confirmed"]) == "confirmed"
    assert worst([]) == "not confirmed"
