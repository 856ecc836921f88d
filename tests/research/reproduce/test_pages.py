"""docs/results.md, and what the scripts and benchmarks beside `summdiff reproduce` say."""

import sys
from pathlib import Path

import pytest

from summdiff.errors import DataError
from summdiff.research.reproduce._progress_lines import duration_text
from summdiff.research.reproduce.table_report import read_reports
from summdiff.research.reproduce.write_reports import markdown_page

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "benchmarks"))

from mr_hisum_cost import TrainingCost, projection  # noqa: E402
from results_page import results_page  # noqa: E402


def test_the_pages_in_the_repository_are_up_to_date():
    reports = read_reports(ROOT / "results")
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == results_page(reports)
    for report in reports:
        page = ROOT / "results" / report["name"] / "README.md"
        assert page.read_text(encoding="utf-8") == markdown_page(report)
    assert not any(report["quick"] for report in reports)


def test_a_damaged_or_missing_report_is_said(tmp_path):
    with pytest.raises(DataError, match="no folder of results"):
        read_reports(tmp_path / "nowhere")
    (tmp_path / "table7").mkdir()
    (tmp_path / "table7" / "table7.json").write_text("{}")
    with pytest.raises(DataError, match="make it again"):
        read_reports(tmp_path)


def test_the_cost_of_mr_hisum_is_arithmetic():
    few, many = TrainingCost(0.2, 0.5, 0.001, 1000, 1e9), TrainingCost(0.1, 0.5, 0.002, 2600, 2e9)
    text = projection("summdiff_paper_mr_hisum", few, many)
    assert "0.100 s per video and epoch, x 27892 videos x 200 epochs" in text
    assert f"= {duration_text(200 * 2789.2)}; validation 0.50 s x 200 videos x 200 epochs = " in text
    assert f"epochs = {duration_text(20_000)}." in text
    assert f"{duration_text(0.002 * 27892 * 200 / 4)} with 4 processes" in text
    assert "about 25.2 GiB with 256" in text  # 100 MiB per video
    assert f"{duration_text(2e9 * 27892 * 200 / 20e12)} of updates" in text
