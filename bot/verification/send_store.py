"""What was sent, when, to whom: the SQL counters behind the limits of sending, beside `bot.verification.store`."""

from __future__ import annotations

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import Database
from bot.privacy import Keys
from bot.verification.model import Origin, Purpose
from bot.verification.store import DAY, Challenge, codes, sent_per_day


class SendStore:
    """Every method works in the caller's transaction."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def lock_destination(self, connection: AsyncConnection, channel: str, address: str) -> None:
        """Make sends of different accounts to one destination follow one another (SQLite has one writer anyway)."""
        if not self._database.is_sqlite:
            number = int(self.destination(channel, address)[:15], 16)
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": number})

    async def sends(
        self, connection: AsyncConnection, now: int, *, account: str = "", channel: str = "", address: str = "",
        origin: Origin | None = None,
    ) -> list[int]:
        """Times of the last day's sends of an account or to a destination, newest first."""
        query = select(codes.c.issued_at).where(codes.c.issued_at > now - DAY).order_by(codes.c.issued_at.desc())
        if account:
            query = query.where(codes.c.account == account)
        if address:
            query = query.where(codes.c.destination == self.destination(channel, address))
        if origin is not None:
            query = query.where(codes.c.origin == origin)
        return [row.issued_at for row in await connection.execute(query)]

    async def sends_in(
        self, connection: AsyncConnection, challenge: Challenge, *, origin: Origin | None = None, since: int = 0
    ) -> tuple[int, int | None]:
        """How many codes a challenge has had, and when the last one went. Contact points count by account instead:
        each new address is a new challenge."""
        query = select(func.count(), func.max(codes.c.issued_at))
        if challenge.purpose is Purpose.SIGN_IN:
            query = query.where(codes.c.challenge == challenge.id)
        else:
            query = query.where(
                codes.c.account == challenge.account, codes.c.purpose == challenge.purpose, codes.c.issued_at > since
            )
        if origin is not None:
            query = query.where(codes.c.origin == origin)
        row = (await connection.execute(query)).one()
        return row[0], row[1]

    async def count_send(self, connection: AsyncConnection, now: int, most: int) -> bool:
        """Count a send of this day (UTC) over all accounts; False when the day is full."""
        day = now // DAY
        await connection.execute(
            self._database.insert(sent_per_day).on_conflict_do_nothing().values(day=day, sends=0)
        )
        result = await connection.execute(
            update(sent_per_day).where(sent_per_day.c.day == day, sent_per_day.c.sends < most)
            .values(sends=sent_per_day.c.sends + 1)
        )
        return bool(result.rowcount)

    def destination(self, channel: str, address: str) -> str:
        """The keyed pseudonym of a number or an address."""
        return self._keys.pseudonym(channel, address)
