"""One conversation at a time: the order of a patient's messages is the order of the answers.

Within a process an asyncio lock, first come first served. Between replicas, on top of it, a Redis lock or a PostgreSQL
advisory lock; a process never competes with itself for those.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import LockError, RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LEASE = 30.0  # seconds after which another replica may go on when this one died holding the lock
WAIT = 20.0  # seconds to wait for another replica's turn


class LockUnavailable(Exception):
    """The lock could not be had: its store is down, or another replica holds it for too long."""


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


class RedisLock:
    """A lock with a lease in Redis (redis-py's token-checked lock)."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3)

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Hold it for one turn."""
        lock = self._redis.lock(f"twostep:turn:{conversation}", timeout=LEASE, sleep=0.02, blocking_timeout=WAIT)
        try:
            if not await lock.acquire():
                raise LockUnavailable("another replica is still answering")
        except RedisError as error:
            raise LockUnavailable(str(error)) from error
        try:
            yield
        finally:
            try:
                await lock.release()
            except (LockError, RedisError):
                pass  # the lease ends by itself; the turn is done and must not fail for it

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class PostgresLock:
    """An advisory lock held by a connection of its own, so that it ends with the process that held it."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 3})

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Hold it for one turn."""
        key = int.from_bytes(hashlib.blake2b(conversation.encode(), digest_size=8).digest(), signed=True)
        try:
            connection = await self._engine.connect()
        except SQLAlchemyError as error:
            raise LockUnavailable(str(error)) from error
        try:
            try:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{int(WAIT)}s'"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            except SQLAlchemyError as error:
                raise LockUnavailable(str(error)) from error
            yield
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


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
    if redis_url:
        return ConversationLocks(RedisLock(redis_url))
    if database_url.startswith("postgresql"):
        return ConversationLocks(PostgresLock(database_url))
    return ConversationLocks(SingleProcess())
