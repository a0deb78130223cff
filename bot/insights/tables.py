"""The report as tables: the same cells for the console, for CSV files, for JSON and for the terminal."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from bot.insights.figures import Report, Tally, cell, ratio
from bot.insights.model import ESCALATED, Outcome, Reason

OUTCOMES = {
    Outcome.CONFIRMED_RESOLVED: "Confirmed resolved",
    Outcome.ASSUMED_RESOLVED: "Assumed resolved",
    Outcome.REFERRED: "Referred",
    Outcome.FORM_SUBMITTED: "Form submitted",
    Outcome.ROUTED_TO_FORM: "Sent to the form",
    Outcome.ERROR: "Error",
    Outcome.UNANSWERED: "Unanswered",
    Outcome.ABANDONED: "Abandoned",
}
"""In the order of every table and chart: good, neither, bad."""

REASONS = {
    Reason.NOT_UNDERSTOOD: "Not understood",
    Reason.NOT_HELPFUL: "Answer did not help",
    Reason.ACTION_FAILED: "An action failed",
    Reason.ERROR: "The assistant broke down",
    Reason.ASKED: "Asked for a person",
}
CHANNELS = {"web": "Web chat", "sms": "Text message", "terminal": "Terminal"}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share from 0 to 1; None where there is nothing to divide by, and for every figure that is not shown."""

    value: float | None

    def __str__(self) -> str:
        return "–" if self.value is None else f"{100 * self.value:.1f}%"


Cell = str | int | Rate


def _count(shown: int | str | None) -> Cell:
    return Rate(None) if shown is None else shown


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is the file's name; the first column names the row."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(report: Report) -> list[Table]:
    """Every table of the report."""
    return [
        summary(report),
        breakdown("periods", f"By {report.by}", report.by.capitalize(), report.periods, {}),
        reasons(report),
        breakdown("channels", "By channel", "Channel", report.channels, CHANNELS),
        breakdown("topics", "By topic", "Topic", report.topics, {n: report.topic_name(n) for n in report.topics}),
    ]


def summary(report: Report) -> Table:
    """The headline figures, deflection always with its two parts."""
    total = report.total
    hours = total.hours_saved(report.minutes_per_contact)
    rows: list[tuple[Cell, ...]] = [
        ("Episodes", _count(total.shown_episodes), "with at least one question"),
        ("Deflection", Rate(total.deflection), "confirmed and assumed together, of all episodes"),
        ("– confirmed resolved", Rate(total.confirmed), "the patient said so, or signed in after a new code"),
        ("– assumed resolved", Rate(total.assumed), "answered, and the patient did not ask on"),
        ("Escalation", Rate(total.escalation), "a contact request, or sent to the form after a failure"),
        ("Referred", Rate(total.referred), "the contact route was the right answer; neither good nor bad"),
        ("Fallback rate", Rate(total.fallback_rate), "of all questions"),
        ("Action failure rate", Rate(total.action_failure_rate), "of all questions"),
        ("Helpfulness", Rate(total.helpfulness), f"thumbs up among n = {_count(total.shown_rated)} thumbs"),
        ("Response rate", Rate(total.response_rate), "questions whose answer got a thumb"),
        (
            "Hours saved (estimate)", "–" if hours is None else f"{hours:.1f}",
            f"{report.minutes_per_contact} minutes for each deflected episode",
        ),
    ]
    return Table("summary", "Summary", ("Figure", "Value", "Meaning"), tuple(rows))


def breakdown(name: str, title: str, first: str, groups: dict[str, Tally], names: dict[str, str]) -> Table:
    """One row for each group, one column for each outcome and rate."""
    columns = (
        first, "Episodes", *OUTCOMES.values(), "Deflection", "Escalation", "Fallback rate", "Helpfulness", "n (thumbs)"
    )
    rows = tuple(
        (
            names.get(group, group), _count(tally.shown_episodes),
            *(_count(tally.shown(outcome)) for outcome in OUTCOMES),
            Rate(tally.deflection), Rate(tally.escalation), Rate(tally.fallback_rate), Rate(tally.helpfulness),
            _count(tally.shown_rated),
        )
        for group, tally in groups.items()
    )
    return Table(name, title, columns, rows)


def reasons(report: Report) -> Table:
    """What led to a person."""
    total = report.total
    escalated = total.of(*ESCALATED)
    # One share and its count would tell the sum, and with it a small cell.
    hidden = total.hides(*ESCALATED) or any(map(total.hides_reason, REASONS))
    rows = []
    for reason, name in REASONS.items():
        share = Rate(None if hidden else ratio(total.reasons[reason], escalated))
        rows.append((name, _count(total.shown_reason(reason)), share))
    return Table("reasons", "Escalations by reason", ("Reason", "Episodes", "Share of escalations"), tuple(rows))


def as_csv(table: Table) -> str:
    """The table as a CSV file (RFC 4180); rates as decimals; nothing in it that a spreadsheet would run."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([[_plain(value) for value in row] for row in table.rows])
    return out.getvalue()


FORMULA = tuple("=+-@＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), blanks before it left out."""


def _plain(value: Cell) -> str | int:
    if isinstance(value, Rate):
        return "" if value.value is None else f"{value.value:.4f}"
    if isinstance(value, str) and value.lstrip()[:1] in FORMULA:
        return f"'{value}"
    return value


def as_json(report: Report) -> dict[str, Any]:
    """The report for programs: counts (or "<5", or null), rates as decimals (or null)."""
    return {
        "since": report.since.isoformat(), "until": report.until.isoformat(), "by": report.by.value,
        "running": cell(report.running), "total": _tally(report.total, report.minutes_per_contact),
        "periods": [{"period": name, **_tally(tally)} for name, tally in report.periods.items()],
        "channels": [{"channel": name, **_tally(tally)} for name, tally in report.channels.items()],
        "topics": [{"topic": name, **_tally(tally)} for name, tally in report.topics.items()],
    }


def _tally(tally: Tally, minutes: int | None = None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "episodes": tally.shown_episodes,
        "outcomes": {outcome.value: tally.shown(outcome) for outcome in Outcome},
        "deflection": {
            "total": _round(tally.deflection), "confirmed": _round(tally.confirmed), "assumed": _round(tally.assumed),
        },
        "escalation": {
            "total": _round(tally.escalation),
            "reasons": None if tally.hides_reasons else {
                reason.value: tally.shown_reason(reason) for reason in Reason
            },
        },
        "referred": _round(tally.referred),
        "fallback_rate": _round(tally.fallback_rate),
        "action_failure_rate": _round(tally.action_failure_rate),
        "helpfulness": {
            "rate": _round(tally.helpfulness), "n": tally.shown_rated, "response_rate": _round(tally.response_rate),
        },
    }
    if minutes is not None:
        hours = tally.hours_saved(minutes)
        values["hours_saved_estimate"] = None if hours is None else round(hours, 1)
    return values


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
