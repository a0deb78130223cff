"""Encrypts everything that is kept with the current master secret, after a new one was put before the old."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, and_, select, tuple_, update

from bot.accounts import store as accounts
from bot.contact import desk as contact_desk
from bot.contact import store as contact
from bot.db import Database
from bot.delivery import store as delivery
from bot.privacy import Keys
from bot.verification import store as verification

SEALED: tuple[tuple[Column[Any], str], ...] = (
    (accounts.contact_points.c.sealed, accounts.SEALED),
    (verification.challenges.c.pending, verification.PENDING),
    (delivery.outbox.c.destination, delivery.DESTINATION),
    (delivery.outbox.c.body, delivery.BODY),
    (delivery.opt_outs.c.sealed, delivery.NUMBER),
    (contact.contact_requests.c.sealed, contact.REQUEST),
    (contact.contact_drafts.c.sealed, contact.DRAFT),
    (contact_desk.contact_work.c.sealed_note, contact_desk.NOTE),
)
"""Every encrypted column, and the purpose that is bound to its values."""

BATCH = 500


async def reseal(database: Database, keys: Keys) -> int:
    """Encrypt each value anew; how many there were. May run while replicas serve, and may be repeated.

    Raises:
        ValueError: a value was sealed with a secret that is not in the list; what came before it is done.
    """
    return sum([await _reseal_column(database, keys, column, purpose) for column, purpose in SEALED])


async def _reseal_column(database: Database, keys: Keys, column: Column[Any], purpose: str) -> int:
    table, count = column.table, 0
    key = list(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        query = select(*key, column.label("value")).where(column.is_not(None)).order_by(*key).limit(BATCH)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*after))
        async with database.write() as connection:
            rows = (await connection.execute(query)).all()
            for row in rows:
                same = and_(*(part == value for part, value in zip(key, row, strict=False)))
                await connection.execute(
                    update(table).where(same, column == row.value)  # what changed meanwhile is sealed anew already
                    .values({column: keys.seal(purpose, keys.open(purpose, row.value))})
                )
        count += len(rows)
        if len(rows) < BATCH:
            return count
        after = tuple(rows[-1][: len(key)])
