"""SQLite inside the event loop, for statements that take microseconds.

A thread for each connection (aiosqlite) costs several times what SQLite itself does, and so does SQLAlchemy's way from
a statement to its rows. Here statements run where they stand, and those of every message are turned into SQL once
(`prepared`). Nothing in them waits: the writer's lock is asked for without waiting and asked for again later, and WAL
mode keeps readers from waiting at all. What reads far (reports) belongs on a connection of its own thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Executable, create_engine
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

LOCK_WAIT = 5.0  # seconds for which a writer asks for the lock that another process holds
LOCK_PAUSE = 0.005  # seconds between two tries
COMMITS = 150  # after which the write-ahead log is moved into the file: about a thousand pages, as SQLite would

S = TypeVar("S", bound=Executable)


def prepared(statement: S) -> S:
    """Mark a statement that is made once and run for every message, its values given as parameters.

    On SQLite it then skips SQLAlchemy's machinery, twenty times what SQLite costs; elsewhere nothing changes.
    """
    _PREPARED[statement] = None
    return statement


class InlineEngine:
    """As SQLAlchemy's asynchronous engine: one connection that writes, one transaction after the other, and as many as
    are needed that read.

    Args:
        wait: seconds that a transaction waits for the one before it.
    """

    def __init__(self, url: URL, wait: float) -> None:
        self.sync_engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool)
        self._wait = wait
        self._turn = asyncio.Lock()
        self._writing = 0  # transactions that run or wait
        self._url = url
        self._commits = 0  # since the log was moved
        self._checkpoint: asyncio.Task[None] | None = None
        self._writer: InlineConnection | None = None
        self._idle: list[InlineConnection] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: commits at the end, rolls back on an error."""
        self._writing += 1
        try:
            if self._writing == 1:  # a time limit costs more than what it would limit, where there is no waiting
                await self._turn.acquire()
            else:
                async with asyncio.timeout(self._wait):
                    await self._turn.acquire()
        except BaseException as error:
            self._writing -= 1
            if isinstance(error, TimeoutError):
                raise PoolTimeoutError("other transactions take too long") from None
            raise
        try:
            writer = self._writer = self._writer or InlineConnection(self)
            await writer.begin_immediate()
            try:
                yield writer
                writer.run("COMMIT")
                self._committed()
            except BaseException:
                if writer.raw.in_transaction:
                    writer.raw.execute("ROLLBACK")
                raise
        finally:
            self._writing -= 1
            self._turn.release()
        await asyncio.sleep(0)  # nothing here waits: who writes again and again must let others have their turn

    def connect(self) -> AsyncConnection:
        """A connection for reading, as an asynchronous context: what each statement sees was committed before it."""
        return self._idle.pop() if self._idle else InlineConnection(self, readers=self._idle)

    def _committed(self) -> None:
        self._commits += 1
        if self._commits >= COMMITS and (self._checkpoint is None or self._checkpoint.done()):
            self._commits = 0
            self._checkpoint = asyncio.create_task(asyncio.to_thread(self._move_log))

    def _move_log(self) -> None:
        """Move what the write-ahead log holds to its place in the file. It waits for the disk, and nobody for it."""
        address = f"{Path(str(self._url.database)).absolute().as_uri()}?mode=rw"
        # What cannot be done just now (another process does the same) is done after the next commits.
        with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    async def dispose(self) -> None:
        """Close every connection that is not in use."""
        if self._checkpoint is not None:
            await self._checkpoint
        for connection in (*self._idle, *([self._writer] if self._writer else ())):
            connection.sync_connection.close()
        self._idle.clear()
        self._writer = None


