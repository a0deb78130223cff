"""Counting as things happen: restarts, late and repeated events, forgetting, retention; both databases."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from bot.db import Database
from bot.events import (
    CodeDelivery,
    ContactRequestFiled,
    ConversationEnded,
    Event,
    ResendRedeemed,
    SignInCompleted,
)
from bot.insights.figures import By
from bot.insights.model import EPISODE_GAP, Outcome, episodes
from bot.insights.service import Insights
from bot.insights.store import KEYS, SUMS
from tests.insights.say import MINUTE, broken, fallback, talk, thumb, turn

NEW_YORK = ZoneInfo("America/New_York")
START = 1_790_000_000_000  # 2026-09-21, in the morning in New York
DAY = 24 * 60 * MINUTE


def counting(database: Database, now: int = START + DAY, **parts: Any) -> Insights:
    return Insights(database, lambda: now, zone=NEW_YORK, **parts)


async def outcomes(database: Database, conversation: str = "c") -> list[str | None]:
    async with database.read() as connection:
        rows = await connection.execute(
            text("SELECT outcome FROM insight_episodes WHERE conversation = :c ORDER BY began_at"), {"c": conversation}
        )
        return [row.outcome for row in rows]


async def recount(database: Database) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """What the days hold, and what counting the episodes again gives."""
    names = ", ".join(f"SUM({name}) AS {name}" for name in SUMS)
    async with database.read() as connection:
        kept = (await connection.execute(text("SELECT * FROM insight_days WHERE episodes <> 0"))).mappings().all()
        again = (await connection.execute(text(
            f"SELECT {', '.join(KEYS)}, COUNT(*) AS episodes, {names} FROM insight_episodes "
            f"WHERE outcome IS NOT NULL GROUP BY {', '.join(KEYS)}"
        ))).mappings().all()

    def by_key(rows: Sequence[Any]) -> dict[Any, Any]:
        return {tuple(row[k] for k in KEYS): tuple(int(row[s]) for s in ("episodes", *SUMS)) for row in rows}

    return by_key(kept), by_key(again)


async def until_counted(database: Database, wanted: list[str], conversation: str = "c") -> None:
    """Wait for a conversation's outcomes to become these."""
    for _ in range(2000):
        if await outcomes(database, conversation) == wanted:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{conversation} was not counted")


STORY: list[Event] = [
    talk(2, START, "greet"), turn(4, START + MINUTE), thumb(5, START + 2 * MINUTE, True),
    fallback(8, START + EPISODE_GAP + 2 * MINUTE), fallback(10, START + EPISODE_GAP + 3 * MINUTE, contact_shown=True),
    broken(20, START + 3 * EPISODE_GAP), ResendRedeemed("c", "ch", START + MINUTE, "accepted"),
    ContactRequestFiled("c", "R", "Patient Portal", START + 3 * EPISODE_GAP + MINUTE),
    SignInCompleted("ch", START + 9 * MINUTE),
]


async def test_any_order_and_a_restart_between_any_two(database: Database) -> None:
    """The same events in any order, each told twice, each by a process of its own, counted one by one, some together or
    all at the end, give the same episodes."""
    orders = [STORY, STORY[::-1], STORY[3:] + STORY[:3], STORY[::2] + STORY[1::2]]
    for number, (together, order) in enumerate(itertools.product((1, 3, len(STORY)), orders)):
        conversation = f"c{number}"
        for told, event in enumerate(order, start=1):
            values = {name: getattr(event, name) for name in event.__slots__}
            if "conversation" in values:
                values["conversation"] = conversation
            if "challenge" in values:
                values["challenge"] = f"ch{number}"
            for _ in range(2):
                await counting(database).record(type(event)(**values))
            if told % together == 0:
                await counting(database).settle()
        assert await outcomes(database, conversation) == ["confirmed_resolved", "routed_to_form", "form_submitted"]
    kept, again = await recount(database)
    assert kept == again
    assert sum(row[0] for row in kept.values()) == 36


async def test_a_late_message_joins_two_episodes(database: Database) -> None:
    """A message that arrives late and lies between two episodes makes one of them, and the counts follow."""
    insights = counting(database)
    await insights.record(turn(2, START))
    await insights.record(fallback(10, START + 40 * MINUTE))
    await insights.settle()
    assert await outcomes(database) == ["assumed_resolved", "unanswered"]
    await insights.record(turn(6, START + 20 * MINUTE))
    await insights.settle()
    assert await outcomes(database) == ["unanswered"]
    kept, again = await recount(database)
    assert kept == again


async def test_many_orders_equal_the_pure_definition(sqlite_database: Database) -> None:
    """Whatever the order of arrival, what is stored equals what the definitions say of all events together."""
    some = [turn(2, START), thumb(3, START + MINUTE, False), fallback(6, START + EPISODE_GAP + MINUTE),
            ConversationEnded("c", START + 2 * MINUTE), turn(8, START + 3 * MINUTE)]
    wanted = [episode.outcome for episode in episodes(some)]
    for number, order in enumerate(itertools.permutations(some)):
        if number % 5 == 0:
            name = f"p{number}"
            for event in order:
                values = {slot: getattr(event, slot) for slot in event.__slots__} | {"conversation": name}
                await counting(sqlite_database).record(type(event)(**values))
            await counting(sqlite_database).settle()
            assert await outcomes(sqlite_database, name) == wanted
    kept, again = await recount(sqlite_database)
    assert kept == again


