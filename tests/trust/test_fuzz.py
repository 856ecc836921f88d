"""A few changed files of each kind by default; `make fuzz` makes thousands."""

import numpy as np
import pytest
from fuzzing.mutations import mutated
from fuzzing.worker_pool import GOOD, run

QUICK = {"Video": 4, "H5": 10, "Json": 60, "Cache": 20}
ALL = {"Video": 8, "H5": 20, "Json": 60, "Recipe": 5, "Model": 6, "Cache": 20}


@pytest.mark.parametrize("counts", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)], ids=["quick", "all"])
def test_changed_files_end_well(counts):
    """With another seed than `make fuzz`, so with other cases."""
    cases = [f"{target} {number}" for target, count in counts.items() for number in range(count)]
    outcomes = list(run("fuzzing.fuzz_targets", "Several", seed=1, cases=cases, seconds=60))
    assert [outcome for outcome in outcomes if outcome.kind not in GOOD] == []


def test_the_same_seed_gives_the_same_file():
    content = bytes(range(256)) * 20
    first, again = (mutated(content, np.random.default_rng([0, 5]), text=text) for text in (False, False))
    assert first == again != content
    assert mutated(content, np.random.default_rng([0, 6])) != first


@pytest.mark.parametrize(
    ("target", "kind"), [("Crashes", "crash"), ("Hangs", "hang"), ("Fails", "traceback"), ("Grows", "memory")]
)
def test_a_failing_worker_is_reported_with_its_case(target, kind):
    """The cases before and after it still run."""
    outcomes = {
        outcome.case: outcome
        for outcome in run("fuzzing.broken_targets", target, seed=0, cases=[0, 1, 2], seconds=5, megabytes=600)
    }
    assert outcomes[1].kind == kind
    assert [outcomes[0].kind, outcomes[2].kind] == ["done", "done"]
