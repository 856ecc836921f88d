"""Work on several stretches of a video at once, in threads; results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from queue import Full, Queue
from threading import Event, Lock
from typing import TypeVar

from summdiff._runtime import threads_asked, usable_cores
from summdiff.video._index import FrameIndex, SeekingDecoder

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_MEMORY = 1.5e9  # bytes that all threads may take together
_PICTURES = 40  # held by a decoder and an encoder
_BYTES_PER_PIXEL = 1.5
_LONG_GROUP_SECONDS = 30  # on average; a thread decodes from a key frame on


def threads_for(index: FrameIndex, pixels: int) -> int:
    """Return how many threads to use for pictures of a size: those of the machine, as far as memory allows.

    One where a decoder cannot start near every place: each thread would decode the whole film.
    """
    seconds = float(index.end * index.clock.time_base)
    if not len(index.key_ticks) or seconds > _LONG_GROUP_SECONDS * len(index.key_ticks):
        return 1
    fit = int(_MEMORY / (_PICTURES * _BYTES_PER_PIXEL * pixels))
    return max(1, min(threads_asked() or usable_cores(), fit))


class DecoderPool:
    """Decoders of one source, each lent to one thread at a time.

    Args:
        open_decoder: opens another one.
        first: one that is open already.
    """

    def __init__(self, open_decoder: Callable[[], SeekingDecoder], first: SeekingDecoder) -> None:
        self._open_decoder = open_decoder
        self._all, self._free = [first], [first]
        self._lock = Lock()

    @contextmanager
    def lend(self, count: int) -> Iterator[list[SeekingDecoder]]:
        """Lend some decoders."""
        lent: list[SeekingDecoder] = []
        try:
            for _ in range(count):
                lent.append(self._take())
            yield lent
        finally:
            with self._lock:
                self._free += lent

    def __iter__(self) -> Iterator[SeekingDecoder]:
        return iter(tuple(self._all))

    def close(self) -> None:
        """Close all decoders; no thread may use one any more."""
        with ExitStack() as stack:
            for decoder in self._all:
                stack.callback(decoder.close)

    def _take(self) -> SeekingDecoder:
        with self._lock:
            if self._free:
                return self._free.pop()
        decoder = self._open_decoder()
        with self._lock:
            self._all.append(decoder)
        return decoder


def in_order(
    work: Callable[[_Task], Generator[_Result]],
    tasks: Iterable[_Task],
    *,
    threads: int,
    most: int = 0,
    name: str = "stretch",
) -> Generator[Iterator[_Result]]:
    """Yield, for each task in order, an iterator over its results, which waits for them; take all of one's results.

    Several tasks are worked on at the same time, the first ones first. When this iterator is closed, all work stops.

    Args:
        work: yields the results of a task; it is closed when it ends or all work stops.
        tasks: in the order in which their results are wanted.
        threads: how many tasks are worked on at the same time.
        most: results of a task that may wait; 0 for any number.
        name: of the threads, after "summdiff-".
    """
    stopped = Event()
    remaining = iter(tasks)
    running: deque[Queue[_Result | _End]] = deque()

    def put(result: _Result | _End, results: Queue[_Result | _End]) -> None:
        while not stopped.is_set():
            try:
                results.put(result, timeout=0.1)
            except Full:
                continue
            return

    def run(task: _Task, results: Queue[_Result | _End]) -> None:
        error: BaseException | None = None
        try:
            with closing(work(task)) as found:
                for result in found:
                    put(result, results)
                    if stopped.is_set():
                        break
        except BaseException as raised:
            error = raised
        put(_End(error), results)

    with ThreadPoolExecutor(threads, thread_name_prefix=f"summdiff-{name}") as pool:

        def start(count: int) -> None:
            for task in islice(remaining, count):
                results: Queue[_Result | _End] = Queue(most)
                running.append(results)
                pool.submit(run, task, results)

        try:
            start(threads + 1)
            while running:
                yield _until_end(running.popleft())
                start(1)
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


class _End:
    """The last entry of a task's results, with the error that ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _until_end(results: Queue[_Result | _End]) -> Iterator[_Result]:
    while not isinstance(result := results.get(), _End):
        yield result
    if result.error is not None:
        raise result.error
