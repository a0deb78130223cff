"""Contact requests and drafts in the database, encrypted whole."""

from __future__ import annotations

import json

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import Database, metadata
from bot.privacy import Keys

contact_requests = Table(
    "contact_requests", metadata,
    Column("reference", String(16), primary_key=True),
    Column("reason", String(80), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("conversation", String(128), index=True),
    Column("at", BigInteger, nullable=False, index=True),
)
contact_drafts = Table(
    "contact_drafts", metadata,
    Column("conversation", String(128), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)
REQUEST, DRAFT = "contact_requests", "contact_drafts"


class ContactStore:
    """Every method works in the caller's transaction."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def add(
        self, connection: AsyncConnection, reference: str, values: dict[str, str], conversation: str | None, now: int
    ) -> bool:
        """Insert a request; False when the reference is taken."""
        result = await connection.execute(
            self._database.insert(contact_requests).on_conflict_do_nothing().values(
                reference=reference, reason=values["reason"], sealed=self._keys.seal(REQUEST, json.dumps(values)),
                conversation=conversation, at=now,
            ).returning(contact_requests.c.reference)  # an INSERT's row count is not told on every database
        )
        return result.first() is not None

    async def request(self, connection: AsyncConnection, reference: str) -> dict[str, str] | None:
        """What was filed under a reference."""
        row = (await connection.execute(
            select(contact_requests.c.sealed).where(contact_requests.c.reference == reference)
        )).first()
        return json.loads(self._keys.open(REQUEST, row.sealed)) if row else None

    async def reseal(self, connection: AsyncConnection, reference: str, values: dict[str, str]) -> None:
        """Replace what was filed under a reference."""
        await connection.execute(
            update(contact_requests).where(contact_requests.c.reference == reference)
            .values(sealed=self._keys.seal(REQUEST, json.dumps(values)))
        )

    async def draft(self, connection: AsyncConnection, conversation: str) -> dict[str, str]:
        """What a conversation's draft holds so far."""
        row = (await connection.execute(
            select(contact_drafts.c.sealed).where(contact_drafts.c.conversation == conversation).with_for_update()
        )).first()
        return json.loads(self._keys.open(DRAFT, row.sealed)) if row else {}

    async def save_draft(
        self, connection: AsyncConnection, conversation: str, values: dict[str, str], now: int
    ) -> None:
        """Replace a conversation's draft."""
        sealed = self._keys.seal(DRAFT, json.dumps(values))
        await connection.execute(
            self._database.insert(contact_drafts).values(conversation=conversation, sealed=sealed, at=now)
            .on_conflict_do_update(index_elements=["conversation"], set_={"sealed": sealed, "at": now})
        )

    async def discard(self, connection: AsyncConnection, conversation: str) -> bool:
        """Delete a draft; True when there was one."""
        result = await connection.execute(
            delete(contact_drafts).where(contact_drafts.c.conversation == conversation)
        )
        return bool(result.rowcount)

    async def prune(self, connection: AsyncConnection, before: int) -> None:
        """Delete requests and drafts from before this time."""
        await connection.execute(delete(contact_requests).where(contact_requests.c.at < before))
        await connection.execute(delete(contact_drafts).where(contact_drafts.c.at < before))
