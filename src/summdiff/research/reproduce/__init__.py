"""The paper's tables and figures, and measurements of our own.

- `tables.yaml`: runs, measurements and claims of each table; `paper.yaml`: the paper's numbers.
- `table_plans`: the rows of a table on given data sets.
- `runs`, `sampling_study`: train and measure a row, once.
- `table_values`: means, paired differences, and whether they support a claim.
- `table_report`, `write_reports`: the report, and CSV, Markdown and figures made from it.
- `runner`, `eta`: the whole command, and estimates of its time.
"""

from summdiff.research.reproduce._progress_lines import ProgressLines
from summdiff.research.reproduce.runner import ReproduceRequest, reproduce

__all__ = ["ProgressLines", "ReproduceRequest", "reproduce"]
