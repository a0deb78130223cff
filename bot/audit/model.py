"""Who did what, as one line of the record. Standard library only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

FIRST = b"\0" * 32  # what stands before a stream's first row

request_in_hand: ContextVar[str] = ContextVar("request_in_hand", default="")
"""The id of the request that is being answered, set at the door, for those whom a protocol does not tell it: the bot
in this process asks by conversation alone."""


class Actor(StrEnum):
    """Who acts."""

    USER = "user"
    BOT = "bot"
    WORKER = "worker"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class By:
    """Who acts and in which request. `request_id` joins the row with the log."""

    actor: Actor
    request_id: str = ""

    @classmethod
    def here(cls, actor: Actor) -> By:
        """This actor, in the request that is being answered here."""
        return cls(actor, request_in_hand.get())


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `subject` is an account's, challenge's or message's own id or a keyed pseudonym, never a number, an
    address, a code or a name; `rule` names the limit or reason that decided."""

    at: int
    actor: str
    action: str
    subject: str
    rule: str
    request_id: str

    def mac(self, key: bytes, stream: str, seq: int, before: bytes) -> bytes:
        """HMAC-SHA256 over the row, its place in its stream and its predecessor."""
        fields = (stream, str(seq), str(self.at), self.actor, self.action, self.subject, self.rule, self.request_id)
        text = "".join(f"{len(field)}:{field}" for field in fields)
        return hmac.new(key, before + text.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Damage:
    """A place in the record that was edited, or where rows are missing."""

    stream: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} at row {self.seq} of {self.stream}"


def register_sum(key: bytes, streams: Iterable[str], *, before: bytes = FIRST) -> bytes:
    """The keyed sum of streams' names, whatever their order; `before` is that of the others."""
    total = int.from_bytes(before)
    for stream in streams:
        total ^= int.from_bytes(hmac.new(key, f"stream:{stream}".encode(), hashlib.sha256).digest())
    return total.to_bytes(len(FIRST))


class Trail(Protocol):
    """Where actions are written down, in the same transaction as the action itself."""

    async def append(
        self, connection: Any, by: By, action: str, *, at: int, subject: str = "", rule: str = ""
    ) -> None:
        """Write one row. Call it last in a transaction: until its end the process's other rows wait."""
        ...
