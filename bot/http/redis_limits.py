"""The windows of limits.py in Redis, for all replicas."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from bot.http.limits import LimiterUnavailable
from bot.settings import Rate

REDIS_TIMEOUT = 1.0  # seconds; a limiter that hangs is a limiter that is down
PAUSE = 2.0  # seconds for which a store that hung is not asked again: a request asks it several times


class RedisWindows:
    """Sliding windows in Redis (the library limits)."""

    def __init__(self, url: str) -> None:
        self._storage = RedisStorage(
            f"async+{url}" if url.startswith("redis") else f"async+redis+{url}",
            wrap_exceptions=True, implementation="redispy", key_prefix="twostep",
            socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT,
        )
        self._strategy = MovingWindowRateLimiter(self._storage)
        self._down_until = 0.0

    async def judge(self, name: str, key: str, rate: Rate, *, count: bool) -> int:
        """0 within the rate, otherwise whole seconds until one more is; counts it where that is wanted.

        Raises:
            LimiterUnavailable: Redis does not answer; nothing was counted.
        """
        item = RateLimitItemPerSecond(rate.count, rate.seconds)
        ask = self._strategy.hit if count else self._strategy.test
        with self._asking():
            if await ask(item, name, key):
                return 0
            stats = await self._strategy.get_window_stats(item, name, key)
            return max(1, math.ceil(stats.reset_time - time.time()))

    async def ping(self) -> None:
        """Raise LimiterUnavailable when Redis does not answer."""
        with self._asking():
            if not await self._storage.check():
                raise OSError("no answer")

    async def close(self) -> None:
        """Close the connections."""
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
