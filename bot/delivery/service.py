"""Use cases of delivery beside the worker: what providers report later, and what is deleted in the end."""

from __future__ import annotations

from typing import Any

from bot.audit.model import Actor, By, Trail
from bot.db import Clock
from bot.delivery.model import Finished, Kind, State
from bot.delivery.store import OnFinal, OutboxStore
from bot.events import CodeDelivery, Record

GOOD = frozenset({"delivered", "read"})
BAD = frozenset({"undelivered", "failed"})


def recorded_in(trail: Trail) -> OnFinal:
    """Write into the audit record what the worker made of each message."""

    async def write(connection: Any, finished: Finished, now: int) -> None:
        await trail.append(
            connection, By(Actor.WORKER), f"message.{finished.state}", at=now, subject=finished.id,
            rule=finished.error or finished.channel,
        )

    return write


class DeliveryService:
    """What becomes of messages after the worker."""

    def __init__(self, store: OutboxStore, clock: Clock, record: Record) -> None:
        self._store = store
        self._clock = clock
        self._record = record

    async def report(self, message: str, provider_id: str, status: str, error: str | None) -> None:
        """Take Twilio's report of a message (MessageStatus); the same one again changes nothing."""
        if status not in GOOD | BAD:
            return
        now = self._clock()
        delivered = status in GOOD
        changed = await self._store.status(message, provider_id, delivered, None if delivered else error, now)
        row = await self._store.get(message) if changed else None
        if row is not None and row.kind == Kind.CODE:
            state = State.DELIVERED if delivered else State.FAILED
            await self._record(CodeDelivery(
                row.channel, state, None if delivered else error, (now - row.created_at) / 1000, now
            ))

    async def prune(self, before: int) -> None:
        """Delete messages that became final before this time (ms)."""
        await self._store.prune(before)
