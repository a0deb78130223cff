"""The report's figures from counted episodes: sums, rates, small cells. Pure; standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from bot.insights.model import DEFLECTED, ESCALATED, Outcome

SMALL = 5
"""A cell of fewer episodes is shown as "<5", so that nobody can be recognised in it."""


class By(StrEnum):
    """How long one row of the time table is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Counted:
    """Episodes that have day, channel, topic, outcome and reason in common, and what was counted in them."""

    day: str
    channel: str
    topic: str
    outcome: Outcome
    reason: str
    episodes: int
    messages: int = 0
    fallbacks: int = 0
    failed_actions: int = 0
    up: int = 0
    down: int = 0


@dataclass(slots=True)
class Tally:
    """Figures of some episodes. Every rate has its denominator beside it; without one it is None.

    What is hidden beside the small cells is said by `bot.insights.disclosure`.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    fallbacks: int = 0
    failed_actions: int = 0
    up: int = 0
    down: int = 0
    hidden_outcomes: set[Outcome] = field(default_factory=set)
    hidden_reasons: set[str] = field(default_factory=set)
    hides_episodes: bool = False
    hides_rated: bool = False
    hides_reasons: bool = False

    def add(self, row: Counted) -> None:
        """Count more episodes."""
        self.outcomes[row.outcome] += row.episodes
        if row.reason:
            self.reasons[row.reason] += row.episodes
        self.messages += row.messages
        self.fallbacks += row.fallbacks
        self.failed_actions += row.failed_actions
        self.up += row.up
        self.down += row.down

    @property
    def episodes(self) -> int:
        """All of them: those with a substantive message."""
        return self.outcomes.total()

    def of(self, *outcomes: Outcome) -> int:
        """Episodes with one of these outcomes."""
        return sum(self.outcomes[outcome] for outcome in outcomes)

    @property
    def shown_episodes(self) -> int | str | None:
        """All of them, as they may be shown."""
        return cell(self.episodes, self.hides_episodes)

    @property
    def shown_rated(self) -> int | str | None:
        """Messages with a thumb, as they may be shown."""
        return cell(self.rated, self.hides_rated)

    def shown(self, outcome: Outcome) -> int | str | None:
        """Episodes with this outcome, as they may be shown; of a few episodes not even which outcomes none had."""
        if is_small(self.episodes):
            return cell(self.episodes)
        return cell(self.outcomes[outcome], outcome in self.hidden_outcomes)

    def shown_reason(self, reason: str) -> int | str | None:
        """Escalations for this reason, as they may be shown."""
        return cell(self.reasons[reason], reason in self.hidden_reasons)

    def hides(self, *outcomes: Outcome) -> bool:
        """True when one of these numbers must not be shown."""
        return any(not isinstance(self.shown(outcome), int) for outcome in outcomes)

    def hides_reason(self, reason: str) -> bool:
        """True when this number must not be shown."""
        return not isinstance(self.shown_reason(reason), int)

    @property
    def confirmed(self) -> float | None:
        """Part of deflection: the patient said so, or signed in."""
        return self._share(Outcome.CONFIRMED_RESOLVED)

    @property
    def assumed(self) -> float | None:
        """Part of deflection: answered, and the patient did not come back."""
        return self._share(Outcome.ASSUMED_RESOLVED)

    @property
    def deflection(self) -> float | None:
        """Confirmed and assumed together; never to be shown without its parts."""
        return self._share(*DEFLECTED)

    @property
    def escalation(self) -> float | None:
        """Episodes that ended with a person, filed or sent there."""
        return self._share(*ESCALATED)

    @property
    def referred(self) -> float | None:
        """Episodes whose right answer was the contact route; shown beside escalation, neither good nor bad."""
        return self._share(Outcome.REFERRED)

    @property
    def fallback_rate(self) -> float | None:
        """Fallback replies per substantive message."""
        return ratio(self.fallbacks, self.messages) if self.episodes >= SMALL else None

    @property
    def action_failure_rate(self) -> float | None:
        """Failed actions per substantive message."""
        return ratio(self.failed_actions, self.messages) if self.episodes >= SMALL else None

    @property
    def rated(self) -> int:
        """Messages with a thumb: helpfulness' n."""
        return self.up + self.down

    @property
    def helpfulness(self) -> float | None:
        """Thumbs up among all thumbs."""
        return ratio(self.up, self.rated) if isinstance(self.shown_rated, int) else None

    @property
    def response_rate(self) -> float | None:
        """Substantive messages whose replies got a thumb."""
        return ratio(self.rated, self.messages) if isinstance(self.shown_rated, int) else None

    def hours_saved(self, minutes: int) -> float | None:
        """An estimate: minutes for one contact by a person times deflected episodes, in hours; None as for a rate."""
        return None if self.hides(*DEFLECTED) else minutes * self.of(*DEFLECTED) / 60

    def _share(self, *outcomes: Outcome) -> float | None:
        """The rate, None where it would tell a number that is not shown."""
        if not isinstance(self.shown_episodes, int) or self.hides(*outcomes):
            return None
        return ratio(self.of(*outcomes), self.episodes)


