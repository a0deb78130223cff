"""The figures of 200 conversations of known shapes equal a table that was counted by hand."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.db import Database
from bot.events import ContactRequestFiled, Event, ResendRedeemed, SignInCompleted
from bot.insights.figures import By
from bot.insights.model import Outcome, Reason
from bot.insights.service import Insights
from tests.insights.say import MINUTE, broken, fallback, talk, thumb, turn

SHAPES = Path(__file__).parent / "shapes.txt"
NEW_YORK = ZoneInfo("America/New_York")

BY_HAND = {
    Outcome.CONFIRMED_RESOLVED: 41, Outcome.ASSUMED_RESOLVED: 72, Outcome.REFERRED: 24, Outcome.FORM_SUBMITTED: 9,
    Outcome.ROUTED_TO_FORM: 17, Outcome.ERROR: 5, Outcome.UNANSWERED: 18, Outcome.ABANDONED: 8,
}
ONLY_TALK = 6  # greeted and thanked: no episode to judge
REASONS_BY_HAND = {Reason.NOT_UNDERSTOOD: 16, Reason.ACTION_FAILED: 5, Reason.ASKED: 3, Reason.NOT_HELPFUL: 2}
QUESTIONS, FALLBACKS, FAILED_ACTIONS, UP, DOWN = 225, 60, 5, 25, 2
SMS = 20


def shapes() -> list[tuple[str, str, list[Event]]]:
    """Conversation, outcome by hand, events."""
    lines = [line for line in SHAPES.read_text().splitlines() if not line.startswith("#")]
    found = []
    for number, line in enumerate(lines):
        head, _, steps = line.partition(" | ")
        day, time, channel, outcome = head.split()
        begun = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=NEW_YORK)
        found.append((f"c{number}", outcome, _events(f"c{number}", channel, steps, round(begun.timestamp() * 1000))))
    return found


def _events(conversation: str, channel: str, steps: str, at: int) -> list[Event]:
    events: list[Event] = []
    seq = 2
    where = {"conversation": conversation, "channel": channel}
    for step in steps.split():
        kind, _, topic = step.partition(":")
        match kind:
            case "a":
                events.append(turn(seq, at, topic, **where))
            case "p":
                events.append(turn(seq, at, topic, decision="ask", kind="prompt", **where))
            case "f" | "F":
                events.append(fallback(seq, at, contact_shown=kind == "F", **where))
            case "h":
                events.append(turn(seq, at, "request_human", contact_shown=True, **where))
            case "u":
                events.append(turn(seq, at, "update_phone", contact_shown=True, **where))
            case "yes":
                events.append(talk(seq, at, "affirm", **where))
            case "no" | "N":
                events.append(talk(seq, at, "deny", contact_shown=True, **where))
            case "e":
                failed = {"kind": "error", "failed_action": True, "contact_shown": True}
                events.append(turn(seq, at, "request_resend", **failed, **where))
            case "x":
                events.append(broken(seq, at, conversation))
            case "+" | "-":
                events.append(thumb(seq - 1, at, kind == "+", conversation))
            case "R":
                events.append(ResendRedeemed(conversation, f"challenge-{conversation}", at, "accepted"))
            case "S":
                events.append(SignInCompleted(f"challenge-{conversation}", at))
            case "C":
                events.append(ContactRequestFiled(conversation, f"ref-{conversation}", "Patient Portal", at))
            case _:
                events.append(talk(seq, at, {"g": "greet", "t": "thank"}[kind], **where))
        seq += 2
        at += MINUTE
    return events


async def test_figures_equal_the_hand_count(sqlite_database: Database) -> None:
    """Every figure of the recorded conversations is the one that was counted by hand, in every breakdown."""
    insights = Insights(sqlite_database, lambda: 0, zone=NEW_YORK)
    stories = shapes()
    assert len(stories) == 200 == sum(BY_HAND.values()) + ONLY_TALK
    for _, _, events in stories:
        for event in events:
            await insights.record(event)
    for conversation, outcome, _ in stories:
        found, *_ = await insights.conversation(conversation)
        assert [row.outcome or "none" for row in found] == [outcome], conversation
    report = await insights.report(date(2026, 10, 1), date(2026, 10, 31), By.WEEK)
    total = report.total
    assert dict(total.outcomes) == BY_HAND
    assert dict(total.reasons) == {reason.value: count for reason, count in REASONS_BY_HAND.items()}
    assert (total.messages, total.fallbacks, total.failed_actions) == (QUESTIONS, FALLBACKS, FAILED_ACTIONS)
    assert (total.up, total.down) == (UP, DOWN)
    assert {name: tally.episodes for name, tally in report.channels.items()} == {"web": 194 - SMS, "sms": SMS}
    assert round(total.deflection or 0, 4) == round((41 + 72) / 194, 4)
    assert round(total.escalation or 0, 4) == round((9 + 17) / 194, 4)
    for table in (report.periods, report.channels, report.topics):
        assert sum(tally.episodes for tally in table.values()) == 194
