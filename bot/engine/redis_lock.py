"""A conversation's lock in Redis (see locks.py)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.lock import Lock
from redis.exceptions import LockError, RedisError

from bot.engine.locks import STORE_TIMEOUT, WAIT, LockStoreDown, LockUnavailable

LEASE = 5.0  # seconds after which another replica may go on when this one died; renewed while the turn lasts

log = logging.getLogger("twostep.engine")


class RedisLock:
    """A lock with a lease in Redis (redis-py's token-checked lock)."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=STORE_TIMEOUT, socket_connect_timeout=STORE_TIMEOUT)

    @asynccontextmanager
    async def hold(self, conversation: str) -> AsyncIterator[None]:
        """Hold it for one turn."""
        lock = self._redis.lock(f"twostep:turn:{conversation}", timeout=LEASE, sleep=0.02, blocking_timeout=WAIT)
        try:
            if not await lock.acquire():
                raise LockUnavailable("another replica is still answering")
        except (RedisError, OSError) as error:
            raise LockStoreDown(type(error).__name__) from error
        renewing = asyncio.create_task(_renew(lock))
        try:
            yield
        finally:
            renewing.cancel()
            try:
                await lock.release()
            except (LockError, RedisError, OSError):
                pass  # the lease ends by itself; the turn is done and must not fail for it

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


async def _renew(lock: Lock) -> None:
    while True:
        await asyncio.sleep(LEASE / 3)
        try:
            await lock.reacquire()
        except (LockError, RedisError, OSError) as error:  # the lease may still hold; the next renewal will tell
            log.warning("lock not renewed", extra={"error": type(error).__name__})