@dataclass(slots=True)
class Report:
    """Figures for the days from `since` to `until`, both included. Each table adds up to `total`."""

    since: date
    until: date
    by: By
    minutes_per_contact: int
    total: Tally
    periods: dict[str, Tally]
    channels: dict[str, Tally]
    topics: dict[str, Tally]
    running: int = 0
    names: Mapping[str, str] = field(default_factory=dict)

    def topic_name(self, topic: str) -> str:
        """A topic as people call it; `ask_text_charges` -> `Text charges` where nobody gave it a name."""
        if topic in self.names:
            return self.names[topic]
        words = topic.split("_")
        return " ".join(words[1:] if len(words) > 1 and words[0] in ("ask", "report") else words).capitalize()


def ratio(part: int, whole: int) -> float | None:
    """part / whole; None without a whole."""
    return part / whole if whole else None


def is_small(episodes: int) -> bool:
    """True when a cell must not be shown."""
    return 0 < episodes < SMALL


def cell(number: int, hidden: bool = False) -> int | str | None:
    """The number as it may be shown; None for one that is `hidden` because it would tell a small one."""
    if is_small(number):
        return f"<{SMALL}"
    return None if hidden and number else number


def period(day: date, by: By) -> date:
    """The first day of the period that a day is in; weeks begin on Monday (ISO 8601)."""
    match by:
        case By.DAY:
            return day
        case By.WEEK:
            return day - timedelta(days=day.weekday())
        case By.MONTH:
            return day.replace(day=1)


def label(first: date, by: By) -> str:
    """A period's name: 2026-11-24, 2026-W48, 2026-11."""
    match by:
        case By.DAY:
            return first.isoformat()
        case By.WEEK:
            year, week, _ = first.isocalendar()
            return f"{year}-W{week:02}"
        case By.MONTH:
            return first.isoformat()[:7]


def periods(since: date, until: date, by: By) -> list[str]:
    """Every period's label, also of those in which nothing happened."""
    days = (date.fromordinal(number) for number in range(since.toordinal(), until.toordinal() + 1))
    return list(dict.fromkeys(label(period(day, by), by) for day in days))


def summarise(
    since: date, until: date, by: By, minutes_per_contact: int, *,
    by_day: Iterable[Counted], by_channel: Iterable[Counted], by_topic: Iterable[Counted], running: int = 0,
    names: Mapping[str, str] | None = None,
) -> Report:
    """A report from rows that were counted in three ways; each way holds every episode once."""
    total = Tally()
    times = {name: Tally() for name in periods(since, until, by)}
    for row in by_day:
        total.add(row)
        times[label(period(date.fromisoformat(row.day), by), by)].add(row)
    return Report(
        since, until, by, minutes_per_contact, total, times,
        _sorted(_grouped((row.channel, row) for row in by_channel)),
        _sorted(_grouped((row.topic, row) for row in by_topic)), running, names or {},
    )


def _grouped(rows: Iterable[tuple[str, Counted]]) -> dict[str, Tally]:
    groups: dict[str, Tally] = {}
    for name, row in rows:
        groups.setdefault(name, Tally()).add(row)
    return groups


def _sorted(groups: Mapping[str, Tally]) -> dict[str, Tally]:
    kept = {name: tally for name, tally in groups.items() if tally.episodes}
    return dict(sorted(kept.items(), key=lambda item: (-item[1].episodes, item[0])))
