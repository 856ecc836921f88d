"""Everything that sampling shares, against the plain way, which shares nothing: see `benchmarks/sampling.py`."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from summdiff.scoring.sampling import paired_noise

PLAIN = Path(__file__).resolve().parents[3] / "benchmarks" / "sampling.py"


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("plain_sampling", PLAIN)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLAIN.parent))  # what benchmarks share
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["summdiff", "release", "joint", "default"])
def test_the_same_curves_as_the_plain_way(plain, name):
    """Up to rounding, by which a score on the edge between two levels may fall to either."""
    model, features = plain.models(40)[name]
    _, condition = model.condition_of(features, rate=1.0, readout="scores")
    slow = plain.plain(model, condition, paired_noise(40, samples=3, seed=0).T, steps=4)
    fast = model.sample(features, rate=1.0, samples=3, steps=4, guidance_scale=plain.GUIDANCE)
    assert np.ptp(fast) > 0.01
    assert np.quantile(np.abs(slow - fast), 0.9) < 1e-4
