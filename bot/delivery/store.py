"""The outbox and the opt-outs in the database. Destination and text are encrypted; the text goes once it is final."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import Database, metadata, prepared
from bot.delivery.model import TRIES, Finished, Kind, Message, State, backoff
from bot.privacy import Keys

outbox = Table(
    "outbox", metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("about", String(64), nullable=False, index=True),
    Column("destination", LargeBinary, nullable=False),
    Column("lookup", String(32), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("body", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("ambiguous", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("provider_id", String(64)),
    Column("error", String(64)),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, index=True),
    Index("ix_outbox_state_next_at", "state", "next_at"),
)
opt_outs = Table(
    "opt_outs", metadata,
    Column("lookup", String(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
DESTINATION, BODY, NUMBER = "outbox.destination", "outbox.body", "opt_outs.number"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row in the worker's hands."""

    id: str
    kind: Kind
    channel: str
    to: str
    subject: str
    body: str
    tries: int
    ambiguous: int
    created_at: int
    expires_at: int


OnFinal = Callable[[AsyncConnection, Finished, int], Awaitable[None]]
"""Told of a message that the worker finished, at this time, in the transaction that says so."""


async def tell_nobody(connection: AsyncConnection, finished: Finished, now: int) -> None:
    """For tests and tools without an audit record."""


# Asked twice a second by every process.
_DUE = prepared(
    select(outbox.c.id).where(or_(
        (outbox.c.state == State.QUEUED.value)
        & ((outbox.c.next_at <= bindparam("now")) | (outbox.c.expires_at <= bindparam("now"))),
        (outbox.c.state == State.SENDING.value) & (outbox.c.lease_until <= bindparam("now")),
    )).limit(1)
)


