"""What is shown of a report does not tell the size of a small cell, whoever does the sums."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bot.insights.disclosure import hide
from bot.insights.figures import SMALL, By, Counted, Report, is_small, summarise
from bot.insights.model import ESCALATED, Outcome, Reason
from bot.insights.tables import Rate, as_csv, as_json, tables

FIRST = date(2026, 10, 26)
RATES = {
    ("deflection", "total"): (Outcome.CONFIRMED_RESOLVED, Outcome.ASSUMED_RESOLVED),
    ("deflection", "confirmed"): (Outcome.CONFIRMED_RESOLVED,), ("deflection", "assumed"): (Outcome.ASSUMED_RESOLVED,),
    ("escalation", "total"): ESCALATED, ("referred",): (Outcome.REFERRED,),
}
Key = tuple[str, ...]


class Reader:
    """Somebody who knows the report's JSON and how it is made, and looks for what the hidden numbers can be."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self._bounds: dict[Key, tuple[float, float | None]] = {}
        self._sums: list[tuple[dict[Key, int], float]] = []
        self.small: list[Key] = []
        groups = [(("total",), shown["total"])]
        for table, name in (("periods", "period"), ("channels", "channel"), ("topics", "topic")):
            groups += [((table, group[name]), group) for group in shown[table]]
        for key, group in groups:
            self._read(key, group)
        for table in ("periods", "channels", "topics"):
            mine = [key for key, _ in groups if key[0] == table]
            for what in [name for (place, *name) in self._bounds if place == "total"]:
                self._is_sum(("total", *what), [(*key, *what) for key in mine])
        self._keys = list(self._bounds)

    def _read(self, key: Key, group: dict[str, Any]) -> None:
        self._know((*key, "episodes"), group["episodes"])
        self._know((*key, "n"), group["helpfulness"]["n"])
        for outcome in Outcome:
            self._know((*key, "outcome", outcome), group["outcomes"][outcome])
            if group["episodes"] == "<5":
                self._bounds[*key, "outcome", outcome] = (0, 4)
        for reason in Reason:
            reasons = group["escalation"]["reasons"]
            self._know((*key, "reason", reason), reasons[reason] if reasons else None)
        self._is_sum((*key, "episodes"), [(*key, "outcome", outcome) for outcome in Outcome])
        escalated = [(*key, "outcome", outcome) for outcome in ESCALATED]
        self._sums.append((
            dict.fromkeys(escalated, 1) | dict.fromkeys([(*key, "reason", reason) for reason in Reason], -1), 0,
        ))
        for path, outcomes in RATES.items():
            rate: Any = group
            for step in path:
                rate = rate[step]
            if rate is not None and isinstance(group["episodes"], int):
                parts = {(*key, "outcome", outcome): 1 for outcome in outcomes}
                self._sums.append((parts, round(rate * group["episodes"])))

    def _know(self, key: Key, value: int | str | None) -> None:
        match value:
            case "<5":
                self._bounds[key] = (1, 4)
                self.small.append(key)
            case None:
                self._bounds[key] = (0, None)
            case _:
                assert isinstance(value, int)
                self._bounds[key] = (value, value)

    def _is_sum(self, whole: Key, parts: list[Key]) -> None:
        self._sums.append((dict.fromkeys(parts, 1) | {whole: -1}, 0))

    def known(self) -> Iterator[Key]:
        """The small cells that can be nothing but one number."""
        place = {key: number for number, key in enumerate(self._keys)}
        left = np.zeros((len(self._sums), len(place)))
        for row, (parts, _) in enumerate(self._sums):
            for key, factor in parts.items():
                left[row, place[key]] = factor
        right = [value for _, value in self._sums]
        for key in self.small:
            ends = []
            for sign in (1, -1):
                wanted = np.zeros(len(place))
                wanted[place[key]] = sign
                found = linprog(wanted, A_eq=left, b_eq=right, bounds=list(self._bounds.values()), method="highs")
                assert found.success, found.message
                ends.append(sign * found.fun)
            if ends[1] - ends[0] < 0.99:
                yield key


