"""Handoffs and idempotent replies in the database, beside `bot.verification.store`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db import Database, prepared
from bot.verification.store import handoffs, replies


def redeeming(conversation: str) -> str:
    """The scope of a conversation's answers, in which a key stands for one request."""
    return f"redeem:{conversation}"


_BOUND = prepared(select(handoffs.c.challenge).where(  # asked at every message that a custom action answers
    handoffs.c.conversation == bindparam("wanted"), handoffs.c.state == "bound"
))


class KeyReused(Exception):
    """The idempotency key was used for another request."""


class HandoffStore:
    """Every method works in the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, connection: AsyncConnection, challenge: str, digest: bytes, expires_at: int) -> None:
        """A new handoff; an earlier one of the challenge that is not bound yet dies."""
        await connection.execute(
            update(handoffs).where(handoffs.c.challenge == challenge, handoffs.c.state == "new")
            .values(state="dead", digest=None)
        )
        await connection.execute(
            handoffs.insert().values(challenge=challenge, digest=digest, state="new", expires_at=expires_at)
        )

    async def challenge_of(self, connection: AsyncConnection, digest: bytes, now: int) -> str | None:
        """The challenge of a handoff that can still be bound."""
        row = (await connection.execute(select(handoffs.c.challenge).where(
            handoffs.c.digest == digest, handoffs.c.state == "new", handoffs.c.expires_at > now
        ))).first()
        return row.challenge if row else None

    async def bind(
        self, connection: AsyncConnection, challenge: str, digest: bytes, conversation: str, now: int
    ) -> bool:
        """Tie a handoff to a conversation, once; what either was bound to before is bound no more."""
        result = await connection.execute(
            update(handoffs).where(
                handoffs.c.digest == digest, handoffs.c.state == "new", handoffs.c.expires_at > now
            ).values(state="binding", digest=None)
        )
        if not result.rowcount:
            return False
        await connection.execute(
            update(handoffs).where(
                (handoffs.c.challenge == challenge) | (handoffs.c.conversation == conversation),
                handoffs.c.state == "bound",
            ).values(state="dead")
        )
        await connection.execute(
            update(handoffs).where(handoffs.c.challenge == challenge, handoffs.c.state == "binding")
            .values(state="bound", conversation=conversation)
        )
        return True

    async def bound_to(self, connection: AsyncConnection, conversation: str) -> str | None:
        """The challenge that a conversation is bound to."""
        row = (await connection.execute(_BOUND, {"wanted": conversation})).first()
        return row.challenge if row else None

    async def forget(self, connection: AsyncConnection, conversation: str) -> None:
        """Untie a conversation and drop what was answered to it."""
        await connection.execute(delete(replies).where(replies.c.scope == redeeming(conversation)))
        await connection.execute(
            update(handoffs).where(handoffs.c.conversation == conversation).values(state="dead", conversation=None)
        )

    async def reply(
        self, connection: AsyncConnection, scope: str, key: str, request: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """What was answered to this key before.

        Raises:
            KeyReused: it stood for another request.
        """
        row = (await connection.execute(
            select(replies).where(replies.c.scope == scope, replies.c.key == _digest(key))
        )).first()
        if row is None:
            return None
        if row.request != _digest(json.dumps(request, sort_keys=True)):
            raise KeyReused
        found: dict[str, Any] = json.loads(row.reply)
        return found

    async def keep_reply(
        self, connection: AsyncConnection, scope: str, key: str, request: Mapping[str, Any], reply: Mapping[str, Any],
        now: int,
    ) -> None:
        """Remember the answer to a key."""
        await connection.execute(replies.insert().values(
            scope=scope, key=_digest(key), request=_digest(json.dumps(request, sort_keys=True)),
            reply=json.dumps(reply), at=now,
        ))


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
