"""What a sign-in is, its rules as pure functions, and the protocol by which the bot asks about it.

Standard library only.

Times are integer milliseconds since the epoch, UTC; waits and lifetimes are seconds. Numbers: security.md's promise,
after NIST SP 800-63B-4 (3.1.3, 3.2.2) and OWASP ASVS 5.0 (V6).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

CODE_DIGITS = 6
_REFERENCE_LETTERS = "ACDEFHJKLMNPRTUVWXY"  # none that is read as another letter or a digit
_REFERENCE_DIGITS = "2345679"


class Channel(StrEnum):
    """How a code travels. Email is the less secure way (NIST allows it not at all) and is labelled so."""

    SMS = "sms"
    EMAIL = "email"


class Purpose(StrEnum):
    """What a code is good for; a code for one purpose is worth nothing for the other."""

    SIGN_IN = "sign_in"
    CONTACT_POINT = "contact_point"


class Origin(StrEnum):
    """Who asked for a code."""

    WEB = "web"
    BOT = "bot"
    SMS = "sms"


# --- what the bot sees ------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """`accepted`: the message stands in the outbox and is on its way. `wait`: not before `retry_after`.
    `unavailable`: nothing was and nothing will be sent for this conversation."""

    ACCEPTED = "accepted"
    WAIT = "wait"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The answer to a resend. `destination` is masked; `retry_after` is seconds, given with `wait`."""

    outcome: Outcome
    channel: Channel | None = None
    destination: str | None = None
    retry_after: int | None = None
    other_channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInStatus:
    """Whether a sign-in waits for a code, and where another one would go (masked) without `channel` being named.

    `retry_after` is seconds until a send would be accepted, 0 when it would be now, None when no more will be.
    """

    waiting: bool
    channel: Channel | None = None
    destination: str | None = None
    other_channels: tuple[Channel, ...] = ()
    retry_after: int | None = None


class ClientUnavailable(Exception):
    """The backend is down, too slow or refuses the bot's credential. Nothing may be claimed about a send."""


class VerificationClient(Protocol):
    """What the bot may ask of a portal. Every method raises `ClientUnavailable`."""

    async def bind(self, handoff: str, conversation: str) -> bool:
        """Tie a handoff to a conversation, once. False: used, expired, unknown or bound elsewhere."""
        ...

    async def status(self, conversation: str) -> SignInStatus:
        """Whether the sign-in that is bound to the conversation waits for a code; sends nothing."""
        ...

    async def redeem(
        self, conversation: str, *, action: str = "resend", channel: str | None = None, idempotency_key: str
    ) -> Redeemed:
        """Have another code sent to the patient whose sign-in is bound to the conversation.

        Args:
            channel: "sms" or "email"; None means the one used last.
            idempotency_key: a UUID; the same one again gives the same answer and sends nothing.
        """
        ...

    async def exposed(self, conversation: str, code: str) -> None:
        """Report a code that was typed into the chat: a live one that equals it dies. The answer never shows which."""
        ...

    async def sms_resend(self, sender: str) -> None:
        """Have a code sent if a sign-in of the account with this number waits for one. The answer is always the same.

        Args:
            sender: Twilio's verified `From`, E.164.
        """
        ...


# --- codes ------------------------------------------------------------------------------------------------------


def new_code() -> str:
    """Six random digits, leading zeros kept."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def new_reference(previous: str | None = None) -> str:
    """A letter and a digit such as `K7`, so that a patient can tell the newest message from older ones."""
    while True:
        reference = secrets.choice(_REFERENCE_LETTERS) + secrets.choice(_REFERENCE_DIGITS)
        if reference != previous:
            return reference


def is_code(text: str) -> bool:
    """True for six ASCII digits; fullwidth or Arabic digits are none of ours."""
    return len(text) == CODE_DIGITS and text.isascii() and text.isdecimal()


def code_digest(pepper: bytes, *, challenge: str, account: str, channel: str, purpose: str, code: str) -> bytes:
    """What is stored instead of a code: HMAC-SHA256 over all that the code is bound to."""
    bound = f"{challenge}\x1f{account}\x1f{channel}\x1f{purpose}\x1f{code}"
    return hmac.new(pepper, bound.encode(), hashlib.sha256).digest()


def new_token() -> str:
    """An opaque token of 256 random bits: handoff, pre-auth cookie, session."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored instead of a token. Plain SHA-256: 256 random bits need no pepper."""
    return hashlib.sha256(token.encode()).digest()


