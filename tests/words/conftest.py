"""The tests of words share the made voice of those of sound."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "audio"))
