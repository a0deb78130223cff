"""The unanswered queue in the database: which message of which conversation; its words stay with the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import Database, metadata, prepared
from bot.insights.model import Miss

questions = Table(
    "insight_questions", metadata,
    Column("conversation", String(128), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("why", String(16), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("intent", String(64), nullable=False),
    Index(None, "state", "at"),
)
# Statements of every message.
_WANTED: BindParameter[str] = bindparam("wanted")
_OPEN_QUESTIONS = prepared(
    select(questions.c.seq).where(
        questions.c.conversation == _WANTED, questions.c.seq >= bindparam("number"), questions.c.state == "open"
    )
)
_DROP_QUESTION = prepared(
    delete(questions).where(
        questions.c.conversation == _WANTED, questions.c.seq == bindparam("number"), questions.c.state == "open"
    )
)


class QuestionStore:
    """Every method works in the caller's transaction; times are milliseconds UTC."""

    def __init__(self, database: Database) -> None:
        self._ask = prepared(
            database.insert(questions).on_conflict_do_nothing(index_elements=["conversation", "seq"])
        )

    async def replace(
        self, connection: AsyncConnection, conversation: str, first_seq: int, misses: Sequence[Miss]
    ) -> None:
        """Put misses in the place of the conversation's open entries from `first_seq` on."""
        asked = set(await connection.scalars(_OPEN_QUESTIONS, {"wanted": conversation, "number": first_seq}))
        gone = asked - {miss.seq for miss in misses}
        if gone:
            await connection.execute(_DROP_QUESTION, [{"wanted": conversation, "number": seq} for seq in gone])
        come = [miss for miss in misses if miss.seq not in asked]
        if come:
            await connection.execute(self._ask, [
                {
                    "conversation": conversation, "seq": miss.seq, "at": miss.at, "why": miss.why.value,
                    "topic": miss.topic, "state": "open", "intent": "",
                }
                for miss in come
            ])

    async def latest(self, connection: AsyncConnection, state: str, limit: int | None) -> list[Any]:
        """Entries in this state, the newest first."""
        return list((await connection.execute(
            select(questions).where(questions.c.state == state).order_by(questions.c.at.desc()).limit(limit)
        )).all())

    async def entry(self, connection: AsyncConnection, conversation: str, seq: int) -> Any | None:
        """One entry."""
        return (await connection.execute(
            select(questions).where(questions.c.conversation == conversation, questions.c.seq == seq)
        )).first()

    async def change(self, connection: AsyncConnection, conversation: str, seq: int, **values: str) -> bool:
        """Change an entry's state, intent or topic; False when it is gone."""
        result = await connection.execute(
            update(questions).where(questions.c.conversation == conversation, questions.c.seq == seq).values(values)
        )
        return bool(result.rowcount)

    async def drop(self, connection: AsyncConnection, conversation: str, seq: int) -> None:
        """Delete an entry whose text is gone."""
        await connection.execute(
            delete(questions).where(questions.c.conversation == conversation, questions.c.seq == seq)
        )
