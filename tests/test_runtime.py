import subprocess
import sys

import numpy as np
import pytest

from summdiff._runtime import peak_memory


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts by itself")
def test_peak_memory_excludes_the_parent_process():
    """Linux's getrusage starts a new process with the value of its parent."""
    ballast = np.ones(80_000_000)  # 640 MB
    code = "from summdiff._runtime import peak_memory; print(peak_memory())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5 < float(child.stdout) < peak_memory() - 300
    assert ballast[-1] == 1
