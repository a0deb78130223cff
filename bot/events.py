"""What happened, for whoever counts it: frozen facts and the `record` callable that `bot.app` passes in.

An event never holds a patient's words, a number, an address or a code: conversation ids and names of topics only.
`at` is milliseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TurnAnswered:
    """A patient's message was answered (whatever the answer was).

    `decision` is answer, ask or fallback; `kind` that of the last reply (design.md); `topics` the intents that were
    answered; `button` True when a button was pressed instead of typing; `embedded` True when the encoder ran;
    `contact_shown` True when the contact route was among the replies; `failed_action` True when a client was down.
    """

    conversation: str
    channel: str
    seq: int
    at: int
    intent: str
    topics: tuple[str, ...]
    decision: str
    kind: str
    confidence: float
    button: bool
    embedded: bool
    contact_shown: bool
    failed_action: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The engine gave no answer and the patient got the failure message; `reason` is timeout, exception or no_reply."""

    conversation: str
    channel: str
    seq: int
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class FeedbackGiven:
    """Thumbs up or down on the message with this number."""

    conversation: str
    seq: int
    at: int
    helpful: bool


@dataclass(frozen=True, slots=True)
class ConversationEnded:
    """The patient started over or the conversation was deleted."""

    conversation: str
    at: int


@dataclass(frozen=True, slots=True)
class ResendRedeemed:
    """The bot asked for a code on behalf of a conversation; `outcome` as in design.md."""

    conversation: str
    challenge: str
    at: int
    outcome: str


@dataclass(frozen=True, slots=True)
class SignInCompleted:
    """A challenge was passed; `challenge` joins it with `ResendRedeemed`."""

    challenge: str
    at: int


@dataclass(frozen=True, slots=True)
class ContactRequestFiled:
    """A contact request came in, from a conversation where there was one."""

    conversation: str | None
    reference: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class CodeDelivery:
    """A message reached a final state in the outbox: sent, delivered, failed or expired; `error` is the provider's."""

    channel: str
    state: str
    error: str | None
    seconds: float
    at: int


Event = (
    TurnAnswered | TurnFailed | FeedbackGiven | ConversationEnded | ResendRedeemed | SignInCompleted
    | ContactRequestFiled | CodeDelivery
)
Record = Callable[[Event], Awaitable[None]]


async def record_nothing(event: Event) -> None:
    """The null recorder, for parts that run without anybody counting."""
