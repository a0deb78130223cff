"""SQLite in the event loop: nobody waits for what another process holds but the one who needs it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from bot import sqlite as inline
from bot.channels.store import conversations, turns
from bot.db import UNAVAILABLE, Database, is_conflict, prepared


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


CONVERSATION = {"id": "c", "language": "en", "last_seq": 0, "at": 1, "active_at": 1}
TURNS = [
    {"conversation": "c", "id": f"t{number}", "content": "x", "seq": number, "done": number == 2, "lease": 5}
    for number in (1, 2, 3)
]


async def test_a_prepared_statement_finds_what_sqlalchemy_finds(sqlite_database: Database) -> None:
    """The same rows with the same names and types, the same counts, by one parameter set or several."""
    async with sqlite_database.write() as connection:
        await connection.execute(prepared(conversations.insert()), CONVERSATION)
        await connection.execute(prepared(turns.insert()), TURNS)
        changed = await connection.execute(
            prepared(turns.update().where(turns.c.seq > bindparam("number")).values(lease=6)), {"number": 1}
        )
        assert changed.rowcount == 2

    def query():
        return select(turns).where(turns.c.lease == bindparam("lease")).order_by(turns.c.seq).limit(5)

    async with sqlite_database.read() as connection:
        ours = (await connection.execute(prepared(query()), {"lease": 6})).all()
        theirs = (await connection.execute(query(), {"lease": 6})).all()
    assert [row._asdict() for row in ours] == [row._asdict() for row in theirs]
    assert [row.done for row in ours] == [True, False]
    assert all(type(row.done) is bool for row in ours)


async def test_a_refused_prepared_statement_undoes_its_transaction(sqlite_database: Database) -> None:
    """Its error is SQLAlchemy's and holds no value; nothing of the transaction stays, and the next one goes well."""
    insert = prepared(conversations.insert())

    async def add_twice() -> None:
        async with sqlite_database.write() as connection:
            await connection.execute(insert, CONVERSATION)
            await connection.execute(insert, {**CONVERSATION, "language": "a secret"})

    with pytest.raises(IntegrityError) as refused:
        await add_twice()
    assert is_conflict(refused.value)
    assert "a secret" not in str(refused.value)
    async with sqlite_database.write() as connection:
        await connection.execute(insert, CONVERSATION)


async def test_transactions_lock_at_once_and_readers_have_connections_of_their_own(sqlite_database: Database) -> None:
    """WAL, synchronous=NORMAL; one writer, whose transaction keeps others from writing from its begin (BEGIN
    IMMEDIATE); a reader beside it sees what was committed before."""
    insert = text("INSERT INTO staff_notice (id, text, at) VALUES (1, 'x', 1)")
    other = sqlite3.connect(Path(sqlite_database.url.database or ""), isolation_level=None, timeout=0)
    async with sqlite_database.write() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 1)):
            assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar_one() == value
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        await connection.execute(insert)
        async with sqlite_database.read() as reader:
            assert (await reader.execute(text("SELECT count(*) FROM staff_notice"))).scalar_one() == 0
    other.close()
    async with sqlite_database.read() as reader:
        assert (await reader.execute(text("SELECT count(*) FROM staff_notice"))).scalar_one() == 1


async def test_writers_wait_in_line_and_not_for_ever(tmp_path: Path) -> None:
    """A transaction that waits too long for the one before it fails as a database that is away does."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.sqlite3", pool_timeout=0.05)
    async with database.write():
        with pytest.raises(UNAVAILABLE):
            async with database.write():
                pass
    async with database.write() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()


async def test_what_was_committed_is_moved_into_the_file_while_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write-ahead log does not grow for ever, though no commit waits for the disk: the file alone has the rows."""
    monkeypatch.setattr(inline, "COMMITS", 10)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.sqlite3")
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE number (n INTEGER)"))

    def rows_in_the_file() -> int:
        alone = tmp_path / "alone.sqlite3"
        shutil.copyfile(tmp_path / "x.sqlite3", alone)  # without its log
        with closing(sqlite3.connect(alone)) as connection:
            if not connection.execute("SELECT * FROM sqlite_master").fetchall():
                return 0
            found: int = connection.execute("SELECT count(*) FROM number").fetchone()[0]
            return found

    written = 0
    async with asyncio.timeout(60):
        while not rows_in_the_file():
            async with database.write() as connection:
                await connection.execute(text("INSERT INTO number VALUES (1)"))
            written += 1
    async with database.read() as reader:
        assert (await reader.execute(text("SELECT count(*) FROM number"))).scalar_one() == written
    await database.close()
