import numpy as np
import pytest

from summdiff.scoring.windows import Windows

CASES = [(1, 8, 2), (8, 8, 2), (9, 8, 2), (100, 8, 2), (1000, 256, 64)]


@pytest.mark.parametrize(("n", "size", "overlap"), CASES)
def test_windows_cover_and_blend_to_what_was_cut(n, size, overlap):
    windows = Windows.over(n, size=size, overlap=overlap)
    assert windows.size == min(n, size)
    assert windows.starts[0] == 0
    assert windows.starts[-1] + windows.size == n
    assert (windows.size - np.diff(windows.starts) >= overlap).all()
    values = np.random.default_rng(0).standard_normal((n, 3), dtype=np.float32)
    cut = windows.cut(values)
    assert cut.shape == (len(windows.starts), windows.size, 3)
    blended = windows.blend(cut[first : first + 2] for first in range(0, len(cut), 2))
    assert blended.dtype == np.float32
    assert np.allclose(blended, values, atol=1e-6)
    total = np.zeros(n)
    for start, weights in zip(windows.starts, windows.weights, strict=True):
        total[start : start + windows.size] += weights
    assert np.allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize(("n", "size", "overlap"), CASES)
def test_windows_are_the_same_from_both_ends(n, size, overlap):
    windows = Windows.over(n, size=size, overlap=overlap)
    assert np.array_equal(windows.starts, (n - windows.size - windows.starts)[::-1])
    assert np.allclose(windows.weights, windows.weights[::-1, ::-1], atol=1e-6)


def test_neighbouring_windows_fade_into_each_other():
    windows = Windows.over(14, size=8, overlap=2)
    assert windows.starts.tolist() == [0, 6]
    blended = windows.blend(np.stack([np.zeros(8, np.float32), np.ones(8, np.float32)])[:, None])
    assert blended.tolist() == pytest.approx([0] * 6 + [0.25, 0.75] + [1] * 6)


@pytest.mark.parametrize("steps", [1, 40, 41, 63, 97, 200, 1000])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_rounds_wait_for_all_windows_that_share_steps(steps, count):
    """Windows of one wave share no step, and follow the round before of all windows that do."""
    windows = Windows.over(steps, size=40, overlap=10)
    done = set()
    for due in windows.rounds(count):
        covered = [step for window, _ in due for step in range(steps)[windows.span(window)]]
        assert len(covered) == len(set(covered))
        for window, number in due:
            shared = {
                other
                for other in range(len(windows.starts))
                if abs(windows.starts[other] - windows.starts[window]) < windows.size
            }
            assert number == 0 or {(other, number - 1) for other in shared} <= done
            assert window == 0 or number > 0 or (window - 1, 0) in done
        done |= set(due)
    assert done == {(window, number) for window in range(len(windows.starts)) for number in range(count)}


def test_few_windows_are_between_their_rounds_at_a_time():
    windows, begun, ended = Windows.over(100_000), set(), set()
    for due in windows.rounds(10):
        begun |= {window for window, number in due if number == 0}
        ended |= {window for window, number in due if number == 9}
        assert len(begun - ended) <= 20


@pytest.mark.parametrize("steps", [1, 40, 41, 63, 97, 200])
def test_every_step_is_alone_in_one_window(steps):
    windows = Windows.over(steps, size=40, overlap=10)
    alone = [step for window in range(len(windows.starts)) for step in range(steps)[windows.alone(window)]]
    assert alone == list(range(steps))