def _report(some: list[Counted], by: By = By.WEEK) -> Report:
    return summarise(FIRST, FIRST + timedelta(days=20), by, 6, by_day=some, by_channel=some, by_topic=some)


def _row(day: int, channel: str, topic: str, outcome: Outcome, reason: Reason, episodes: int, up: int) -> Counted:
    told = reason.value if outcome in ESCALATED else ""
    return Counted((FIRST + timedelta(days=day)).isoformat(), channel, topic, outcome, told, episodes, up=up)


rows = st.lists(st.builds(
    _row, st.integers(0, 20), st.sampled_from(["web", "sms"]), st.sampled_from("abcd"), st.sampled_from(list(Outcome)),
    st.sampled_from(list(Reason)), st.sampled_from([1, 2, 3, 4, 5, 6, 8, 13, 40]), st.sampled_from([0, 0, 1, 5, 9]),
), max_size=40)
ONE_SMALL = [
    _row(0, "web", "a", Outcome.ASSUMED_RESOLVED, Reason.ASKED, 20, 0),
    _row(0, "web", "b", Outcome.ASSUMED_RESOLVED, Reason.ASKED, 9, 0),
    _row(8, "sms", "c", Outcome.ASSUMED_RESOLVED, Reason.ASKED, 3, 0),
]


@settings(max_examples=60, deadline=None)
@given(rows)
@example(ONE_SMALL)
@example([*ONE_SMALL, _row(0, "web", "a", Outcome.FORM_SUBMITTED, Reason.ASKED, 14, 6),
          _row(0, "web", "a", Outcome.ROUTED_TO_FORM, Reason.NOT_UNDERSTOOD, 4, 1)])
def test_no_small_cell_can_be_worked_out(some: list[Counted]) -> None:
    """Whatever happened, each "<5" can be at least two numbers for a reader who solves all the report's equations."""
    report = _report(some)
    hide(report)
    assume(report.total.episodes >= SMALL and not is_small(report.total.rated))
    assert [key for key in Reader(as_json(report)).known() if _count(report, key)] == []


def _count(report: Report, key: Key) -> int:
    """The number itself; that nobody is behind a "<5" may be known."""
    tally = report.total if key[0] == "total" else getattr(report, key[0])[key[1]]
    match key[1 if key[0] == "total" else 2:]:
        case ("outcome", outcome):
            return int(tally.outcomes[outcome])
        case ("reason", reason):
            return int(tally.reasons[reason])
        case ("n",):
            return int(tally.rated)
        case _:
            return int(tally.episodes)


def test_a_lone_small_cell_takes_another_with_it() -> None:
    """The one topic with three episodes would be the total less the others: the next smallest goes with it."""
    report = _report(ONE_SMALL)
    hide(report)
    topics = next(table for table in tables(report) if table.name == "topics")
    assert [row[:2] for row in topics.rows] == [("A", 20), ("B", Rate(None)), ("C", "<5")]
    deflection = topics.columns.index("Deflection")
    assert [row[deflection] for row in topics.rows] == [Rate(1.0), Rate(None), Rate(None)]
    assert "B,,0," in as_csv(topics)
    assert report.total.shown_episodes == 32


def test_nothing_more_is_hidden_than_must_be() -> None:
    """Without a small cell every number is shown, and two small ones beside each other hide no third."""
    large = [_row(0, c, t, Outcome.ASSUMED_RESOLVED, Reason.ASKED, 9, 0) for c in ("web", "sms") for t in "ab"]
    report = _report(large)
    hide(report)
    assert not _hidden(report)
    small = [_row(0, "web", t, o, Reason.ASKED, 3, 0)
             for t in "ab" for o in (Outcome.ABANDONED, Outcome.UNANSWERED)]
    report = _report([*small, _row(0, "web", "a", Outcome.REFERRED, Reason.ASKED, 50, 0),
                      _row(0, "web", "b", Outcome.REFERRED, Reason.ASKED, 60, 0)])
    hide(report)
    assert not _hidden(report)


def _hidden(report: Report) -> bool:
    """True when a number is hidden that is not small itself."""
    return any(
        group["episodes"] is None or None in group["outcomes"].values()
        for name in ("periods", "channels", "topics") for group in as_json(report)[name]
    )
