"""One conversation at a time: the order of a patient's messages is the order of the answers.

Within a process an asyncio lock, first come first served. Between replicas, on top of it, a Redis lock or a PostgreSQL
advisory lock; a process never competes with itself for those. While Redis is away, PostgreSQL's locks stand in for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.db import POSTGRESQL

WAIT = 8.0  # seconds to wait for another replica's turn: a patient is answered within 10
STORE_TIMEOUT = 1.0  # seconds; a store that hangs is a store that is down
PAUSE = 2.0  # seconds for which a store that hung is not asked again

log = logging.getLogger("twostep.engine")


class LockUnavailable(Exception):
    """The lock could not be had: its store is down, or another replica holds it for too long."""


class LockStoreDown(LockUnavailable):
    """The lock's store does not answer; another one could."""


class SharedLock(Protocol):
    """A lock between replicas."""

    def hold(self, conversation: str) -> AbstractAsyncContextManager[None]:
        """Hold it. Raises LockUnavailable."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class SingleProcess:
    """The null object: one process needs no lock between replicas."""

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Hold nothing."""
        yield

    async def close(self) -> None:
        """Nothing to close."""


class PostgresLock:
    """An advisory lock held by a connection of its own, so that it ends with the process that held it."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(url, poolclass=NullPool, connect_args=POSTGRESQL)

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Hold it for one turn."""
        key = int.from_bytes(hashlib.blake2b(conversation.encode(), digest_size=8).digest(), signed=True)
        try:
            connection = await self._engine.connect()
        except SQLAlchemyError as error:
            raise LockStoreDown(type(error).__name__) from error
        try:
            try:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{int(WAIT)}s'"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            except SQLAlchemyError as error:
                raise LockUnavailable(type(error).__name__) from error
            yield
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


class StandIn:
    """One store's locks, and another's while the first is down.

    Two replicas may disagree for a moment on which of the two it is. The channels' order of turns (`chat_turns`) does
    not depend on either.
    """

    def __init__(self, usual: SharedLock, other: SharedLock) -> None:
        self._usual = usual
        self._other = other
        self._down_until = 0.0

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Hold it in either store."""
        async with AsyncExitStack() as held:
            began = time.monotonic()
            if began >= self._down_until:
                try:
                    await held.enter_async_context(self._usual.hold(conversation))
                except LockStoreDown as error:
                    if time.monotonic() - began > STORE_TIMEOUT / 2:
                        self._down_until = time.monotonic() + PAUSE
                    log.warning("lock store down, using the other", extra={"error": str(error)})
                    await held.enter_async_context(self._other.hold(conversation))
            else:
                await held.enter_async_context(self._other.hold(conversation))
            yield

    async def close(self) -> None:
        """Close both."""
        await self._usual.close()
        await self._other.close()


class ConversationLocks:
    """Local order first, then the lock between replicas."""

    def __init__(self, shared: SharedLock) -> None:
        self._shared = shared
        self._local: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Wait for the conversation's earlier messages, then hold it.

        Raises:
            LockUnavailable: see there.
        """
        lock, waiting = self._local.get(conversation, (asyncio.Lock(), 0))
        self._local[conversation] = (lock, waiting + 1)
        try:
            async with lock, self._shared.hold(conversation):
                yield
        finally:
            lock, waiting = self._local[conversation]
            if waiting == 1:
                del self._local[conversation]
            else:
                self._local[conversation] = (lock, waiting - 1)

    async def close(self) -> None:
        """Close the shared lock's connections."""
        await self._shared.close()


def choose_locks(database_url: str, redis_url: str) -> ConversationLocks:
    """Redis where it is set, PostgreSQL's own locks on PostgreSQL, nothing between processes on SQLite."""
    on_postgresql = database_url.startswith("postgresql")
    if redis_url:
        from bot.engine.redis_lock import RedisLock  # a fifth of a start's imports, where there is a Redis
    if redis_url and on_postgresql:
        return ConversationLocks(StandIn(RedisLock(redis_url), PostgresLock(database_url)))
    if redis_url:
        return ConversationLocks(RedisLock(redis_url))
    if on_postgresql:
        return ConversationLocks(PostgresLock(database_url))
    return ConversationLocks(SingleProcess())
