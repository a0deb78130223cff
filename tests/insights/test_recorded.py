"""The figures of 200 conversations recorded with the real assistant equal a table that was counted by hand.

recording.jsonl holds their events, recording.txt what was said (`python -m tests.insights.record`). counted.csv was
written by reading recording.txt with the definitions at hand: a line for each episode, in order.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

import bot.events
from bot.db import Database
from bot.events import Event
from bot.insights.figures import By
from bot.insights.service import Insights

HERE = Path(__file__).parent
NEW_YORK = ZoneInfo("America/New_York")
COUNTS = ("questions", "fallbacks", "failed_actions", "up", "down")


def recording() -> list[list[Event]]:
    """The events of each conversation."""
    return [
        [_event(dict(event)) for event in json.loads(line)]
        for line in (HERE / "recording.jsonl").read_text().splitlines()
    ]


def _event(values: dict[str, Any]) -> Event:
    kind = getattr(bot.events, values.pop("event"))
    made: Event = kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
    return made


def counted() -> list[dict[str, str]]:
    """The lines of the table."""
    with (HERE / "counted.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
async def insights(database: Database) -> Insights:
    """Everything that was recorded, told as it happened."""
    made = Insights(database, lambda: 0, zone=NEW_YORK)
    for events in recording():
        for event in events:
            await made.record(event)
    await made.settle()
    return made


async def test_each_episode_is_judged_as_by_hand(insights: Insights, database: Database) -> None:
    """Outcome, reason and counts of every episode are those that a reader of the conversation gave it."""
    columns = "outcome, reason, messages, fallbacks, failed_actions, up, down"
    async with database.read() as connection:
        rows = await connection.execute(text(f"SELECT {columns} FROM insight_episodes ORDER BY began_at"))
        found = [tuple("" if value is None else str(value) for value in row) for row in rows]
    table = counted()
    assert len({line["conversation"] for line in table}) == len(recording()) == 200
    expected = [(line["outcome"], line["reason"], *(line[name] for name in COUNTS)) for line in table]
    numbers = [line["conversation"] for line in table]
    assert list(zip(numbers, found, strict=True)) == list(zip(numbers, expected, strict=True))


async def test_the_report_adds_up_to_the_table(insights: Insights) -> None:
    """The report's totals, rates and breakdowns are the sums of the table's lines."""
    judged = [line for line in counted() if line["outcome"]]
    first = await insights.first_day()
    assert first
    report = await insights.report(first, first + timedelta(days=40), By.WEEK)
    total = report.total
    assert {k.value: n for k, n in total.outcomes.items() if n} == Counter(line["outcome"] for line in judged)
    assert {k: n for k, n in total.reasons.items() if n} == Counter(line["reason"] for line in judged if line["reason"])
    sums = [sum(int(line[name]) for line in judged) for name in COUNTS]
    assert [total.messages, total.fallbacks, total.failed_actions, total.up, total.down] == sums
    good = sum(line["outcome"] in ("confirmed_resolved", "assumed_resolved") for line in judged)
    assert total.deflection == pytest.approx(good / len(judged))
    for table in (report.periods, report.channels, report.topics):
        assert sum(tally.episodes for tally in table.values()) == len(judged)
