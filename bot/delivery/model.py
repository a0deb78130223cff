"""A message on its way, how sending can fail, and what other topics may ask of delivery. Standard library only.

    SendFailure
    ├── TransientFailure       surely not sent; trying again may help
    │   └── Misconfigured      and a person must mend something: alarm
    ├── AmbiguousFailure       perhaps sent: tried again once, with the same text
    └── PermanentFailure       trying again cannot help
        └── OptedOut           the number asked for no more texts
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """What a message is for; a code is worth nothing after its life, the others are."""

    CODE = "code"
    NOTICE = "notice"
    CONTACT = "contact"


class State(StrEnum):
    """Where a message is. The last five are final."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Message:
    """What another topic wants sent. `about` groups messages that a newer one makes useless; `expires_at` in ms."""

    kind: Kind
    channel: str
    to: str
    body: str
    expires_at: int
    subject: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message in a gateway's hands. `valid_for` is seconds; `id` names the message in status callbacks."""

    id: str
    channel: str
    to: str
    subject: str
    body: str
    valid_for: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that a simulated gateway shows; `at` in ms."""

    id: str
    channel: str
    to: str
    subject: str
    body: str
    at: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A message that reached a final state; `error` is the provider's code or a word of ours."""

    id: str
    kind: Kind
    channel: str
    state: State
    error: str | None
    created_at: int


class SendFailure(Exception):
    """A try failed. `error` is the provider's code or a word of ours, never text with a number or a code in it."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class TransientFailure(SendFailure):
    """Surely not sent; trying again may help."""


class Misconfigured(TransientFailure):
    """Surely not sent, and a person must mend credentials, senders or TLS."""


class AmbiguousFailure(SendFailure):
    """Perhaps sent."""


class PermanentFailure(SendFailure):
    """Not sent; trying again cannot help."""


class OptedOut(PermanentFailure):
    """The number asked for no more texts (Twilio error 21610)."""


class Gateway(Protocol):
    """One way out."""

    async def send(self, message: Outgoing) -> str:
        """Hand a message to the provider; gives the provider's id for it.

        Raises:
            SendFailure: one of the four kinds.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Outbox(Protocol):
    """Where messages are put in the same transaction as what they tell about."""

    async def put(self, connection: Any, message: Message, now: int) -> str:
        """Queue a message; gives its id."""
        ...

    async def cancel(self, connection: Any, about: str, now: int) -> None:
        """Drop what is queued; what is in the worker's hands is not tried again."""
        ...

    async def opted_out(self, connection: Any, number: str) -> bool:
        """True when the number asked for no more texts."""
        ...

    def wake(self) -> None:
        """Tell the worker that something was committed."""
        ...


TRIES = {Kind.CODE: 3, Kind.NOTICE: 6, Kind.CONTACT: 12}
_BACKOFF = (5, 30, 120, 600, 1800)  # seconds


def backoff(tries: int) -> int:
    """Seconds before the next try after this many."""
    return _BACKOFF[min(max(tries, 1), len(_BACKOFF)) - 1]
