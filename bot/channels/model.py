"""What a web conversation is made of, and what it asks of others. Standard library only."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

TEXT_LIMIT = 1000  # characters of one message
CHOICE_PATTERN = r"^[0-9]{1,8}-[A-Za-z0-9_-]{16}$"  # the form of a button's payload

Bind = Callable[[str, str], Awaitable[bool]]
"""`bind(handoff, conversation)`: ties a waiting sign-in to it; False when used, expired or bound elsewhere.
Raises when the backend is away."""

Exposed = Callable[[str, str], Awaitable[None]]
"""`exposed(conversation, code)`: a code was typed into the chat; one that is live dies. Raises when it may live on."""

Intake = Callable[[str, str], Awaitable[str]]
"""`intake(conversation, text)`: what of a patient's words the engine may see (codes are masked already)."""


Forget = Callable[[str], Awaitable[None]]
"""`forget(conversation)`: delete what is kept of it."""


async def forget_nothing(conversation: str) -> None:
    """Where nobody else keeps anything of a conversation."""


async def bind_nothing(handoff: str, conversation: str) -> bool:
    """The null binder, where no verification backend of ours stands behind the chat."""
    return False


async def expose_nothing(conversation: str, code: str) -> None:
    """The null listener, where codes are another system's."""


class OptOuts(Protocol):
    """Who wants no more texts, for each number of the practice's: STOP to one of them leaves the others alone."""

    async def opted_out(self, number: str, ours: str) -> bool:
        """True when `number` said STOP to `ours` and not START since."""
        ...

    async def stop(self, number: str, ours: str) -> None:
        """`number` wants no more texts from `ours`."""
        ...

    async def start(self, number: str, ours: str) -> None:
        """`number` wants texts from `ours` again."""
        ...


class Sender(StrEnum):
    """Who wrote a message."""

    PATIENT = "patient"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Choice:
    """A button under a message. `payload` is opaque to the browser, `command` is the engine's and never leaves."""

    title: str
    payload: str
    command: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `seq` counts from 1 over both sides, `at` is milliseconds UTC."""

    id: str
    seq: int
    sender: Sender
    text: str
    kind: str
    at: int
    choices: tuple[Choice, ...] = ()
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A message of the bot before it has a number; choices have no payload yet."""

    id: str
    text: str
    kind: str
    choices: tuple[tuple[str, str], ...] = ()
    topic: str | None = None


class Turn(StrEnum):
    """Where the answer to a message of the patient's stands, when the message arrives (again)."""

    CLAIMED = "claimed"
    """It is new, or its process died: the caller answers it now."""
    RUNNING = "running"
    DONE = "done"
    CONFLICT = "conflict"
    """The id was used for other content."""
    GONE = "gone"
    """There is no such conversation."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The state of a turn, and the number of the patient's message where there is one.

    `after` is the id of the patient's message before it, while that one is still being answered, here or elsewhere.
    """

    turn: Turn
    seq: int = 0
    after: str | None = None


def clean_text(text: str) -> str:
    """What was typed, without control characters (line breaks and tabs stay) and without blanks around it."""
    kept = (c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c in "\n\t" or unicodedata.category(c) != "Cc")
    return "".join(kept).strip()
