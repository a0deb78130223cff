"""Which figures must stay hidden so that no small cell can be worked out from those that are shown.

A cell of 1 to 4 episodes is hidden; alone in its row or column it would be the total less the rest. So others are
hidden with it (complementary suppression): the cheapest ring of cells that could all be one more or one less without
changing a shown figure. One such ring proves that a cell has at least two possible sizes. How: J. P. Kelly,
B. L. Golden, A. A. Assad, "Cell suppression: disclosure protection for sensitive tabular data", Networks 22 (1992).

The reader is taken to know that "<5" is 1 to 4 and that nothing is below nothing. What two reports over other days
differ by is not looked at: who may ask for them may read the conversations themselves. Nor is a report of fewer than
five episodes: nothing in it is shown but "<5".
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import inf

from bot.insights.figures import SMALL, Report, Tally, is_small
from bot.insights.model import ESCALATED, Outcome, Reason

OUTCOMES = tuple(Outcome)
EPISODES = len(OUTCOMES)  # the place of the row's total, whose sign is the other way round: a row adds up to nothing
COLUMNS = range(EPISODES + 1)
ESCALATIONS = frozenset(map(OUTCOMES.index, ESCALATED))
REASONS = tuple(Reason)

Place = tuple["_Sheet", int, int]
"""A cell: sheet, row, column."""

Ring = tuple[float, tuple[Place, ...]]
"""What hiding some cells costs (in episodes that can no longer be seen; `inf`: impossible), and which they are."""

NONE: Ring = (inf, ())
DEAR = 10  # how much rather the outcomes of a row are hidden than their number, with which all its rates go
TIGHT, DEAREST = 10_000, 10**6


def hide(report: Report) -> None:
    """Mark in each tally what must not be shown."""
    if not is_small(report.total.episodes):
        _Cells(report).protect()
    _hide_thumbs(report)
    _hide_reasons_of_groups(report)


def can_grow(number: int) -> bool:
    """True when one more would look the same, once hidden. Nothing is never hidden: it is nobody."""
    return number > 0 and number != SMALL - 1


def can_shrink(number: int) -> bool:
    """True when one less would look the same, once hidden."""
    return number > 1


def _add(*rings: Ring) -> Ring:
    return sum(cost for cost, _ in rings), tuple(place for _, places in rings for place in places)


def _cheapest(rings: Iterable[Ring]) -> Ring:
    best = NONE
    for ring in rings:
        if ring[0] < best[0]:
            best = ring
            if not best[0]:
                break  # most are found at once: the others need not be looked for
    return best


class _Sheet:
    """A table of numbers with what is hidden in it, and the cheapest rows in which a unit can change columns."""

    def __init__(self, rows: Sequence[Sequence[int]], total: int | None = None, dear: int = DEAR) -> None:
        self.rows = rows
        self._total = total  # the column of the rows' totals
        self._dear = dear
        # A row whose total is small shows "<5" everywhere, also for nothing.
        self._vague = [total is not None and is_small(row[total]) for row in rows]
        self.hidden = [
            {column for column, number in enumerate(numbers) if vague or is_small(number)}
            for numbers, vague in zip(rows, self._vague, strict=True)
        ]
        self._cheapest: dict[tuple[int, int], list[tuple[float, int]]] = {}
        for row in range(len(rows)):
            self._weigh(row)

    def small(self) -> Iterator[tuple[int, int]]:
        """Row and column of each small cell."""
        for row, numbers in enumerate(self.rows):
            yield from ((row, column) for column, number in enumerate(numbers) if is_small(number))

    def cell(self, row: int, column: int, up: bool) -> Ring:
        """The cost of a cell that could be one more (or one less), totals counted backwards."""
        number = self.rows[row][column]
        grows = up != (column == self._total)
        if self._vague[row] and column != self._total:
            return (0, ()) if (number < SMALL - 1 if grows else number > 0) else NONE
        if not (can_grow(number) if grows else can_shrink(number)):
            return NONE
        # Whoever knows this program knows that what is hidden beside small cells is not small: rather not the smallest.
        tight = TIGHT if number == SMALL and not grows else 0
        if column in self.hidden[row]:
            return tight, ()
        return tight + (self._dear if column == self._total else 1) * (number + 1), ((self, row, column),)

    def shift(self, row: int, up: int, down: int) -> Ring:
        """The cost of one more in one column of a row and one less in another."""
        return _add(self.cell(row, up, True), self.cell(row, down, False))

    def path(self, up: int, down: int, without: int | None = None) -> Ring:
        """The cheapest rows that together have one more in one column and one less in another (Dijkstra)."""
        best, waiting = {up: 0.0}, [(0.0, up)]
        way: dict[int, tuple[Place, ...]] = {up: ()}
        while waiting:
            cost, here = heapq.heappop(waiting)
            if here == down:
                return cost, way[here]
            for there in range(len(self.rows[0]) if self.rows else 0):
                step, row = next((s for s in self._cheapest.get((here, there), ()) if s[1] != without), (inf, 0))
                if cost + step < best.get(there, inf):
                    best[there] = cost + step
                    way[there] = (*way[here], *self.shift(row, here, there)[1])
                    heapq.heappush(waiting, (cost + step, there))
        return NONE

    def put_away(self, row: int, column: int) -> None:
        """Hide a cell."""
        self.hidden[row].add(column)
        self._weigh(row)

    def _weigh(self, row: int) -> None:
        able = [column for column, number in enumerate(self.rows[row]) if number or self._vague[row]]
        ups = [(column, self.cell(row, column, True)[0]) for column in able]
        downs = [(column, self.cell(row, column, False)[0]) for column in able]
        for up, more in ups:
            for down, less in downs:
                known = self._cheapest.get((up, down), [])
                if up != down and more + less < (known[1][0] if len(known) > 1 else inf):
                    known = [each for each in known if each[1] != row]
                    self._cheapest[up, down] = sorted([*known, (more + less, row)])[:2]  # two: one may be left out


class _Cells:
    """The outcomes of every group in three tables, which share the total's row; and the total's reasons."""

    def __init__(self, report: Report) -> None:
        self._groups = [list(table.values()) for table in (report.periods, report.channels, report.topics)]
        self._tables = [_Sheet([_numbers(tally) for tally in group], EPISODES) for group in self._groups]
        self._total = report.total
        self._whole = _Sheet([_numbers(report.total)], EPISODES, DEAREST)
        self._reasons = _Sheet([[report.total.reasons[reason] for reason in REASONS]])

    def protect(self) -> None:
        """Hide what must be, and mark it."""
        safe = all(
            self._put_away(_cheapest(ring(*place)))
            for sheet, ring in self._rings() for place in sheet.small()
        )
        for sheet, tallies in ((self._whole, [self._total]), *zip(self._tables, self._groups, strict=True)):
            for hidden, tally in zip(sheet.hidden, tallies, strict=True):
                shut = hidden if safe else set(COLUMNS)
                tally.hidden_outcomes = {OUTCOMES[column] for column in shut if column != EPISODES}
                tally.hides_episodes = EPISODES in shut
        hidden = self._reasons.hidden[0] if safe else set(range(len(REASONS)))
        self._total.hidden_reasons = {REASONS[column] for column in hidden}

    def _rings(self) -> list[tuple[_Sheet, Callable[[int, int], Iterable[Ring]]]]:
        inner = [(table, lambda row, column, table=table: self._of_group(table, row, column)) for table in self._tables]
        return [
            (self._whole, lambda _, column: self._of_total(column)),
            (self._reasons, lambda _, column: self._of_reason(column)), *inner,
        ]

    @staticmethod
    def _put_away(ring: Ring) -> bool:
        for sheet, row, column in ring[1]:
            sheet.put_away(row, column)
        return ring[0] < inf

    def _of_total(self, column: int) -> Iterator[Ring]:
        """Rings through a small outcome of the total's row."""
        for other in COLUMNS:
            if other != column:
                yield self._whole_shift(column, other)
                yield self._whole_shift(other, column)

    def _of_group(self, table: _Sheet, row: int, column: int) -> Iterator[Ring]:
        """Rings through a small cell: another row of its table takes the difference, or the total's row does."""
        for other in COLUMNS:
            for up, down in ((column, other), (other, column)):
                here = table.shift(row, up, down) if other != column else NONE
                if here[0] < inf:
                    yield _add(here, table.path(down, up, without=row))
        for other in COLUMNS:
            for up, down in ((column, other), (other, column)):
                here = table.shift(row, up, down) if other != column else NONE
                if here[0] < inf:
                    yield _add(here, self._whole_shift(up, down, but=table))

    def _of_reason(self, column: int) -> Iterator[Ring]:
        """Rings through a small reason: another takes the difference, or the number of escalations changes."""
        for other in range(len(REASONS)):
            if other != column:
                yield self._reasons.shift(0, column, other)
                yield self._reasons.shift(0, other, column)
        for escalated in ESCALATIONS:
            for other in set(COLUMNS) - ESCALATIONS:
                yield _add(self._reasons.cell(0, column, True), self._shift(escalated, other))
                yield _add(self._reasons.cell(0, column, False), self._shift(other, escalated))

    def _whole_shift(self, up: int, down: int, but: _Sheet | None = None) -> Ring:
        """The same as `_shift`, with a reason that takes part where the number of escalations changes."""
        if (up in ESCALATIONS) == (down in ESCALATIONS):
            return self._shift(up, down, but)
        reasons = (self._reasons.cell(0, reason, up in ESCALATIONS) for reason in range(len(REASONS)))
        return _add(self._shift(up, down, but), _cheapest(reasons))

    def _shift(self, up: int, down: int, but: _Sheet | None = None) -> Ring:
        """One more and one less in the total's row, and so in each table (`but` one) as well."""
        here = self._whole.shift(0, up, down)
        if here[0] == inf:
            return NONE
        return _add(here, *(table.path(up, down) for table in self._tables if table is not but))


