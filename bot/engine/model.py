"""What the rest of twostep knows of the engine: one question in, replies out. Nothing here knows Rasa."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """What a message is to its reader (design.md, HTTP contract)."""

    MESSAGE = "message"
    ANSWER = "answer"
    PROMPT = "prompt"
    FALLBACK = "fallback"
    NOTICE = "notice"
    ERROR = "error"


class Decision(StrEnum):
    """Whether the assistant was sure, in doubt between two topics, or had no answer."""

    ANSWER = "answer"
    ASK = "ask"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Button:
    """A choice offered with a reply. `command` is what the engine is given back when it is chosen, never shown."""

    title: str
    command: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One message of the bot. `text` is plain with [label](https, tel or mailto link) only."""

    text: str
    kind: Kind = Kind.MESSAGE
    buttons: tuple[Button, ...] = ()
    topic: str | None = None
    contact_route: bool = False


@dataclass(frozen=True, slots=True)
class Understanding:
    """What the engine made of a message.

    `intent` is the best topic, or `out_of_scope` whenever nothing is answered or asked; `candidates` are two when
    asking; `intents` are all that were answered, in order (the first equals `intent`).
    """

    intent: str = "out_of_scope"
    confidence: float = 0.0
    decision: Decision = Decision.FALLBACK
    candidates: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The replies to one message. `failure` names why they are the failure answer: timeout, exception, no_reply,
    unavailable (the database or the lock was away); empty when all went well. `failed_action`: a client was down."""

    replies: tuple[Reply, ...]
    understanding: Understanding = field(default_factory=Understanding)
    failure: str = ""
    failed_action: bool = False


class Engine(Protocol):
    """Answers one message of a conversation. Messages of one conversation are answered in order."""

    async def answer(
        self,
        conversation: str,
        text: str,
        *,
        channel: str,
        command: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Answer a message; never raises for a failure, which is an `Answer` with the contact route.

        Args:
            conversation: the id that the server minted.
            text: what the patient typed, codes already masked; any text at all is only text, never a command.
            channel: "web", "sms" or "terminal"; decides the wording.
            command: the `Button.command` of a pressed button, instead of understanding the text.
            metadata: `request_id` for the log, `message_id` for idempotency, `codes_seen` when a code was masked,
                `code_may_live` when it could not be reported, so that nothing may be claimed of it.
        """
        ...

    async def greet(self, conversation: str, *, channel: str) -> tuple[Reply, ...]:
        """The greeting of a new conversation."""
        ...

    async def asked(self, conversation: str) -> str | None:
        """The entry that a form is waiting for in this conversation, None when it waits for nothing."""
        ...

    async def forget(self, conversation: str) -> None:
        """Delete all that the engine keeps of a conversation."""
        ...

    async def prune(self, before: int) -> None:
        """Delete what was said before this time (milliseconds UTC) in conversations that go on."""
        ...