class InlineConnection(AsyncConnection):
    """SQLAlchemy's asynchronous connection, without its way through greenlets.

    Args:
        readers: where it goes after use, when it is for reading.
    """

    sync_connection: Any

    def __init__(self, engine: InlineEngine, readers: list[InlineConnection] | None = None) -> None:
        # SQLAlchemy leaves transactions alone: this module opens and ends them.
        connection = engine.sync_engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        super().__init__(engine, connection)  # type: ignore[arg-type]
        self._readers = readers
        self.raw: sqlite3.Connection = self.sync_connection.connection.dbapi_connection
        if readers is None:
            # SQLite would move its log within the commit that fills it, and wait for the disk meanwhile.
            _set(self.raw, "busy_timeout=0", "wal_autocheckpoint=0")
        else:
            prepare_reader(self.raw)

    async def __aenter__(self) -> InlineConnection:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._readers is not None:
            self._readers.append(self)

    async def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        """As SQLAlchemy's; it never waits."""
        if statement not in _PREPARED:
            return self.sync_connection.execute(statement, parameters, execution_options=execution_options)
        ready = _PREPARED[statement]
        if ready is None:
            ready = _PREPARED[statement] = _Prepared(statement)
        return ready.run(self, parameters or {})

    async def exec_driver_sql(self, statement: str, parameters: Any = None, execution_options: Any = None) -> Any:
        """As SQLAlchemy's."""
        return self.sync_connection.exec_driver_sql(statement, parameters, execution_options)

    async def begin_immediate(self) -> None:
        """Take the writer's lock, letting others run while another process holds it.

        Raises:
            OperationalError: it was not to be had.
        """
        deadline = time.monotonic() + LOCK_WAIT
        while time.monotonic() < deadline:
            try:
                self.raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
            await asyncio.sleep(LOCK_PAUSE)
        self.run("BEGIN IMMEDIATE")  # tells why

    def run(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Run SQL; an error is SQLAlchemy's, without the values."""
        try:
            if isinstance(parameters, list):
                return self.raw.executemany(sql, parameters)
            return self.raw.execute(sql, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True) from error


class _Prepared:
    """A statement as SQL with named parameters."""

    def __init__(self, statement: Any) -> None:
        compiled = statement.compile(dialect=_NAMED)
        self._sql = str(compiled)
        self._given = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        columns = list(getattr(statement, "exported_columns", ()))
        self._names = SimpleResultMetaData([column.key for column in columns])
        readers = [column.type.dialect_impl(_NAMED).result_processor(_NAMED, None) for column in columns]
        self._readers = readers if any(readers) else None  # booleans, which SQLite keeps as numbers

    def run(self, connection: InlineConnection, parameters: Any) -> Rows:
        if self._given:
            several = isinstance(parameters, list)
            parameters = [self._given | row for row in parameters] if several else self._given | parameters
        cursor = connection.run(self._sql, parameters)
        rows: Iterable[Any] = cursor.fetchall()
        if self._readers is not None:
            rows = [
                tuple(read(value) if read else value for read, value in zip(self._readers, row, strict=True))
                for row in rows
            ]
        return Rows(self._names, rows, cursor.rowcount)


class Rows(IteratorResult[Any]):
    """What a prepared statement found, or the number of rows that it changed."""

    def __init__(self, names: SimpleResultMetaData, rows: Iterable[Any], rowcount: int) -> None:
        super().__init__(names, iter(rows))
        self.rowcount = rowcount


_NAMED = SQLiteDialect_pysqlite(paramstyle="named")
_PREPARED: WeakKeyDictionary[Any, _Prepared | None] = WeakKeyDictionary()


def prepare_reader(connection: Any, record: object = None) -> None:
    """SQLAlchemy's `connect` event, for a connection that only reads."""
    _set(connection, "query_only=ON", "busy_timeout=200")  # waits only after a crash, while another one mends the log


def _set(connection: Any, *more: str) -> None:
    connection.isolation_level = None  # transactions are opened here, not by the driver
    cursor = connection.cursor()
    for pragma in (
        # The first connection may have to wait until another process has turned WAL mode on; later ones never wait.
        "busy_timeout=5000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted is overwritten: a forgotten conversation is not to be found in the file
        *more,
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
