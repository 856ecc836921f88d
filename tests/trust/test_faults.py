"""Some faults by default, all and kills with the slow tests; `make faults` kills each verb fifty times."""

import pytest
from fuzzing.fault_targets import CASES
from fuzzing.kills import VERBS, kill
from fuzzing.worker_pool import GOOD, run

SOME = (
    "a disk of 16 kB, each format",
    "no file above 3000 bytes, each format",
    "a full disk, cache",
    "a full disk, manifest",
    "a read-only folder, summdiff summarize",
    "the video vanishes at writing",
    "the output folder vanishes",
    "a cache entry: a flipped bit",
    "temporary files of dead and living processes",
)


def failed(cases):
    outcomes = list(run("fuzzing.fault_targets", "Faults", seed=0, cases=cases, seconds=120))
    return [outcome for outcome in outcomes if outcome.kind not in GOOD and "NotHereError" not in outcome.said]


def test_some_faults():
    assert failed(SOME) == []


@pytest.mark.slow
def test_all_faults():
    assert failed(list(CASES)) == []


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_killed(verb, tmp_path):
    (tmp_path / "work").mkdir()
    killed = kill(verb, tmp_path / "work", times=10)
    assert killed.good, killed
