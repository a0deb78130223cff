"""How often something may happen: sliding windows in this process's memory, or in Redis for all replicas."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from bot.settings import Rate

REDIS_TIMEOUT = 1.0  # seconds; a limiter that hangs is a limiter that is down
PAUSE = 2.0  # seconds for which a store that hung is not asked again: a request asks it several times
SWEEP = 60.0  # seconds between two looks for windows in memory that nobody needs any more


class LimiterUnavailable(Exception):
    """The limiter's store cannot be reached; whether to refuse or to go on is the caller's choice."""


class _Memory:
    """Windows in this process's memory. (limits' own hands every window that it knows to a thread at every hit.)"""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, Rate], deque[float]] = {}
        self._sweep_at = 0.0

    def judge(self, name: str, key: str, rate: Rate, *, count: bool) -> int:
        """0 within the rate, otherwise whole seconds until one more is; counts it where that is wanted."""
        now = time.time()
        if now >= self._sweep_at:
            self._sweep(now)
        window = self._windows.get((name, key, rate), deque[float]())
        while window and window[0] <= now - rate.seconds:
            window.popleft()
        if len(window) < rate.count:
            if count:
                window.append(now)
                self._windows[name, key, rate] = window
            return 0
        return max(1, math.ceil(window[0] + rate.seconds - now)) if window else rate.seconds

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + SWEEP
        for place, window in list(self._windows.items()):
            if not window or window[-1] <= now - place[2].seconds:
                del self._windows[place]


class Limiter:
    """Counts by name and key.

    Args:
        redis_url: empty for this process's memory.
    """

    def __init__(self, redis_url: str = "") -> None:
        self._memory = _Memory()
        self._redis: RedisStorage | None = None
        if redis_url:
            self._redis = RedisStorage(
                f"async+{redis_url}" if redis_url.startswith("redis") else f"async+redis+{redis_url}",
                wrap_exceptions=True, implementation="redispy", key_prefix="twostep",
                socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT,
            )
            self._strategy = MovingWindowRateLimiter(self._redis)
        self._down_until = 0.0

    async def hit(self, name: str, key: str, rate: Rate) -> int:
        """Count one and judge it: 0 when it is within the rate, otherwise whole seconds until one more is.

        Raises:
            LimiterUnavailable: nothing was counted.
        """
        if self._redis is None:
            return self._memory.judge(name, key, rate, count=True)
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
        if self._redis is None:
            return self._memory.judge(name, key, rate, count=False)
        item = RateLimitItemPerSecond(rate.count, rate.seconds)
        with self._asking():
            return 0 if await self._strategy.test(item, name, key) else await self._wait(item, name, key)

    async def ping(self) -> None:
        """Raise LimiterUnavailable when the store does not answer."""
        with self._asking():
            if self._redis is not None and not await self._redis.check():
                raise OSError("no answer")

    async def close(self) -> None:
        """Close the connections to Redis, where there are any."""
        if self._redis is not None:
            bridge: Any = self._redis.bridge  # redis-py's, as chosen above; limits does not type it
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
