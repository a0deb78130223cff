"""How often something may happen: sliding windows in this process's memory, or in Redis for all replicas."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from bot.settings import Rate

REDIS_TIMEOUT = 1.0  # seconds; a limiter that hangs is a limiter that is down
PAUSE = 2.0  # seconds for which a store that hung is not asked again: a request asks it several times


class LimiterUnavailable(Exception):
    """The limiter's store cannot be reached; whether to refuse or to go on is the caller's choice."""


class Limiter:
    """Counts by name and key.

    Args:
        redis_url: empty for this process's memory.
    """

    def __init__(self, redis_url: str = "") -> None:
        self._storage: Storage
        if redis_url:
            self._storage = RedisStorage(
                f"async+{redis_url}" if redis_url.startswith("redis") else f"async+redis+{redis_url}",
                wrap_exceptions=True, implementation="redispy", key_prefix="twostep",
                socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT,
            )
        else:
            self._storage = MemoryStorage()
        self._strategy = MovingWindowRateLimiter(self._storage)
        self._down_until = 0.0

    async def hit(self, name: str, key: str, rate: Rate) -> int:
        """Count one and judge it: 0 when it is within the rate, otherwise whole seconds until one more is.

        Raises:
            LimiterUnavailable: nothing was counted.
        """
        item = RateLimitItemPerSecond(rate.count, rate.seconds)
        with self._asking():
            if await self._strategy.hit(item, name, key):
                return 0
            return await self._wait(item, name, key)

    async def check(self, name: str, key: str, rate: Rate) -> int:
        """Judge without counting: 0 when one more is within the rate, otherwise whole seconds until it is.

        Raises:
            LimiterUnavailable: the store does not answer.
        """
        item = RateLimitItemPerSecond(rate.count, rate.seconds)
        with self._asking():
            return 0 if await self._strategy.test(item, name, key) else await self._wait(item, name, key)

    async def ping(self) -> None:
        """Raise LimiterUnavailable when the store does not answer."""
        with self._asking():
            if not await self._storage.check():
                raise OSError("no answer")

    async def close(self) -> None:
        """Close the connections to Redis, where there are any."""
        if isinstance(self._storage, RedisStorage):
            bridge: Any = self._storage.bridge  # redis-py's, as chosen above; limits does not type it
            await bridge.storage.aclose()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if time.monotonic() < self._down_until:
            raise LimiterUnavailable("it was down a moment ago")
        began = time.monotonic()
        try:
            yield
        except (StorageError, OSError) as error:
            if time.monotonic() - began > REDIS_TIMEOUT / 2:  # it hangs; where it refuses, asking again costs nothing
                self._down_until = time.monotonic() + PAUSE
            raise LimiterUnavailable(type(error).__name__) from error

    async def _wait(self, item: RateLimitItemPerSecond, name: str, key: str) -> int:
        stats = await self._strategy.get_window_stats(item, name, key)
        return max(1, math.ceil(stats.reset_time - time.time()))
