"""How often something may happen: sliding windows in this process's memory, or in Redis for all replicas."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

from bot.settings import Rate

if TYPE_CHECKING:
    from bot.http.redis_limits import RedisWindows

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
        self._redis: RedisWindows | None = None
        if redis_url:
            from bot.http.redis_limits import RedisWindows  # a fifth of a start's imports, where there is a Redis

            self._redis = RedisWindows(redis_url)

    async def hit(self, name: str, key: str, rate: Rate) -> int:
        """Count one and judge it: 0 when it is within the rate, otherwise whole seconds until one more is.

        Raises:
            LimiterUnavailable: nothing was counted.
        """
        return await self._judge(name, key, rate, count=True)

    async def check(self, name: str, key: str, rate: Rate) -> int:
        """Judge without counting: 0 when one more is within the rate, otherwise whole seconds until it is.

        Raises:
            LimiterUnavailable: the store does not answer.
        """
        return await self._judge(name, key, rate, count=False)

    async def _judge(self, name: str, key: str, rate: Rate, *, count: bool) -> int:
        if self._redis is not None:
            return await self._redis.judge(name, key, rate, count=count)
        return self._memory.judge(name, key, rate, count=count)

    async def ping(self) -> None:
        """Raise LimiterUnavailable when the store does not answer."""
        if self._redis is not None:
            await self._redis.ping()

    async def close(self) -> None:
        """Close the connections to Redis, where there are any."""
        if self._redis is not None:
            await self._redis.close()
