"""Choose disjoint intervals of greatest total value within a length: an exact program at a price, and a search for it.

Intervals go from one edge to a later one. Indices of edges are 0 … N, those of steps 0 … N - 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from summdiff.selection.places import INSIDE_SENTENCE

_ROUNDING = 1e-6  # of seconds and values
_FIRST_STEP = 0.12  # of the price, in the search for both sides of the budget, doubled until they are found
_NEXT_STEP = 0.04  # the same near a price that is known roughly
_FAR = 0.04  # share of the budget, between the lengths at two prices
_ROUGHLY = 0.05  # share of the budget
_SECOND = 1.0  # least value of a second, whatever it shows, when what is left of the budget is filled

Indices = NDArray[np.intp]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AllowedIntervals:
    """Which intervals may be chosen, and which may follow each other.

    Attributes:
        edges: (N + 1,) seconds, ascending.
        start_cost, end_cost: (N + 1,) cost of starting and of ending an interval at each edge.
        latest_start: (N + 1,) an interval that ends at j starts at this edge at the latest, -1 for none.
        earliest_start: (N + 1,) … and at this one at the earliest.
        latest_end: (N + 1,) the interval before one that starts at a ends at this edge at the latest, -1 for none.
    """

    edges: Values
    start_cost: Values
    end_cost: Values
    latest_start: Indices
    earliest_start: Indices
    latest_end: Indices

    @classmethod
    def within(
        cls,
        edges: Values,
        start_cost: Values,
        end_cost: Values,
        *,
        shortest: float,
        longest: float,
        gap: float,
        kept: Indices | None = None,
    ) -> AllowedIntervals:
        """Allow intervals within two lengths and with a gap between them.

        Args:
            edges, start_cost, end_cost: see above.
            shortest, longest, gap: seconds. A single step or sentence longer than `longest` may be chosen.
            kept: (R, 2) edges of disjoint runs, in order, that are chosen in any case; each is one step long. They do
                not count in lengths, an interval with such a run may be shorter, and two runs may be closer than `gap`.
        """
        index = np.arange(len(edges))
        latest = np.searchsorted(edges, edges - shortest + _ROUNDING, side="right") - 1
        latest = np.minimum(latest, index - 1)
        lengths = np.diff(edges)
        latest_end = np.searchsorted(edges, edges - gap + _ROUNDING, side="right") - 1
        if kept is not None and len(kept):
            starts, ends = kept[:, 0], kept[:, 1]
            run = np.searchsorted(ends, index, side="right") - 1  # the last run that ends here or before
            latest = np.maximum(latest, np.where(run >= 0, starts[run], -1))
            lengths = lengths.copy()
            lengths[starts] = 0.0
            previous = np.append(-1, ends[:-1])
            latest_end = latest_end.copy()
            latest_end[starts] = np.maximum(latest_end[starts], previous)
        place = np.append(0.0, np.cumsum(lengths))
        earliest = np.searchsorted(place, place - longest - _ROUNDING, side="left")
        earliest = np.maximum(np.minimum(earliest, index - 1), 0)
        if max(start_cost.max(), end_cost.max()) >= INSIDE_SENTENCE:
            # A sentence longer than `longest` may be chosen: from the last edge where an interval can start.
            possible = np.maximum.accumulate(np.where(start_cost < INSIDE_SENTENCE, index, -1))
            last = np.where(latest >= 0, possible[np.maximum(latest, 0)], -1)
            earliest = np.where(last >= 0, np.minimum(earliest, last), earliest)
        return cls(edges, start_cost, end_cost, latest, earliest, latest_end)

    def with_pauses_inside_sentences(self) -> AllowedIntervals:
        """Return the same, with cuts in pauses inside sentences as well."""

        def relaxed(cost: Values) -> Values:
            return np.where((cost >= INSIDE_SENTENCE) & (cost < 2 * INSIDE_SENTENCE), cost - INSIDE_SENTENCE, cost)

        return replace(self, start_cost=relaxed(self.start_cost), end_cost=relaxed(self.end_cost))

    def allows(self, start: Indices, end: Indices) -> NDArray[np.bool_]:
        """Return which intervals from these edges to those may be chosen."""
        return (start <= self.latest_start[end]) & (start >= self.earliest_start[end])

    @cached_property
    def _ends_of_start(self) -> tuple[Indices, Indices]:
        """The first and the last edge at which an interval from each edge may end."""
        index = np.arange(len(self.edges))
        first = np.searchsorted(self.latest_start, index, side="left")
        last = np.searchsorted(self.earliest_start, index, side="right") - 1
        return first, last

    def best(self, values: Values, price: float) -> PricedChoice:
        """Return the intervals of greatest value minus price × seconds, for step values (N,) (value × seconds)."""
        total = np.append(0.0, np.cumsum(values)) - price * self.edges
        gain_from, gain_to = -total - self.start_cost, total - self.end_cost
        # An interval without a net gain of its own can be left out: only the edges of others are visited.
        best_start = _greatest(gain_from, self.earliest_start, self.latest_start)
        best_end = _greatest(gain_to, *self._ends_of_start)
        ends = np.flatnonzero(best_start + gain_to > 0)
        starts = np.flatnonzero(best_end + gain_from > 0)
        # Positions in `ends`: of the last possible end of an interval before each start.
        previous = (np.searchsorted(ends, self.latest_end[starts], side="right") - 1).tolist()
        start_edges, start_gains = starts.tolist(), gain_from[starts].tolist()
        best, chosen = [0.0], [-1]  # entry k + 1: greatest gain of intervals up to end k; where the last one starts
        queue: list[int] = []  # positions in `starts`, of descending value; the first is the best start so far
        queue_values: list[float] = []
        head = entered = 0
        n_starts = len(start_edges)
        most = 0.0
        for gain, latest, earliest in zip(
            gain_to[ends].tolist(), self.latest_start[ends].tolist(), self.earliest_start[ends].tolist(), strict=True
        ):
            while entered < n_starts and start_edges[entered] <= latest:
                value = start_gains[entered] + best[previous[entered] + 1]
                while len(queue) > head and queue_values[-1] <= value:
                    queue.pop()
                    queue_values.pop()
                queue.append(entered)
                queue_values.append(value)
                entered += 1
            while head < len(queue) and start_edges[queue[head]] < earliest:
                head += 1
            if head < len(queue) and gain + queue_values[head] > most:
                most = gain + queue_values[head]
                chosen.append(queue[head])
            else:
                chosen.append(-1)
            best.append(most)
        intervals = []
        place = len(ends)
        while place > 0:
            if chosen[place] < 0:
                place -= 1
            else:
                intervals.append((start_edges[chosen[place]], int(ends[place - 1])))
                place = previous[chosen[place]] + 1
        found = np.array(intervals[::-1], dtype=np.intp).reshape(-1, 2)
        return self.valued(found, values)

    def valued(self, intervals: Indices, values: Values) -> PricedChoice:
        """Return intervals (P, 2) with their length and value."""
        total = np.append(0.0, np.cumsum(values))
        a, b = intervals[:, 0], intervals[:, 1]
        seconds = float((self.edges[b] - self.edges[a]).sum())
        value = float((total[b] - total[a] - self.start_cost[a] - self.end_cost[b]).sum())
        return PricedChoice(intervals, seconds, value)

    def choose(
        self, values: Values, budget: float, *, least: float, greatest: float, guess: float
    ) -> tuple[PricedChoice, float]:
        """Choose intervals of nearly greatest value that last at most `budget` seconds.

        Args:
            values: (N,) value per second of each step × its seconds.
            budget: seconds.
            least, greatest: the range of prices, in value per second. A second more is always worth having, whatever it
                shows: what is left of the budget is filled at a price below `least`.
            guess: a price in this range, near that at which the best intervals just fit.

        Returns:
            The intervals, and the price of a second near their length.
        """
        price, within, beyond = self._search(values, budget, least, greatest, guess, tolerance=0.0)
        raised = values - (least - _SECOND) * np.diff(self.edges)
        ways = [self._filled(within.intervals, raised, budget)]
        if beyond is not None:
            ways.append(self._filled(self._trimmed(beyond.intervals, raised, budget), raised, budget))
        best = max(ways, key=lambda way: way.value)
        return self.valued(best.intervals, values), price

    def roughly(
        self, values: Values, budget: float, *, least: float, greatest: float, guess: float
    ) -> tuple[PricedChoice, float]:
        """Choose as `choose`, but only to about the budget: faster, and mostly the same intervals."""
        price, found, _ = self._search(values, budget, least, greatest, guess, tolerance=_ROUGHLY)
        return found, price

    def _search(
        self, values: Values, budget: float, least: float, greatest: float, guess: float, *, tolerance: float
    ) -> tuple[float, PricedChoice, PricedChoice | None]:
        """Search the hull of value against length for its edge over the budget.

        Returns:
            The slope of this edge, its end within the budget, and its end beyond; None where everything fits, or where
            what is kept leaves no room. Or the first price at which the length is within the tolerance, a share of the
            budget, and the intervals there.
        """
        within = beyond = None
        price, step = guess, _FIRST_STEP if tolerance else _NEXT_STEP
        prices = [guess, guess]  # of the two ends
        while within is None or beyond is None:
            found = self.best(values, price)
            if abs(found.seconds - budget) < tolerance * budget:
                return price, found, None
            if found.seconds <= budget + _ROUNDING:
                within, prices[0] = found, price
                if price < least:
                    return price, within, None
                price, step = (price - step if price - step > least else least - _SECOND), 2 * step
            elif price >= greatest + _SECOND:  # what is kept takes the budget, and goes on to a place of lower cost
                return price, self.valued(self._trimmed(found.intervals, values, budget), values), None
            else:
                beyond, prices[1] = found, price
                price, step = min(price + step, greatest + _SECOND), 2 * step
        far = True
        while True:
            # Length falls with the price about evenly, until few corners are left; then only chords lead to the edge.
            far = far and beyond.seconds - within.seconds > _FAR * budget
            if far:
                share = (budget - within.seconds) / (beyond.seconds - within.seconds)
                price = prices[0] + min(max(share, 0.1), 0.9) * (prices[1] - prices[0])
            else:
                price = (beyond.value - within.value) / (beyond.seconds - within.seconds)
            found = self.best(values, price)
            if abs(found.seconds - budget) < tolerance * budget:
                return price, found, None
            gain = found.value - within.value - price * (found.seconds - within.seconds)
            if not far and gain <= _ROUNDING * (1.0 + abs(price)):
                return price, within, beyond
            far = far and within.seconds < found.seconds < beyond.seconds
            if found.seconds <= budget + _ROUNDING:
                within, prices[0] = found, price
            else:
                beyond, prices[1] = found, price

    def _filled(self, intervals: Indices, values: Values, budget: float) -> PricedChoice:
        """Widen, join and add intervals while anything is gained, the greatest gain first."""
        total = np.append(0.0, np.cumsum(values))
        while True:
            left = budget - self._seconds(intervals) + _ROUNDING
            moves = [*self._wider(intervals, total, left), *self._added(intervals, total, left)]
            moves = [move for move in moves if move[0] > 0]
            if not moves:
                return self.valued(intervals, values)
            intervals = max(moves, key=lambda move: move[0])[1]

    def _wider(self, intervals: Indices, total: Values, left: float) -> list[tuple[float, Indices]]:
        """Return, with its gain, the best way to move one end of an interval outwards, or to join two."""
        if not len(intervals):
            return []
        edges, (a, b) = self.edges, intervals.T
        room_before, room_after = self._room(intervals)
        moves: list[tuple[float, int, int, int]] = []  # gain, interval, start, end
        for by in range(1, len(edges)):
            later, earlier = np.minimum(b + by, len(edges) - 1), np.maximum(a - by, 0)
            longer = edges[later] - edges[b], edges[a] - edges[earlier]
            gains = (
                total[later] - total[b] - self.end_cost[later] + self.end_cost[b],
                total[a] - total[earlier] - self.start_cost[earlier] + self.start_cost[a],
            )
            fits = (
                (later == b + by) & (later <= room_after) & (a >= self.earliest_start[later]) & (longer[0] <= left),
                (earlier == a - by)
                & (earlier >= room_before)
                & (earlier >= self.earliest_start[b])
                & (longer[1] <= left),
            )
            if not (fits[0].any() or fits[1].any()):
                break
            for side in range(2):
                gain = np.where(fits[side], gains[side], -np.inf)
                k = int(gain.argmax())
                start, end = (int(a[k]), int(later[k])) if side == 0 else (int(earlier[k]), int(b[k]))
                moves.append((float(gain[k]), k, start, end))
        found = []
        if moves:
            most, k, start, end = max(moves)
            wider = intervals.copy()
            wider[k] = start, end
            found.append((most, wider))
        between = edges[a[1:]] - edges[b[:-1]]
        if len(between) and between.min() <= left:
            gain = total[a[1:]] - total[b[:-1]] + self.end_cost[b[:-1]] + self.start_cost[a[1:]]
            gain = np.where((between <= left) & (a[:-1] >= self.earliest_start[b[1:]]), gain, -np.inf)
            k = int(gain.argmax())
            joined = np.delete(intervals, k + 1, axis=0)
            joined[k, 1] = b[k + 1]
            found.append((float(gain[k]), joined))
        return found

    def _added(self, intervals: Indices, total: Values, left: float) -> list[tuple[float, Indices]]:
        """Return, with its gain, the best interval that may be added."""
        edges = self.edges
        index = np.arange(len(edges))
        if len(intervals):
            a, b = intervals.T
            behind = np.searchsorted(b, index, side="right")  # how many intervals end at or before each edge
            # An edge inside an interval starts nothing.
            inside = (behind < len(a)) & (a[np.minimum(behind, len(a) - 1)] < index)
            last_end = np.append(-1, b)[behind]
            free = ~inside & ((last_end < 0) | (last_end <= self.latest_end))
            until = np.append(self.latest_end[a], len(edges) - 1)[behind]
        else:
            free, until = np.ones(len(edges), dtype=np.bool_), np.full(len(edges), len(edges) - 1)
        first, last = self._ends_of_start
        affordable = np.searchsorted(edges, edges + left, side="right") - 1
        last = np.minimum(np.minimum(last, until), affordable)
        starts = np.flatnonzero(free & (first <= last))
        best: tuple[float, int, int] = (-np.inf, 0, 0)
        by = 0
        while len(starts):
            ends = first[starts] + by
            starts, ends = starts[ends <= last[starts]], ends[ends <= last[starts]]
            if not len(starts):
                break
            gain = total[ends] - total[starts] - self.start_cost[starts] - self.end_cost[ends]
            k = int(gain.argmax())
            best = max(best, (float(gain[k]), int(starts[k]), int(ends[k])))
            by += 1
        if best[0] == -np.inf:
            return []
        place = int(np.searchsorted(intervals[:, 0], best[1]))
        return [(best[0], np.insert(intervals, place, best[1:], axis=0))]

    def _trimmed(self, intervals: Indices, values: Values, budget: float) -> Indices:
        """Shorten and remove intervals, least value per second first, until they last at most the budget."""
        total = np.append(0.0, np.cumsum(values))
        edges = self.edges
        while (over := self._seconds(intervals) - budget - _ROUNDING) > 0:
            a, b = intervals.T
            length = edges[b] - edges[a]
            loss = total[b] - total[a] - self.start_cost[a] - self.end_cost[b]
            k = int((loss / np.minimum(length, over)).argmin())
            best = (float(loss[k] / min(length[k], over)), np.delete(intervals, k, axis=0))
            for by in range(1, len(edges)):
                earlier, later = np.maximum(b - by, 0), np.minimum(a + by, len(edges) - 1)
                shorter = edges[b] - edges[earlier], edges[later] - edges[a]
                fits = (earlier > a) & self.allows(a, earlier), (later < b) & self.allows(later, b)
                losses = (
                    total[b] - total[earlier] - self.end_cost[b] + self.end_cost[earlier],
                    total[later] - total[a] - self.start_cost[a] + self.start_cost[later],
                )
                for side in range(2):
                    rate = np.where(
                        fits[side], losses[side] / np.minimum(np.maximum(shorter[side], _ROUNDING), over), np.inf
                    )
                    k = int(rate.argmin())
                    if rate[k] < best[0]:
                        cut = intervals.copy()
                        cut[k, 1 - side] = earlier[k] if side == 0 else later[k]
                        best = float(rate[k]), cut
                if min(shorter[0].min(), shorter[1].min()) > over or not (fits[0].any() or fits[1].any()):
                    break
            intervals = best[1]
        return intervals

    def _seconds(self, intervals: Indices) -> float:
        return float((self.edges[intervals[:, 1]] - self.edges[intervals[:, 0]]).sum())

    def _room(self, intervals: Indices) -> tuple[Indices, Indices]:
        """Return how far each interval may be moved outwards: the edge of its earliest start and of its latest end."""
        a, b = intervals.T
        after = np.append(self.latest_end[a[1:]], len(self.edges) - 1)
        before = np.append(0, np.searchsorted(self.latest_end, b[:-1], side="left"))
        return before, after


@dataclass(frozen=True, eq=False)
class PricedChoice:
    """Chosen intervals.

    Attributes:
        intervals: (P, 2) edges at which each starts and ends, in order.
        seconds: their total length.
        value: their total value, after the costs of starting and ending them.
    """

    intervals: Indices
    seconds: float
    value: float


def _greatest(values: Values, first: Indices, last: Indices) -> Values:
    """Return the greatest of values[first : last + 1] for each of (E,) windows, -inf where one is empty."""
    length = last - first + 1
    empty = length <= 0
    level = np.log2(np.maximum(length, 1)).astype(np.intp)
    power = 1 << level
    table = [values]
    for k in range(int(level.max(initial=0))):
        table.append(np.maximum(table[-1][: -(1 << k)], table[-1][1 << k :]))
    found = np.full(len(length), -np.inf)
    for k, row in enumerate(table):
        rows = np.flatnonzero((level == k) & ~empty)
        found[rows] = np.maximum(row[first[rows]], row[last[rows] - power[rows] + 1])
    return found