async def test_turns_are_counted_together_a_moment_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens is counted without anybody asking for figures, what a dead process left first, and all at the end.
    """
    monkeypatch.setattr("bot.insights.service.PAUSE", 0.05)
    await counting(database).record(turn(2, START, conversation="left"))  # by a process that died then
    insights = counting(database)
    await insights.start()
    await until_counted(database, ["assumed_resolved"], "left")
    await insights.record(turn(2, START))
    await insights.record(fallback(4, START + MINUTE))
    await until_counted(database, ["unanswered"])
    monkeypatch.setattr("bot.insights.service.PAUSE", 3600)
    await insights.record(turn(6, START + 2 * MINUTE))
    await insights.stop()
    assert await outcomes(database) == ["assumed_resolved"]
    kept, again = await recount(database)
    assert kept == again


async def test_what_cannot_be_counted_keeps_nothing_else(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A conversation with a broken event is logged without its content; the others' figures are there."""
    insights = counting(database)
    for name in ("a", "broken", "z"):
        await insights.record(turn(2, START, conversation=name))
    async with database.write() as connection:
        await connection.execute(text("UPDATE insight_events SET data = '{\"x\": 1}' WHERE conversation = 'broken'"))
    for _ in range(2):
        report = await insights.report(date(2026, 9, 1), date(2026, 9, 30))
        assert report.total.episodes == 2
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "conversation not counted"
    ]


async def test_what_belongs_to_nobody(database: Database) -> None:
    """Deliveries, sign-ins without a resend and requests without a conversation change no figure."""
    insights = counting(database)
    for event in (
        CodeDelivery("sms", "delivered", None, 1.0, START), SignInCompleted("other", START),
        ContactRequestFiled(None, "R", "Billing", START),
    ):
        await insights.record(event)
    report = await insights.report(date(2026, 9, 1), date(2026, 9, 30))
    assert report.total.episodes == 0


async def test_report(database: Database) -> None:
    """A report counts each episode once in every table, by the practice's day, and says how many are running."""
    late_evening = START - START % DAY + DAY + 3 * 60 * MINUTE  # 23:00 of the day before in New York
    insights = counting(database, now=late_evening + MINUTE)
    for number in range(6):
        await insights.record(turn(2, START, conversation=f"w{number}"))
    for number in range(5):
        await insights.record(fallback(2, late_evening, conversation=f"s{number}", channel="sms"))
    await insights.record(talk(2, late_evening, "greet", conversation="only-hello"))
    report = await insights.report(date(2026, 9, 21), date(2026, 9, 22), By.DAY)
    assert {name: tally.episodes for name, tally in report.periods.items()} == {"2026-09-21": 11, "2026-09-22": 0}
    assert {name: tally.episodes for name, tally in report.channels.items()} == {"web": 6, "sms": 5}
    assert {name: tally.episodes for name, tally in report.topics.items()} == {"ask_landline": 6, "out_of_scope": 5}
    assert report.total.outcomes[Outcome.UNANSWERED] == 5
    assert report.running == 5
    assert (await insights.report(date(2026, 9, 21), date(2026, 9, 21))).running == 5
    assert (await insights.report(date(2026, 9, 20), date(2026, 9, 20))).running == 0
    assert await insights.first_day() == date(2026, 9, 21)


async def search(database: Database, needle: str) -> list[str]:
    """The tables in which a word stands anywhere."""
    found = []
    async with database.read() as connection:
        from sqlalchemy import inspect

        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        for name in names:
            rows = (await connection.execute(text(f'SELECT * FROM "{name}"'))).all()
            if any(needle in str(value) for row in rows for value in row):
                found.append(name)
    return found


async def test_forget(database: Database) -> None:
    """A forgotten conversation is found nowhere by search, is erased by every part, and stays a count of nobody."""
    erased: list[str] = []

    async def erase(conversation: str) -> bool:
        erased.append(conversation)
        return False

    insights = counting(database, erase=[erase])
    for event in (turn(2, START, conversation="needle"), fallback(4, START + 1, conversation="needle"),
                  turn(2, START, conversation="other")):
        await insights.record(event)
    assert await search(database, "needle") != []
    assert await insights.forget("needle")
    assert erased == ["needle"]
    assert await search(database, "needle") == []
    assert (await insights.report(date(2026, 9, 21), date(2026, 9, 21))).total.episodes == 2
    assert not await insights.forget("needle")
    assert await search(database, "other") != []


async def test_retention(database: Database) -> None:
    """Old conversations lose their name and facts, newer ones keep them, and the figures do not change."""
    insights = counting(database)
    await insights.record(turn(2, START, conversation="long"))
    await insights.record(fallback(10, START + 10 * DAY, conversation="long"))
    await insights.record(fallback(2, START, conversation="old"))
    before = (await insights.report(date(2026, 9, 1), date(2026, 10, 30))).total
    await insights.prune(START + 5 * DAY)
    assert await search(database, "old") == []
    assert await outcomes(database, "long") == ["unanswered"]
    assert (await insights.report(date(2026, 9, 1), date(2026, 10, 30))).total == before
    await insights.record(turn(12, START + 10 * DAY + MINUTE, conversation="long"))
    await insights.settle()
    assert await outcomes(database, "long") == ["assumed_resolved"]
    kept, again = await recount(database)
    assert kept == again
