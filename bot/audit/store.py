"""The append-only record in the database.

Each process writes a stream of its own, so replicas never wait for each other. A row's HMAC covers its predecessor's,
and the stream's head is kept apart with an HMAC of its own: an edit, a deletion and a cut tail all show.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.audit.model import FIRST, By, Damage, Entry
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
        await connection.execute(
            update(audit_heads).where(audit_heads.c.stream == self.stream)
            .values(seq=seq + 1, last=mac, mac=self._head_mac(self.stream, seq + 1, mac))
        )

    async def verify(self) -> list[Damage]:
        """Every place where the record does not fit its HMACs; empty when all is well."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(audit).order_by(audit.c.stream, audit.c.seq))).all()
            heads = {row.stream: row for row in (await connection.execute(select(audit_heads))).all()}
        damages: list[Damage] = []
        streams: dict[str, list[object]] = {name: [] for name in heads}
        for row in rows:
            streams.setdefault(row.stream, []).append(row)
        for name, own in streams.items():
            damages += self._verify_stream(name, own, heads.get(name))
        return damages

    def _verify_stream(self, name: str, rows: Sequence[object], head: object | None) -> list[Damage]:
        damages, last, seq = [], FIRST, 0
        for row in rows:
            mapping = row._mapping  # type: ignore[attr-defined]
            entry = Entry(**{key: mapping[key] for key in ("at", "actor", "action", "subject", "rule", "request_id")})
            if mapping["seq"] != seq + 1:
                damages.append(Damage(name, seq + 1, "missing"))
            elif entry.mac(self._key, name, mapping["seq"], last) != mapping["mac"]:
                damages.append(Damage(name, mapping["seq"], "edited"))
            seq, last = mapping["seq"], mapping["mac"]
        if head is None:
            damages.append(Damage(name, seq, "missing head"))
            return damages
        mapping = head._mapping  # type: ignore[attr-defined]
        if mapping["mac"] != self._head_mac(name, mapping["seq"], mapping["last"]):
            damages.append(Damage(name, mapping["seq"], "edited head"))
        elif mapping["seq"] > seq:
            damages.append(Damage(name, seq + 1, "missing"))
        elif mapping["seq"] < seq or (mapping["last"] != last and not damages):
            damages.append(Damage(name, seq, "edited"))
        return damages

    async def _head(self, connection: AsyncConnection) -> tuple[int, bytes]:
        head = select(audit_heads.c.seq, audit_heads.c.last).where(audit_heads.c.stream == self.stream)
        row = (await connection.execute(head.with_for_update())).first()
        if row is None:
            await connection.execute(
                self._database.insert(audit_heads).on_conflict_do_nothing().values(
                    stream=self.stream, seq=0, last=FIRST, mac=self._head_mac(self.stream, 0, FIRST)
                )
            )
            row = (await connection.execute(head.with_for_update())).one()
        return row.seq, row.last

    def _head_mac(self, stream: str, seq: int, last: bytes) -> bytes:
        return Entry(0, "head", "", "", "", "").mac(self._key, stream, seq, last)
