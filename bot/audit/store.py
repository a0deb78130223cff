"""The append-only record in the database.

Each process writes a stream of its own, so replicas never wait for each other. A row's HMAC covers its predecessor's,
the stream's head is kept apart with an HMAC of its own, and so is a register of the streams: an edit, a deletion, a cut
tail and a stream that is gone as a whole all show. What cannot show is a database set back to an earlier state as a
whole; for that, keep its backups where its writers cannot reach them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    exists,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.audit.model import FIRST, By, Damage, Entry, register_sum
from bot.db import Database, metadata
from bot.privacy import Keys

audit = Table(
    "audit", metadata,
    Column("stream", String(32), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("mac", LargeBinary, nullable=False),
)
audit_heads = Table(
    "audit_heads", metadata,
    Column("stream", String(32), primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("last", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)
REGISTER = "register"
"""The row of `audit_heads` that knows the streams: `seq` is how many there are, `last` their names' keyed sum."""

AT_ONCE = 1000  # rows in memory while the record is verified


@dataclass(slots=True)
class _Walk:
    """How far a stream was read, and whether the head that was there before fits."""

    seq: int = 0
    last: bytes = FIRST
    whole: bool = True
    head_fits: bool = False


class AuditStore:
    """Implements `bot.audit.model.Trail`.

    Args:
        keys: one of them signs the rows.
        stream: the name of this process's stream; a new one by default.
    """

    def __init__(self, database: Database, keys: Keys, *, stream: str = "") -> None:
        self._database = database
        self._key = keys.derive("audit")
        self.stream = stream or secrets.token_hex(8)

    async def append(
        self, connection: AsyncConnection, by: By, action: str, *, at: int, subject: str = "", rule: str = ""
    ) -> None:
        """Write one row in the caller's transaction."""
        seq, last = await self._head(connection)
        entry = Entry(at, by.actor, action, subject, rule, by.request_id)
        mac = entry.mac(self._key, self.stream, seq + 1, last)
        await connection.execute(audit.insert().values(
            stream=self.stream, seq=seq + 1, at=at, actor=entry.actor, action=action, subject=subject, rule=rule,
            request_id=by.request_id, mac=mac,
        ))
        await self._set_head(connection, self.stream, seq + 1, mac)

    async def verify(self) -> list[Damage]:
        """Every place where the record does not fit its HMACs; empty when all is well. It may be written meanwhile."""
        damages: list[Damage] = []
        async with self._database.scan() as connection:
            heads = await self._heads(connection)
            walks = {name: _Walk(head_fits=head.seq == 0 and head.last == FIRST) for name, head in heads.items()}
            rows = select(audit).order_by(audit.c.stream, audit.c.seq).execution_options(yield_per=AT_ONCE)
            async with connection.stream(rows) as found:
                async for row in found:
                    walk = walks.setdefault(row.stream, _Walk())
                    damages += self._step(walk, row)
                    head = heads.get(row.stream)
                    if head is not None and (row.seq, row.mac) == (head.seq, head.last):
                        walk.head_fits = True
            later = await self._heads(connection)
        damages += self._verify_register(heads)
        for name, walk in sorted(walks.items()):
            if name != REGISTER:
                damages += self._verify_end(name, walk, heads.get(name), later.get(name))
        return damages

    def _step(self, walk: _Walk, row: Any) -> list[Damage]:
        entry = Entry(row.at, row.actor, row.action, row.subject, row.rule, row.request_id)
        expected, before = walk.seq + 1, walk.last
        walk.seq, walk.last = row.seq, row.mac
        if row.seq != expected:
            walk.whole = False
            return [Damage(row.stream, expected, "missing")]
        if entry.mac(self._key, row.stream, row.seq, before) != row.mac:
            walk.whole = False
            return [Damage(row.stream, row.seq, "edited")]
        return []

    def _verify_end(self, name: str, walk: _Walk, head: Any, later: Any) -> list[Damage]:
        """Judge by the head as it was before the rows were read; a stream that began meanwhile, by the later one."""
        if later is None:
            return [Damage(name, walk.seq, "missing head")]
        for one in (head, later):
            if one is not None and one.mac != self._head_mac(name, one.seq, one.last):
                return [Damage(name, one.seq, "edited head")]
        if head is not None and head.seq > walk.seq:
            return [Damage(name, walk.seq + 1, "missing")]
        if later.seq < walk.seq or (head is not None and not walk.head_fits and walk.whole):
            return [Damage(name, walk.seq, "edited")]
        return []

    def _verify_register(self, heads: dict[str, Any]) -> list[Damage]:
        streams = [name for name in heads if name != REGISTER]
        register = heads.get(REGISTER)
        if register is None:
            return [Damage(REGISTER, 0, "missing")] if streams else []
        if register.mac != self._head_mac(REGISTER, register.seq, register.last):
            return [Damage(REGISTER, register.seq, "edited")]
        if register.seq != len(streams) or register.last != register_sum(self._key, streams):
            return [Damage(REGISTER, register.seq, "a stream is missing")]
        return []

    async def _heads(self, connection: AsyncConnection) -> dict[str, Any]:
        return {row.stream: row for row in await connection.execute(select(audit_heads))}

    async def _head(self, connection: AsyncConnection) -> tuple[int, bytes]:
        row = await self._locked(connection, self.stream)
        if row is None:
            await self._begin(connection)
            row = await self._locked(connection, self.stream)
        return row.seq, row.last

    async def _begin(self, connection: AsyncConnection) -> None:
        """Begin this process's stream and enter it in the register, which begins with the first stream of all."""
        others = (await connection.execute(select(exists().where(audit_heads.c.stream != REGISTER)))).scalar_one()
        made = await self._insert_head(connection, self.stream)
        if not made:
            return  # another task of this process was faster
        if not others:  # a register that was taken away while there are streams is never made again: it has to show
            await self._insert_head(connection, REGISTER)
        register = await self._locked(connection, REGISTER)
        if register is not None:
            last = register_sum(self._key, [self.stream], before=register.last)
            await self._set_head(connection, REGISTER, register.seq + 1, last)

    async def _locked(self, connection: AsyncConnection, stream: str) -> Any:
        head = select(audit_heads.c.seq, audit_heads.c.last).where(audit_heads.c.stream == stream)
        return (await connection.execute(head.with_for_update())).first()

    async def _insert_head(self, connection: AsyncConnection, stream: str) -> bool:
        result = await connection.execute(self._database.insert(audit_heads).on_conflict_do_nothing().values(
            stream=stream, seq=0, last=FIRST, mac=self._head_mac(stream, 0, FIRST)
        ).returning(audit_heads.c.stream))
        return result.first() is not None

    async def _set_head(self, connection: AsyncConnection, stream: str, seq: int, last: bytes) -> None:
        await connection.execute(
            update(audit_heads).where(audit_heads.c.stream == stream)
            .values(seq=seq, last=last, mac=self._head_mac(stream, seq, last))
        )

    def _head_mac(self, stream: str, seq: int, last: bytes) -> bytes:
        return Entry(0, "head", "", "", "", "").mac(self._key, stream, seq, last)