class OutboxStore:
    """Implements `bot.delivery.model.Outbox`; the worker's side of the table too."""

    def __init__(self, database: Database, keys: Keys, on_final: OnFinal = tell_nobody) -> None:
        self._database = database
        self._keys = keys
        self._on_final = on_final
        self.waker = asyncio.Event()

    async def put(self, connection: AsyncConnection, message: Message, now: int) -> str:
        """Queue a message."""
        row_id = secrets.token_hex(16)
        await connection.execute(outbox.insert().values(
            id=row_id, kind=message.kind, channel=message.channel, about=message.about,
            destination=self._keys.seal(DESTINATION, message.to),
            lookup=self._keys.pseudonym(message.channel, message.to), subject=message.subject,
            body=self._keys.seal(BODY, message.body), state=State.QUEUED, tries=0, ambiguous=0, next_at=now,
            expires_at=message.expires_at, lease_until=0, created_at=now,
        ))
        return row_id

    async def cancel(self, connection: AsyncConnection, about: str, now: int) -> None:
        """Drop what is queued; what is in the worker's hands is not tried again."""
        await connection.execute(
            update(outbox).where(outbox.c.about == about, outbox.c.state == State.QUEUED)
            .values(state=State.CANCELLED, body=None, finished_at=now)
        )
        await connection.execute(
            update(outbox).where(outbox.c.about == about, outbox.c.state == State.SENDING).values(expires_at=now)
        )

    def wake(self) -> None:
        """Tell the worker of this process that something was committed."""
        self.waker.set()

    # opt-outs

    async def opted_out(self, connection: AsyncConnection, number: str) -> bool:
        """True when the number asked for no more texts."""
        lookup = self._keys.pseudonym("sms", number)
        return (await connection.execute(select(opt_outs.c.at).where(opt_outs.c.lookup == lookup))).first() is not None

    async def add_opt_out(self, connection: AsyncConnection, number: str, now: int) -> None:
        """Remember that the number wants no more texts."""
        await connection.execute(self._database.insert(opt_outs).on_conflict_do_nothing().values(
            lookup=self._keys.pseudonym("sms", number), sealed=self._keys.seal(NUMBER, number), at=now
        ))

    async def remove_opt_out(self, connection: AsyncConnection, number: str) -> None:
        """The number wants texts again."""
        await connection.execute(delete(opt_outs).where(opt_outs.c.lookup == self._keys.pseudonym("sms", number)))

    def pseudonym(self, number: str) -> str:
        """The number's keyed stand-in, for the audit record."""
        return self._keys.pseudonym("sms", number)

    # the worker's side

    async def has_work(self, now: int) -> bool:
        """Whether anything is due, without taking the write lock."""
        async with self._database.read() as connection:
            return (await connection.execute(_DUE, {"now": now})).first() is not None

    async def sweep(self, now: int) -> list[Finished]:
        """Take back what a dead worker held (perhaps sent: once more, with the same text), end what is too late."""
        ended: list[Finished] = []
        async with self._database.write() as connection:
            held = (await connection.execute(
                select(outbox).where(outbox.c.state == State.SENDING, outbox.c.lease_until <= now)
                .with_for_update(skip_locked=True)
            )).all()
            for row in held:
                if row.ambiguous or row.tries >= TRIES[Kind(row.kind)]:
                    ended.append(await self._finish(connection, row, State.FAILED, "unknown", now))
                else:
                    await connection.execute(
                        update(outbox).where(outbox.c.id == row.id)
                        .values(state=State.QUEUED, ambiguous=1, next_at=now)
                    )
            late = (await connection.execute(
                select(outbox).where(outbox.c.state == State.QUEUED, outbox.c.expires_at <= now)
                .with_for_update(skip_locked=True)
            )).all()
            for row in late:
                ended.append(await self._finish(connection, row, State.EXPIRED, row.error, now))
        return ended

    async def claim(self, channels: Collection[str], most: int, lease: int, now: int) -> list[Claimed]:
        """Take due rows; they are this worker's for `lease` milliseconds."""
        async with self._database.write() as connection:
            rows = (await connection.execute(
                select(outbox).where(
                    outbox.c.state == State.QUEUED, outbox.c.next_at <= now, outbox.c.expires_at > now,
                    outbox.c.channel.in_(channels),
                ).order_by(outbox.c.next_at, outbox.c.created_at).limit(most).with_for_update(skip_locked=True)
            )).all()
            if rows:
                await connection.execute(
                    update(outbox).where(outbox.c.id.in_([row.id for row in rows]))
                    .values(state=State.SENDING, lease_until=now + lease, tries=outbox.c.tries + 1)
                )
        return [
            Claimed(
                row.id, Kind(row.kind), row.channel, self._keys.open(DESTINATION, row.destination), row.subject,
                self._keys.open(BODY, row.body), row.tries + 1, row.ambiguous, row.created_at, row.expires_at,
            )
            for row in rows
        ]

    async def sent(self, row: Claimed, provider_id: str, now: int) -> Finished | None:
        """The provider has it. None when a status callback was faster."""
        return await self._leave_sending(row, State.SENT, None, now, provider_id=provider_id)

    async def failed(self, row: Claimed, error: str, now: int, *, opted_out: bool = False) -> Finished | None:
        """It will not be sent."""
        if opted_out:
            async with self._database.write() as connection:
                await self.add_opt_out(connection, row.to, now)
        return await self._leave_sending(row, State.FAILED, error, now)

    async def again(self, row: Claimed, error: str, now: int, *, ambiguous: bool) -> Finished | None:
        """Try once more later, as long as tries, the one ambiguous repeat and the message's life allow."""
        next_at = now + backoff(row.tries) * 1000
        if row.tries >= TRIES[row.kind] or (ambiguous and row.ambiguous):
            return await self._leave_sending(row, State.FAILED, error, now)
        if next_at >= row.expires_at:
            return await self._leave_sending(row, State.EXPIRED, error, now)
        async with self._database.write() as connection:
            await connection.execute(
                update(outbox).where(outbox.c.id == row.id, outbox.c.state == State.SENDING)
                .values(state=State.QUEUED, next_at=next_at, error=error, ambiguous=row.ambiguous + int(ambiguous))
            )
        return None

    async def status(self, row_id: str, provider_id: str, delivered: bool, error: str | None, now: int) -> bool:
        """Take a provider's report; each only once, and never back from a final state. True when it changed a row."""
        state = State.DELIVERED if delivered else State.FAILED
        async with self._database.write() as connection:
            result = await connection.execute(
                update(outbox).where(
                    outbox.c.id == row_id, outbox.c.state.in_([State.SENDING, State.SENT]),
                    or_(outbox.c.provider_id.is_(None), outbox.c.provider_id == provider_id),
                ).values(state=state, body=None, provider_id=provider_id, error=error, finished_at=now)
            )
        return bool(result.rowcount)

    async def get(self, row_id: str) -> Any:
        """A row, as the database has it."""
        async with self._database.read() as connection:
            return (await connection.execute(select(outbox).where(outbox.c.id == row_id))).first()

    async def prune(self, before: int) -> None:
        """Delete what became final before this time."""
        async with self._database.write() as connection:
            await connection.execute(delete(outbox).where(outbox.c.finished_at < before))

    async def _leave_sending(
        self, row: Claimed, state: State, error: str | None, now: int, *, provider_id: str | None = None
    ) -> Finished | None:
        async with self._database.write() as connection:
            result = await connection.execute(
                update(outbox).where(outbox.c.id == row.id, outbox.c.state == State.SENDING)
                .values(state=state, body=None, error=error, provider_id=provider_id, finished_at=now)
            )
            if not result.rowcount:
                return None
            finished = Finished(row.id, row.kind, row.channel, state, error, row.created_at)
            await self._on_final(connection, finished, now)
        return finished

    async def _finish(
        self, connection: AsyncConnection, row: Any, state: State, error: str | None, now: int
    ) -> Finished:
        await connection.execute(
            update(outbox).where(outbox.c.id == row.id).values(state=state, body=None, error=error, finished_at=now)
        )
        finished = Finished(row.id, Kind(row.kind), row.channel, state, error, row.created_at)
        await self._on_final(connection, finished, now)
        return finished