def _numbers(tally: Tally) -> list[int]:
    return [*(tally.outcomes[outcome] for outcome in OUTCOMES), tally.episodes]


def _hide_thumbs(report: Report) -> None:
    """No number of thumbs is the total's less the others'."""
    tables = [list(table.values()) for table in (report.periods, report.channels, report.topics)]
    if is_small(report.total.rated):
        return
    for tallies in tables:
        for tally in (each for each in tallies if is_small(each.rated)):
            hidden = (each for each in tallies if each is not tally and not isinstance(each.shown_rated, int))
            if not any(_can_trade(tally.rated, each.rated) for each in hidden):
                others = [each for each in tallies if each is not tally and _can_trade(tally.rated, each.rated)]
                # With nobody to trade with the total has to go, and with it all that add up to it.
                shut = [min(others, key=lambda each: each.rated)] if others else [report.total, *chain(*tables)]
                for each in shut:
                    each.hides_rated = True


def _can_trade(one: int, other: int) -> bool:
    return (can_grow(one) and can_shrink(other)) or (can_shrink(one) and can_grow(other))


def _hide_reasons_of_groups(report: Report) -> None:
    """A group's reasons are shown all or not at all, and never are those of a single group left out."""
    unclear = report.total.hides(*ESCALATED) or any(map(report.total.hides_reason, REASONS))
    for table in (report.periods, report.channels, report.topics):
        escalated = sorted((t for t in table.values() if t.reasons), key=lambda tally: tally.reasons.total())
        shut = [
            tally for tally in table.values()
            if (unclear and tally.reasons) or tally.hides(*ESCALATED) or any(map(is_small, tally.reasons.values()))
        ]
        if len([tally for tally in shut if tally.reasons]) == 1:
            shut += [tally for tally in escalated if all(tally is not each for each in shut)][:1]
        for tally in shut:
            tally.hides_reasons = True
