"""Takes messages from the outbox, hands them to a gateway, writes down what came of it.

It may be killed at any point. What it held then is free again when its lease ends; since the message may have gone
out, it is sent once more at most, with the same text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from bot.db import UNAVAILABLE, Clock
from bot.delivery.breaker import Alarm, Breaker
from bot.delivery.model import (
    AmbiguousFailure,
    Finished,
    Gateway,
    Kind,
    Misconfigured,
    OptedOut,
    Outgoing,
    PermanentFailure,
    TransientFailure,
)
from bot.delivery.store import Claimed, OutboxStore
from bot.events import CodeDelivery, Record

log = logging.getLogger("twostep.delivery")

SEND_TIMEOUT = 5.0  # seconds a try; Twilio's async client ignores its own
LEASE = 15_000  # milliseconds: well beyond a try
AT_ONCE = 8
POLL = 0.5  # seconds, when nobody wakes us: another process wrote, or a retry is due


def log_alarm(channel: str, error: str) -> None:
    """The usual alarm: an error in the log."""
    log.error("messages are not getting out", extra={"part": channel, "error": error})


class Worker:
    """The outbox's worker; any number may run, in any number of processes.

    Args:
        gateways: by channel.
        alarm: called when a provider's breaker opens.
        lease: milliseconds after which what a dead worker held is taken over.
    """

    def __init__(
        self, store: OutboxStore, gateways: Mapping[str, Gateway], clock: Clock, record: Record, *,
        alarm: Alarm = log_alarm, lease: int = LEASE, timeout: float = SEND_TIMEOUT,
    ) -> None:
        self._store = store
        self._gateways = gateways
        self._clock = clock
        self._record = record
        self._lease = lease
        self._timeout = timeout
        self._breakers = {channel: Breaker(channel, alarm) for channel in gateways}
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Work in the background until `stop`."""
        self._task = asyncio.create_task(self._run(), name="delivery worker")

    async def stop(self) -> None:
        """Finish what is in hand, then end."""
        if self._task is not None:
            self._stopping = True
            self._store.wake()
            await asyncio.wait([self._task], timeout=self._timeout + 1)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for gateway in self._gateways.values():
            await gateway.close()

    async def turn(self) -> int:
        """Send what is due; gives how many messages were tried."""
        now = self._clock()
        if not await self._store.has_work(now):
            return 0
        for finished in await self._store.sweep(now):
            await self._finished(finished)
        claimed: list[Claimed] = []
        for channel, breaker in self._breakers.items():
            room = breaker.room(now, AT_ONCE)
            if room:
                claimed += await self._store.claim([channel], room, self._lease, now)
        await asyncio.gather(*(self._send(row) for row in claimed))
        return len(claimed)

    async def _run(self) -> None:
        while not self._stopping:
            self._store.waker.clear()
            try:
                busy = await self.turn()
            except UNAVAILABLE as error:
                log.error("the outbox cannot be reached", extra={"error": type(error).__name__})
                busy = 0
            except Exception as error:  # one odd row must not end all sending
                log.error("a turn of the outbox failed", extra={"error": type(error).__name__})
                busy = 0
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._store.waker.wait(), POLL)

    async def _send(self, row: Claimed) -> None:
        breaker = self._breakers[row.channel]
        now = self._clock()
        if now >= row.expires_at:
            await self._finished(await self._store.again(row, "late", now, ambiguous=False))
            return
        valid_for = min(max(1, (row.expires_at - now) // 1000), 36_000)
        message = Outgoing(row.id, row.channel, row.to, row.subject, row.body, valid_for)
        try:
            async with asyncio.timeout(self._timeout):
                provider_id = await self._gateways[row.channel].send(message)
        except OptedOut as failure:
            finished = await self._store.failed(row, failure.error, self._clock(), opted_out=True)
        except PermanentFailure as failure:
            finished = await self._store.failed(row, failure.error, self._clock())
        except TransientFailure as failure:
            breaker.failed(failure.error, self._clock(), at_once=isinstance(failure, Misconfigured))
            finished = await self._store.again(row, failure.error, self._clock(), ambiguous=False)
        except (AmbiguousFailure, TimeoutError) as failure:
            error = failure.error if isinstance(failure, AmbiguousFailure) else "timeout"
            breaker.failed(error, self._clock())
            finished = await self._store.again(row, error, self._clock(), ambiguous=True)
        else:
            breaker.succeeded()
            finished = await self._store.sent(row, provider_id, self._clock())
        await self._finished(finished)

    async def _finished(self, finished: Finished | None) -> None:
        if finished is not None and finished.kind is Kind.CODE:
            now = self._clock()
            await self._record(CodeDelivery(
                finished.channel, finished.state, finished.error, (now - finished.created_at) / 1000, now
            ))
