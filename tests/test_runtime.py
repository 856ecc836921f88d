import platform
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


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_freed_memory_is_returned_although_small_blocks_lie_between():
    code = """
import numpy as np, re, sys
from pathlib import Path
from summdiff._runtime import return_freed_memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

if sys.argv[1] == "returned":
    return_freed_memory()
large = np.ones(30 << 20, dtype=np.uint8)
del large  # from here on glibc keeps blocks of up to this size
before, small = resident(), []
for _ in range(60):
    large = [np.ones(3 << 20, dtype=np.uint8) for _ in range(2)]
    small.append(np.ones(90_000, dtype=np.uint8))
    large.pop(0)
    small.append(large)
for each in small[1::2]:
    each.clear()
print(resident() - before)
"""
    kept, returned = (
        float(subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "returned")
    )
    assert returned < 20 < kept


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_what_only_a_cycle_holds_is_returned():
    code = """
import gc, re
from pathlib import Path
from summdiff._runtime import return_unused_memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

gc.disable()
before = resident()
blocks = [bytearray(5000) for _ in range(20_000)]
blocks.append(blocks)
del blocks
kept = resident() - before
return_unused_memory()
print(kept, resident() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept, left = map(float, done.stdout.split())
    assert left < 30 < kept
