"""SQLite inside the event loop, for statements that take microseconds.

aiosqlite hands each step of a statement (open a cursor, execute, fetch, close) to a thread and waits for it: some 120
hand-overs a message, which cost several times what SQLite itself does. Here statements run where they stand. Nothing in
them waits: the writer's lock is asked for without waiting and asked for again later (`begin_immediate`), and WAL mode
keeps readers from waiting at all. What reads far (reports) belongs on a connection of its own thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.util import await_only

DRIVER = "sqlite+inline"
LOCK_WAIT = 5.0  # seconds for which a writer asks for the lock that another process holds
LOCK_PAUSE = 0.005  # seconds between two tries


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """SQLAlchemy's asynchronous result asks for this; there is nothing to wait for."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        """A cursor that knows it is used asynchronously."""
        return super().cursor(factory)


class InlineSQLite(SQLiteDialect_pysqlite):
    """The standard library's driver behind SQLAlchemy's asynchronous engine."""

    driver = "inline"
    is_async = True
    supports_statement_cache = True

    def create_connect_args(self, url: Any) -> Any:
        """Its connections make cursors of ours."""
        arguments, options = super().create_connect_args(url)
        return arguments, {**options, "factory": _Connection}

    @classmethod
    def get_pool_class(cls, url: Any) -> type[Pool]:
        """Connections are waited for in the loop."""
        return AsyncAdaptedQueuePool

    def get_driver_connection(self, connection: Any) -> Any:
        """There is no adapter between."""
        return connection

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Execute in place. SQLAlchemy wants to see one `await` in it, or suspects a driver that blocks."""
        await_only(_nothing())
        cursor.execute(statement, parameters)

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """The same for many rows."""
        await_only(_nothing())
        cursor.executemany(statement, parameters)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        """The same without parameters."""
        await_only(_nothing())
        cursor.execute(statement)


async def _nothing() -> None:
    """Awaited without leaving the running task."""


def begin_immediate(connection: Connection) -> None:
    """SQLAlchemy's `begin` event: take the writer's lock, letting others run while another process holds it.

    Raises:
        OperationalError: it was not to be had.
    """
    raw: Any = connection.connection.dbapi_connection
    deadline = time.monotonic() + LOCK_WAIT
    while time.monotonic() < deadline:
        try:
            raw.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                break
        await_only(asyncio.sleep(LOCK_PAUSE))
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises it as SQLAlchemy's error


registry.register("sqlite.inline", "bot.sqlite", "InlineSQLite")
