"""Deletes patients' words when their time is over (TWOSTEP_RETENTION_DAYS); figures stay."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from bot.db import Clock

log = logging.getLogger("twostep.retention")

DAY = 24 * 3600 * 1000  # milliseconds
EVERY = 3600.0  # seconds between two runs


Prune = Callable[[int], Awaitable[object]]
"""`prune(before)`: deletes what is older than that, milliseconds UTC."""


class Retention:
    """Prunes at start and every hour; one part that fails keeps no other from its work.

    Args:
        prunes: each part's name and how it prunes, in order.
    """

    def __init__(self, days: int, clock: Clock, prunes: Mapping[str, Prune]) -> None:
        self._age = days * DAY
        self._clock = clock
        self._prunes = dict(prunes)
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def run_once(self) -> None:
        """Prune every part now."""
        before = self._clock() - self._age
        for name, prune in self._prunes.items():
            if self._ending.is_set():
                return
            try:
                await prune(before)
            except Exception as error:
                log.error("not pruned", extra={"part": name, "error": type(error).__name__})

    async def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """End after the part that is being pruned: cancelled while connecting, it would leak a connection."""
        self._ending.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self.run_once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), EVERY)
