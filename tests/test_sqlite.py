"""SQLite in the event loop: nobody waits for what another process holds but the one who needs it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot import sqlite as inline
from bot.db import Database


async def _lock(path: Path, seconds: float) -> None:
    """Hold the writer's lock as another process would."""

    def hold() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    connection = hold()
    await asyncio.sleep(seconds)
    connection.execute("ROLLBACK")
    connection.close()


async def test_a_writer_waits_without_stopping_the_others(sqlite_database: Database) -> None:
    """While another process writes, our writer asks again and again; readers and the loop go on."""
    path = Path(sqlite_database.url.database or "")
    done = []

    async def write() -> None:
        async with sqlite_database.write() as connection:
            await connection.execute(text("DELETE FROM staff_notice"))
        done.append("written")

    holding = asyncio.create_task(_lock(path, 0.3))
    await asyncio.sleep(0)
    writing = asyncio.create_task(write())
    for _ in range(5):
        await asyncio.sleep(0.02)
        await sqlite_database.ping()
        assert not done
    await asyncio.gather(holding, writing)
    assert done == ["written"]


async def test_a_lock_that_is_never_free_is_told(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its wait a writer ends with the error that means: not now."""
    monkeypatch.setattr(inline, "LOCK_WAIT", 0.05)
    holding = asyncio.create_task(_lock(Path(sqlite_database.url.database or ""), 0.3))
    await asyncio.sleep(0)
    with pytest.raises(OperationalError, match="locked"):
        async with sqlite_database.write():
            pass
    await holding
    async with sqlite_database.write() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1


async def test_reports_read_in_a_thread_of_their_own(sqlite_database: Database) -> None:
    """What reads far sees the same rows, and cannot write."""
    async with sqlite_database.write() as connection:
        await connection.execute(text("INSERT INTO staff_notice (id, text, at) VALUES (1, 'x', 1)"))
    async with sqlite_database.scan() as connection:
        assert (await connection.execute(text("SELECT text FROM staff_notice"))).scalars().all() == ["x"]
        with pytest.raises(OperationalError, match="readonly"):
            await connection.execute(text("DELETE FROM staff_notice"))
