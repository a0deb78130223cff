"""STOP and START for each of the practice's numbers: what a patient says to one leaves the others alone."""

from __future__ import annotations

from bot.audit.model import Actor, By, Trail
from bot.db import Clock, Database
from bot.delivery.store import OutboxStore


class SenderOptOuts:
    """Who wants no more texts, and from which number.

    Those from the code sender count by the patient's number alone, since that is what the outbox asks before it sends;
    those from another number of ours count by both.

    Args:
        code_sender: our number, or messaging service, that codes come from (TWOSTEP_CODE_SENDER).
    """

    def __init__(self, database: Database, store: OutboxStore, trail: Trail, clock: Clock, code_sender: str) -> None:
        self._database = database
        self._store = store
        self._trail = trail
        self._clock = clock
        self._code_sender = code_sender

    async def opted_out(self, number: str, ours: str) -> bool:
        """True when `number` said STOP to `ours` and not START since."""
        async with self._database.read() as connection:
            return await self._store.opted_out(connection, self._key(number, ours))

    async def stop(self, number: str, ours: str) -> None:
        """`number` wants no more texts from `ours`."""
        async with self._database.write() as connection:
            now = self._clock()
            await self._store.add_opt_out(connection, self._key(number, ours), now)
            await self._append(connection, "texts.stopped", number, ours, now)

    async def start(self, number: str, ours: str) -> None:
        """`number` wants texts from `ours` again."""
        async with self._database.write() as connection:
            await self._store.remove_opt_out(connection, self._key(number, ours))
            await self._append(connection, "texts.started", number, ours, self._clock())

    def _key(self, number: str, ours: str) -> str:
        return number if ours == self._code_sender else f"{number} from {ours}"

    async def _append(self, connection: object, action: str, number: str, ours: str, now: int) -> None:
        rule = "code sender" if ours == self._code_sender else "help sender"
        await self._trail.append(
            connection, By.here(Actor.USER), action, at=now, subject=self._store.pseudonym(number), rule=rule
        )
