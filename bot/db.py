"""The database: one engine, one metadata, one clock for every topic's store.

SQLite and PostgreSQL run the same statements. On SQLite all writing goes through one connection that opens its
transactions with BEGIN IMMEDIATE (a deferred BEGIN that later writes fails with "database is locked" under load);
reading has connections of its own, which WAL mode keeps from waiting for the writer.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.sqlite import InlineEngine, prepare_reader
from bot.sqlite import prepared as prepared  # for the stores

log = logging.getLogger("twostep.database")

Clock = Callable[[], int]
"""Gives the time as integer milliseconds since 1970-01-01 UTC. Passed in; never the client's."""

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)
"""What SQLAlchemy raises when the database cannot be reached just now."""


class DatabaseUnusable(Exception):
    """The database cannot be opened as the settings say; the message names the cause and the mend, in one line."""


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MIGRATION_LOCK = 0x7573_7465_70  # any fixed number: replicas that start together migrate one after another
POSTGRESQL = {
    # A server that vanished without a word is noticed within seconds (libpq counts the last one in milliseconds).
    "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2, "tcp_user_timeout": 5000,
}
_MEND = "check TWOSTEP_DATABASE_URL, or TWOSTEP_DATA_DIR where that is empty"
POOL_TIMEOUT = 3.0  # below the time limit of a turn


def system_clock() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class Database:
    """Connections to one database. Nothing connects before the first use.

    Args:
        url: `sqlite+aiosqlite:///FILE` or `postgresql+psycopg://...`.
        pool_timeout: seconds to wait for a connection, one that is free or a new one.

    Raises:
        DatabaseUnusable: the folder of the file cannot be made.
    """

    def __init__(self, url: str, *, pool_timeout: float = POOL_TIMEOUT) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer: AsyncEngine | InlineEngine
        self._reader: AsyncEngine | InlineEngine
        self._scanner: AsyncEngine
        if self.is_sqlite:
            if self.url.database:
                _make_folder(Path(self.url.database).parent)
            self._writer = self._reader = InlineEngine(self.url, wait=pool_timeout)
            self._scanner = create_async_engine(self.url, pool_size=2, max_overflow=0, pool_timeout=pool_timeout)
            event.listen(self._scanner.sync_engine, "connect", prepare_reader)
        else:
            self._writer = create_async_engine(
                self.url, pool_size=10, max_overflow=10, pool_timeout=pool_timeout, pool_pre_ping=True,
                connect_args=POSTGRESQL | {"connect_timeout": math.ceil(pool_timeout)},
            )
            # The same connections. Reading needs no transaction, whose end would be one more round trip; reading far
            # does: what comes row by row comes from a cursor, which lives in one.
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
            self._scanner = self._writer

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction: commits at the end, rolls back on an error. No network and no argon2 inside it."""
        return self._writer.begin()

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for reading; what it sees was committed before."""
        return self._reader.connect()

    def scan(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """The same for what reads far, such as a report: on SQLite in a thread, so that patients need not wait."""
        return self._scanner.connect()

    def insert(self, table: Any) -> Any:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, for either database."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def ping(self) -> None:
        """Raise one of `UNAVAILABLE` when the database does not answer."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def wipe_log(self) -> None:
        """After deleting: let nothing deleted stand in SQLite's write-ahead log, unless somebody reads just now."""
        if self.is_sqlite:
            async with self.read() as connection:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Close every connection."""
        for engine in {self._writer, self._scanner}:
            await engine.dispose()

    # Alembic is synchronous; these are for the command line and for a thread at start.

    def migrate(self) -> None:
        """Bring the tables to the newest revision. Safe when several replicas start at once.

        A revision that this code does not know is a newer release's: its tables are left as they are, so that a
        replica of the release before can still start beside it (docs/production.md says what a revision may do).

        Raises:
            DatabaseUnusable
        """
        with self._plain_connection() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            config = _alembic_config()
            current = MigrationContext.configure(connection).get_current_revision()
            if is_newer(current):
                log.warning("the database is of a newer release", extra={"reason": current})
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    def revision(self) -> tuple[str | None, str | None]:
        """The revision that the database has, and the newest that this code knows.

        Raises:
            DatabaseUnusable
        """
        with self._plain_connection() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        return current, ScriptDirectory.from_config(_alembic_config()).get_current_head()

    def _plain_connection(self) -> Connection:
        url = self.url.set(drivername="sqlite" if self.is_sqlite else "postgresql+psycopg")
        try:
            connection = create_engine(url, poolclass=NullPool).connect()
            if self.is_sqlite:
                connection.exec_driver_sql("PRAGMA busy_timeout=10000")
                # WAL mode stays; turning it on later would need a free file.
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.commit()
        except DBAPIError as error:
            name = self.url.database if self.is_sqlite else self.url.render_as_string(hide_password=True)
            raise DatabaseUnusable(f"{name}: {cause_of(error)}; {_MEND}") from error
        return connection


def cause_of(error: BaseException) -> str:
    """What the driver said, in one line."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)


def is_newer(revision: str | None) -> bool:
    """True for a revision of a later release, which this code does not know."""
    known = {script.revision for script in ScriptDirectory.from_config(_alembic_config()).walk_revisions()}
    return revision is not None and revision not in known


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(f"{folder}: {error.strerror or error}; {_MEND}") from error


def is_conflict(error: DBAPIError) -> bool:
    """True when a unique or foreign key refused the statement, rather than the database being away."""
    return error.__class__.__name__ == "IntegrityError"


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config

