from summdiff.research.reproduce._progress_lines import duration_text
from summdiff.research.reproduce.eta import Speeds
from summdiff.research.reproduce.runner import plan_tables, tasks_of
from summdiff.research.reproduce.runs import RunFolder
from summdiff.research.reproduce.table_plans import Scale


def test_time_grows_with_epochs_and_falls_with_processes(data, tmp_path):
    runs = RunFolder(tmp_path, tmp_path)
    speeds = Speeds(runs, lambda sentence: None)
    small = ("network.width=16", "network.heads=2")

    def seconds(*changes):
        plans = plan_tables(["table7"], data[:1], Scale(changes=(*small, *changes)), print)
        return speeds.seconds(tasks_of(plans, (0,))[0])

    short = seconds("epochs=2000", "validate_every=2000")
    assert seconds("epochs=4000", "validate_every=4000") > 1.5 * short
    runs.processes = 2
    assert seconds("epochs=2000", "validate_every=2000") < 0.7 * short


def test_durations_are_easy_to_read():
    assert [duration_text(x) for x in (40, 720, 11_100, 2e6)] == ["40 s", "12 min", "3 h 05 min", "23 days"]
