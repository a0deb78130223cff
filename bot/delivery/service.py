"""Use cases of delivery beside the worker: opt-outs, and what providers report later."""

from __future__ import annotations

from bot.audit.model import Actor, By, Trail
from bot.db import Clock, Database
from bot.delivery.model import Kind, State
from bot.delivery.store import OutboxStore
from bot.events import CodeDelivery, Record

WORKER = By(Actor.WORKER)
GOOD = frozenset({"delivered", "read"})
BAD = frozenset({"undelivered", "failed"})


class DeliveryService:
    """Implements `bot.delivery.model.OptOuts`."""

    def __init__(self, database: Database, store: OutboxStore, trail: Trail, clock: Clock, record: Record) -> None:
        self._database = database
        self._store = store
        self._trail = trail
        self._clock = clock
        self._record = record

    async def stop(self, number: str) -> None:
        """The number wants no more texts."""
        async with self._database.write() as connection:
            await self._store.add_opt_out(connection, number, self._clock())
            await self._trail.append(
                connection, WORKER, "texts.stopped", at=self._clock(), subject=self._store.pseudonym(number)
            )

    async def start(self, number: str) -> None:
        """The number wants texts again."""
        async with self._database.write() as connection:
            await self._store.remove_opt_out(connection, number)
            await self._trail.append(
                connection, WORKER, "texts.started", at=self._clock(), subject=self._store.pseudonym(number)
            )

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
