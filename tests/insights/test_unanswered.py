"""The queue of what was not answered well, on both databases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from bot.db import Database
from bot.insights.model import Miss, Why
from bot.insights.service import Insights
from bot.insights.transcript import NotThere
from bot.insights.unanswered import LONGEST, State, Unanswered
from bot.insights.unanswered_store import QuestionStore
from tests.insights.say import fallback, thumb, turn

START = 1_790_000_000_000


def lines(**texts: dict[int, str]) -> Any:
    """A reader of transcripts: conversation -> number -> the patient's words."""

    async def transcript(conversation: str) -> Any:
        return [
            SimpleNamespace(seq=seq, sender="patient", text=said, kind="message", at=START)
            for seq, said in texts.get(conversation, {}).items()
        ]

    return transcript


async def test_unanswered_queue(database: Database) -> None:
    """Misses and thumbs down are queued by nearest topic, labelled, dismissed, put back, and exported for training."""

    async def nearest(said: str) -> str:
        return "ask_landline" if "phone" in said else "update_email"

    texts = {2: "my wall\nphone](x){y}", 4: "house phone?", 6: "mail is old", 8: "what is it"}
    insights = Insights(database, lambda: START, zone=ZoneInfo("America/New_York"))
    queue = Unanswered(database, transcript=lines(c=texts), nearest=nearest, settle=insights.settle)
    for event in (fallback(2, START), fallback(4, START + 1), fallback(6, START + 2), turn(8, START + 3),
                  thumb(9, START + 4, False), fallback(2, START, conversation="gone")):
        await insights.record(event)
    found = await queue.questions()
    assert [(q.topic, q.text, q.why) for q in found] == [
        ("ask_landline", "what is it", "thumbs_down"), ("ask_landline", "house phone?", "fallback"),
        ("ask_landline", "my wall\nphone](x){y}", "fallback"), ("update_email", "mail is old", "fallback"),
    ]
    await queue.label("c", 2, "ask_landline")
    await queue.label("c", 6, "update_email")
    await queue.dismiss("c", 4)
    await insights.record(thumb(9, START + 9, True))  # the thumb was turned up: nothing is left to do
    assert await queue.questions() == []
    assert [q.seq for q in await queue.questions(State.DISMISSED)] == [4]
    assert await queue.examples() == (
        'version: "3.1"\n\nnlu:\n- intent: ask_landline\n  examples: |\n    - my wall phone] (x){y}\n'
        "- intent: update_email\n  examples: |\n    - mail is old\n"
    )
    await queue.reopen("c", 4)
    assert [q.seq for q in await queue.questions()] == [4]
    with pytest.raises(NotThere):
        await queue.label("c", 99, "ask_landline")


async def test_the_examples_are_all_that_were_labelled(database: Database) -> None:
    """The page shows the newest; the file leaves none out."""
    count = LONGEST + 1
    misses = [Miss(seq, START + seq, Why.FALLBACK, "ask_landline") for seq in range(count)]
    async with database.write() as connection:
        await QuestionStore(database).replace(connection, "c", 0, misses)
        await connection.execute(text("UPDATE insight_questions SET state = 'labelled', intent = 'ask_landline'"))
    queue = Unanswered(database, transcript=lines(c={seq: f"question {seq}" for seq in range(count)}))
    assert len(await queue.questions(State.LABELLED)) == LONGEST
    assert (await queue.examples()).count("- question") == count
