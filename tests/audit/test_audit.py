"""The append-only record: edits and deletions show (security.md, 'Audit' and 'Last')."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, update

from bot.audit.model import Actor, By, Damage
from bot.audit.store import AuditStore, audit, audit_heads
from bot.db import Database
from bot.privacy import Keys

BY = By(Actor.WORKER, "request-1")


async def write(database: Database, store: AuditStore, count: int) -> None:
    """Write rows, one transaction each."""
    for number in range(count):
        async with database.write() as connection:
            await store.append(connection, BY, f"thing.{number}", at=number)


async def test_an_untouched_record_is_whole(database: Database, keys: Keys) -> None:
    """Rows of two processes, written in parallel, verify."""
    one, two = AuditStore(database, keys), AuditStore(database, keys)

    async def append(store: AuditStore, number: int) -> None:
        async with database.write() as connection:
            await store.append(connection, BY, "thing.done", at=number)

    await asyncio.gather(*(append(store, number) for number in range(10) for store in (one, two)))
    assert await one.verify() == []


async def test_an_edited_row_is_found(database: Database, keys: Keys) -> None:
    """One changed field of one row is named with its place."""
    store = AuditStore(database, keys, stream="s")
    await write(database, store, 5)
    async with database.write() as connection:
        await connection.execute(update(audit).where(audit.c.seq == 3).values(subject="somebody else"))
    assert await store.verify() == [Damage("s", 3, "edited")]


async def test_a_deleted_row_is_found(database: Database, keys: Keys) -> None:
    """A row that is missing in the middle is named."""
    store = AuditStore(database, keys, stream="s")
    await write(database, store, 5)
    async with database.write() as connection:
        await connection.execute(delete(audit).where(audit.c.seq == 3))
    assert await store.verify() == [Damage("s", 3, "missing")]


async def test_a_cut_tail_is_found(database: Database, keys: Keys) -> None:
    """Deleting the newest rows shows, with the head rewritten to fit as well as without."""
    store = AuditStore(database, keys, stream="s")
    await write(database, store, 5)
    async with database.write() as connection:
        await connection.execute(delete(audit).where(audit.c.seq > 3))
    assert await store.verify() == [Damage("s", 4, "missing")]
    async with database.write() as connection:
        await connection.execute(update(audit_heads).values(seq=3))
    assert await store.verify() == [Damage("s", 3, "edited head")]


async def test_a_stream_without_its_head_is_found(sqlite_database: Database, keys: Keys) -> None:
    """Deleting the head, or all rows and not the head, shows."""
    store = AuditStore(sqlite_database, keys, stream="s")
    await write(sqlite_database, store, 2)
    async with sqlite_database.write() as connection:
        await connection.execute(delete(audit_heads))
    assert await store.verify() == [Damage("s", 2, "missing head")]


async def test_another_key_does_not_fit(sqlite_database: Database, keys: Keys) -> None:
    """Who has the database but not the key can write nothing that verifies."""
    await write(sqlite_database, AuditStore(sqlite_database, Keys(b"x" * 32), stream="s"), 1)
    assert await AuditStore(sqlite_database, keys).verify() != []


async def test_what_is_undone_is_not_recorded(sqlite_database: Database, keys: Keys) -> None:
    """A transaction that fails takes its row with it, and the record stays whole."""
    store = AuditStore(sqlite_database, keys)
    await write(sqlite_database, store, 1)
    try:
        async with sqlite_database.write() as connection:
            await store.append(connection, BY, "thing.undone", at=1)
            raise KeyError
    except KeyError:
        pass
    await write(sqlite_database, store, 1)
    assert await store.verify() == []