# --- limits: may I, with the reason ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's numbers (settings of the same names); seconds and counts."""

    code_lifetime: int = 600
    code_tries: int = 5
    guess_wait: int = 30
    guess_wait_longest: int = 3600
    guess_disable_after: int = 20
    send_waits: tuple[int, ...] = (30, 60, 120)
    sends_per_sign_in: int = 4
    sends_per_hour: int = 8
    sends_per_day: int = 15
    sends_per_day_total: int = 5000
    bot_resends: int = 2
    sms_resend_wait: int = 120
    sms_resends_per_day: int = 3
    challenge_lifetime: int = 1800
    handoff_lifetime: int = 300


def guess_wait(failures: int, limits: Limits) -> int:
    """Seconds to wait after this many wrong codes in a row: none below the tries of one code, then doubling to the
    longest."""
    over = failures - limits.code_tries
    return 0 if over < 0 else min(limits.guess_wait * 2 ** min(over, 20), limits.guess_wait_longest)


class Refusal(StrEnum):
    """Why a code is not sent."""

    TOO_SOON = "too_soon"
    SIGN_IN_LIMIT = "sign_in_limit"
    BOT_LIMIT = "bot_limit"
    SMS_LIMIT = "sms_limit"
    HOUR_LIMIT = "hour_limit"
    DAY_LIMIT = "day_limit"
    TOTAL_LIMIT = "total_limit"
    FACTOR_DISABLED = "factor_disabled"
    NO_DESTINATION = "no_destination"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a send may go; `retry_after` (seconds) only where waiting helps."""

    refusal: Refusal | None = None
    retry_after: int | None = None

    @property
    def allowed(self) -> bool:
        """True when nothing speaks against it."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class SendHistory:
    """What was sent before: in this sign-in (count, time of the last), and the times of the last day's sends of the
    account and of the destination, newest first, whichever way they were asked for."""

    in_sign_in: int
    last_in_sign_in: int | None
    by_account: Sequence[int]
    by_destination: Sequence[int]


def may_send(history: SendHistory, now: int, limits: Limits) -> Verdict:
    """Judge a send by the waits in a sign-in and by the hour and the day of account and destination."""
    if history.in_sign_in >= limits.sends_per_sign_in:
        return Verdict(Refusal.SIGN_IN_LIMIT)
    if history.in_sign_in and history.last_in_sign_in is not None:
        wait = limits.send_waits[min(history.in_sign_in, len(limits.send_waits)) - 1]
        left = history.last_in_sign_in + wait * 1000 - now
        if left > 0:
            return Verdict(Refusal.TOO_SOON, seconds_up(left))
    for refusal, most, window in (
        (Refusal.HOUR_LIMIT, limits.sends_per_hour, 3_600_000),
        (Refusal.DAY_LIMIT, limits.sends_per_day, 86_400_000),
    ):
        for sends in (history.by_account, history.by_destination):
            recent = [at for at in sends if at > now - window]
            if len(recent) >= most:
                return Verdict(refusal, seconds_up(recent[most - 1] + window - now))
    return Verdict()


def next_wait(sends: int, limits: Limits) -> int:
    """Seconds until another code may be asked for after this many sends in a sign-in."""
    return limits.send_waits[min(max(sends, 1), len(limits.send_waits)) - 1]


def seconds_up(milliseconds: int) -> int:
    """Whole seconds, rounded up, so that who waits them is never too early."""
    return -(-milliseconds // 1000)
