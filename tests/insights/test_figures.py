"""Parts add up to the whole, small cells stay hidden, and rates have the denominators that they claim."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.insights.charts import chart
from bot.insights.figures import SMALL, By, Counted, Report, cell, label, period, periods, summarise
from bot.insights.model import DEFLECTED, ESCALATED, Outcome, Reason
from bot.insights.tables import Rate, as_csv, as_json, tables

FIRST = date(2026, 10, 26)

counted = st.builds(
    Counted,
    day=st.integers(0, 40).map(lambda days: (FIRST + timedelta(days=days)).isoformat()),
    channel=st.sampled_from(["web", "sms"]), topic=st.sampled_from(["ask_landline", "update_phone", "out_of_scope"]),
    outcome=st.sampled_from(list(Outcome)), reason=st.just(""), episodes=st.integers(1, 9),
    messages=st.integers(1, 30), fallbacks=st.integers(0, 9), failed_actions=st.integers(0, 3), up=st.integers(0, 9),
    down=st.integers(0, 9),
)
rows = st.lists(counted, max_size=60).flatmap(
    lambda some: st.just([_with_reason(row, number) for number, row in enumerate(some)])
)


def _with_reason(row: Counted, number: int) -> Counted:
    reasons = list(Reason)
    reason = reasons[number % len(reasons)].value if row.outcome in ESCALATED else ""
    return Counted(**{**{name: getattr(row, name) for name in row.__slots__}, "reason": reason})


def _report(some: list[Counted], by: By = By.WEEK) -> Report:
    return summarise(FIRST, FIRST + timedelta(days=40), by, 6, by_day=some, by_channel=some, by_topic=some)


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(list(By)))
def test_parts_add_up_to_the_whole(some: list[Counted], by: By) -> None:
    """Every table's episodes, outcomes, reasons and messages add up to the total's, whatever happened."""
    report = _report(some, by)
    total = report.total
    assert total.episodes == sum(row.episodes for row in some)
    for table in (report.periods, report.channels, report.topics):
        assert sum(t.episodes for t in table.values()) == total.episodes
        assert sum(t.messages for t in table.values()) == total.messages
        assert sum(t.rated for t in table.values()) == total.rated
        for outcome in Outcome:
            assert sum(t.outcomes[outcome] for t in table.values()) == total.outcomes[outcome]
    assert sum(total.outcomes[outcome] for outcome in Outcome) == total.episodes
    assert total.reasons.total() == total.of(*ESCALATED)
    if total.deflection is not None and total.confirmed is not None and total.assumed is not None:
        assert abs(total.confirmed + total.assumed - total.deflection) < 1e-9
        assert 0 <= total.deflection <= 1


@settings(max_examples=150, deadline=None)
@given(rows)
def test_small_cells_are_hidden(some: list[Counted]) -> None:
    """No table, CSV file or JSON shows a count of one to four episodes, nor a rate that was made from one."""
    report = _report(some)
    for table in tables(report):
        for row in table.rows:
            for value in row:
                assert not (isinstance(value, int) and 0 < value < SMALL)
    for tally in (report.total, *report.topics.values(), *report.periods.values()):
        if any(0 < tally.outcomes[outcome] < SMALL for outcome in DEFLECTED):
            assert tally.deflection is None
    assert not _small_numbers(as_json(report)["total"]["outcomes"])
    assert not _small_numbers(as_json(report)["total"]["escalation"]["reasons"])


@pytest.mark.parametrize(("running", "told"), [(0, 0), (1, "<5"), (4, "<5"), (5, 5)])
def test_how_many_are_running_is_hidden_like_a_cell(running: int, told: int | str) -> None:
    """Few conversations of just now are no number either."""
    report = _report([])
    report.running = running
    assert as_json(report)["running"] == told


def _small_numbers(values: dict[str, object]) -> list[object]:
    return [value for value in values.values() if isinstance(value, int) and 0 < value < SMALL]


def test_no_share_tells_a_hidden_reason() -> None:
    """While one reason is hidden no share of escalations is shown, since count and share would tell the rest."""
    report = _report([
        Counted("2026-11-01", "web", "t", Outcome.FORM_SUBMITTED, Reason.ASKED, 7),
        Counted("2026-11-01", "web", "t", Outcome.ROUTED_TO_FORM, Reason.NOT_UNDERSTOOD, 2),
    ])
    (table,) = [table for table in tables(report) if table.name == "reasons"]
    assert {row[2] for row in table.rows} == {Rate(None)}
    assert {row[0]: row[1] for row in table.rows}["Not understood"] == "<5"


def test_rates() -> None:
    """Each rate is what its definition says, on numbers that can be checked in the head."""
    report = _report([
        Counted("2026-11-01", "web", "t", Outcome.CONFIRMED_RESOLVED, "", 10, 12, 0, 0, 10, 0),
        Counted("2026-11-01", "web", "t", Outcome.ASSUMED_RESOLVED, "", 50, 60, 6, 0, 0, 0),
        Counted("2026-11-01", "sms", "t", Outcome.UNANSWERED, "", 20, 28, 24, 0, 0, 10),
        Counted("2026-11-01", "sms", "t", Outcome.FORM_SUBMITTED, Reason.ASKED, 15, 0, 0, 5),
        Counted("2026-11-01", "sms", "t", Outcome.REFERRED, "", 5),
    ])
    total = report.total
    assert (total.confirmed, total.assumed, total.deflection) == (0.1, 0.5, 0.6)
    assert (total.escalation, total.referred) == (0.15, 0.05)
    assert (total.fallback_rate, total.action_failure_rate) == (0.3, 0.05)
    assert (total.helpfulness, total.rated, total.response_rate) == (0.5, 20, 0.2)
    assert total.hours_saved(6) == 6.0


def test_nothing_happened() -> None:
    """A report of days without episodes has zeros and no rates, and every period still has its row."""
    report = _report([], By.DAY)
    assert report.total.episodes == 0
    assert report.total.deflection is None
    assert len(report.periods) == 41


def test_periods() -> None:
    """Weeks begin on Monday and carry their ISO year."""
    assert label(period(date(2027, 1, 1), By.WEEK), By.WEEK) == "2026-W53"
    assert label(period(date(2027, 1, 4), By.WEEK), By.WEEK) == "2027-W01"
    assert periods(date(2026, 11, 30), date(2026, 12, 1), By.MONTH) == ["2026-11", "2026-12"]
    assert [cell(n) for n in (0, 1, 4, 5)] == [0, "<5", "<5", 5]


def test_a_spreadsheet_runs_nothing() -> None:
    """A cell that a spreadsheet would take for a formula is written as text."""
    from bot.insights.tables import Table

    text = as_csv(Table("t", "T", ("a",), (("=HYPERLINK(1)",), ("@x",), ("fine",))))
    assert text.splitlines() == ["a", "'=HYPERLINK(1)", "'@x", "fine"]


def test_a_chart_is_drawn_once_for_the_same_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks again need not wait for the drawing; other figures are another chart."""
    from matplotlib.figure import Figure

    drawn: list[str] = []
    save = Figure.savefig

    def saving(self: Figure, *arguments: object, **options: object) -> None:
        drawn.append("chart")
        save(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", saving)
    figures = [Counted("2026-11-03", "web", "drawn_once", Outcome.ASSUMED_RESOLVED, "", 17)]
    first = chart("topics", _report(figures))
    assert chart("topics", _report(figures)) == first
    assert len(drawn) == 1
    assert chart("topics", _report([*figures, *figures])) != first
    assert len(drawn) == 2
