"""Engines of `scripts/fuzz.py` and `scripts/faults.py`: odd and changed files, faults, kills, worker processes."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))  # small_data.py, shared with the tests
