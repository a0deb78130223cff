"""After a rotation of the master secret, `twostep db reseal` leaves nothing that only the old one opens."""

from __future__ import annotations

import pytest
from sqlalchemy import LargeBinary, select

import bot.app  # noqa: F401  # every table is part of the metadata
from bot.accounts.store import contact_points
from bot.db import Database, metadata, system_clock
from bot.delivery import store as delivery
from bot.delivery.model import Kind, Message
from bot.delivery.store import OutboxStore, outbox
from bot.privacy import Keys
from bot.resealing import SEALED, reseal

OLD, NEW = b"the master secret until today....", b"the master secret from today on.."
NOT_SEALED = {  # digests and authentication codes: nothing can be opened in them
    "challenges.holder", "codes.digest", "handoffs.digest", "idempotent_replies.key", "idempotent_replies.request",
    "audit.mac", "audit_heads.last", "audit_heads.mac", "sessions.digest",
}


def test_each_encrypted_column_is_known() -> None:
    """Every binary column is either resealed or one of digests."""
    binary = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values() for column in table.columns if isinstance(column.type, LargeBinary)
    }
    assert binary == {f"{column.table.name}.{column.name}" for column, _ in SEALED} | NOT_SEALED


async def test_everything_is_sealed_with_the_new_secret(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows, also beyond one batch, open with the new secret alone; what they say stays the same."""
    monkeypatch.setattr("bot.resealing.BATCH", 3)
    store, now = OutboxStore(database, Keys(OLD)), system_clock()
    async with database.write() as connection:
        for number in range(8):
            await store.put(connection, Message(Kind.CODE, "sms", "+18455550142", f"text {number}", now + 1000), now)
        await store.add_opt_out(connection, "+18455550143", now)
    assert await reseal(database, Keys(NEW, OLD)) == 17
    only_new = Keys(NEW)
    async with database.read() as connection:
        rows = (await connection.execute(select(outbox.c.destination, outbox.c.body))).all()
        assert {only_new.open(delivery.DESTINATION, row.destination) for row in rows} == {"+18455550142"}
        assert sorted(only_new.open(delivery.BODY, row.body) for row in rows) == [f"text {n}" for n in range(8)]
        assert (await connection.execute(select(contact_points))).all() == []


async def test_an_unknown_secret_is_told(database: Database) -> None:
    """A value that no secret of the list opens stops it with an error."""
    now = system_clock()
    async with database.write() as connection:
        await OutboxStore(database, Keys(OLD)).put(
            connection, Message(Kind.CODE, "sms", "+18455550142", "text", now + 1000), now
        )
    with pytest.raises(ValueError, match=r"outbox\.destination"):
        await reseal(database, Keys(NEW))
