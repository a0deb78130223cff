"""Which texts were answered and which senders know us, in the database. No number and no word of a patient's."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, String, Table, Text, delete, select

from bot.db import Database, metadata

texts = Table(
    "sms_texts",
    metadata,
    Column("sid", String(32), primary_key=True),
    Column("conversation", String(64), nullable=False, index=True),
    Column("reply", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)
senders = Table(
    "sms_senders",
    metadata,
    Column("conversation", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)


class SmsStore:
    """Every method is one transaction; times are milliseconds UTC; `sid` is a pseudonym of Twilio's MessageSid."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reply(self, sid: str) -> list[str] | None:
        """What a text was answered, None where it is new."""
        async with self._database.read() as connection:
            found = await connection.scalar(select(texts.c.reply).where(texts.c.sid == sid))
            return None if found is None else list(json.loads(found))

    async def knows(self, conversation: str) -> bool:
        """True when the sender was told with whom he is texting."""
        async with self._database.read() as connection:
            found = await connection.scalar(
                select(senders.c.conversation).where(senders.c.conversation == conversation)
            )
            return found is not None

    async def keep(self, sid: str, conversation: str, reply: Sequence[str], now: int, *, introduced: bool) -> None:
        """Record the answer to a text; the first one stays.

        Args:
            introduced: the sender knows us now.
        """
        async with self._database.write() as connection:
            await connection.execute(
                self._database.insert(texts)
                .values(sid=sid, conversation=conversation, reply=json.dumps(list(reply)), at=now)
                .on_conflict_do_nothing()
            )
            if introduced:
                await connection.execute(
                    self._database.insert(senders)
                    .values(conversation=conversation, at=now)
                    .on_conflict_do_update(index_elements=["conversation"], set_={"at": now})
                )

    async def forget(self, conversation: str) -> None:
        """Delete what is kept of a sender."""
        async with self._database.write() as connection:
            await connection.execute(delete(texts).where(texts.c.conversation == conversation))
            await connection.execute(delete(senders).where(senders.c.conversation == conversation))

    async def prune(self, before: int) -> None:
        """Delete what is older, for the retention job."""
        async with self._database.write() as connection:
            await connection.execute(delete(texts).where(texts.c.at < before))
            await connection.execute(delete(senders).where(senders.c.at < before))
