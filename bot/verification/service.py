"""Use cases of a sign-in: password, code, session.

Answers are values, not exceptions: an exception inside a transaction would undo what was counted.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.model import Account, Gate, PasswordCheck, Session, Sessions
from bot.audit.model import By, Trail
from bot.db import Clock, Database
from bot.delivery.model import Outbox
from bot.events import Record, SignInCompleted
from bot.verification.guessing import Guesses, GuessLater, WrongCode
from bot.verification.handoff_store import HandoffStore
from bot.verification.model import (
    Channel,
    Limits,
    Origin,
    Purpose,
    Verdict,
    new_token,
    token_digest,
)
from bot.verification.sending import CodeSender, Destination, Sent
from bot.verification.store import Challenge, VerificationStore


class SendsUnavailable(Exception):
    """The limiter's store is down: nothing is sent."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The password was right: a challenge, the browser's pre-auth token, and where a code can go."""

    challenge: str
    token: str
    destinations: tuple[Destination, ...]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sign-in stands, for its page: `sent` is the newest code's channel, `resend_after` seconds from now."""

    challenge: str
    destinations: tuple[Destination, ...]
    sent: Destination | None
    reference: str
    resend_after: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The code was right; `token` is the new session's."""

    token: str
    name: str


@dataclass(frozen=True, slots=True)
class NotWaiting:
    """No challenge of this browser waits for a code."""


async def always_ready() -> None:
    """For tests and tools without a limiter."""


class SignInService:
    """Two-step sign-in.

    Args:
        ready: raises SendsUnavailable when sends must not go because the limiter's store is down.
        record: told of each completed sign-in.
    """

    def __init__(
        self, database: Database, store: VerificationStore, handoffs: HandoffStore, sender: CodeSender,
        guesses: Guesses, passwords: PasswordCheck, sessions: Sessions, outbox: Outbox, trail: Trail,
        clock: Clock, limits: Limits, record: Record, ready: Callable[[], Awaitable[None]] = always_ready,
    ) -> None:
        self._database = database
        self._store = store
        self._handoffs = handoffs
        self._sender = sender
        self._guesses = guesses
        self._passwords = passwords
        self._sessions = sessions
        self._outbox = outbox
        self._trail = trail
        self._clock = clock
        self._limits = limits
        self._record = record
        self._ready = ready

    async def begin(
        self, username: str, password: str, by: By, *, gate: Gate | None = None
    ) -> Begun | None:
        """First step. None for an unknown user and a wrong password alike."""
        account = await self._passwords.check_password(username, password, gate=gate)
        now = self._clock()
        if account is None:
            async with self._database.write() as connection:
                await self._trail.append(connection, by, "sign_in.refused", at=now)
            return None
        token = new_token()
        challenge = Challenge(
            secrets.token_hex(16), account.id, Purpose.SIGN_IN, token_digest(token), "open", now,
            now + self._limits.challenge_lifetime * 1000,
        )
        async with self._database.write() as connection:
            await self._store.add_challenge(connection, challenge)
            destinations = await self._sender.destinations(connection, account.id)
            await self._trail.append(connection, by, "sign_in.begun", at=now, subject=challenge.id)
        return Begun(challenge.id, token, destinations, challenge.expires_at)

    async def progress(self, token: str | None) -> Progress | None:
        """Where the sign-in of this browser stands; None when none waits for a code."""
        async with self._database.read() as connection:
            challenge = await self._held(connection, token)
            if challenge is None:
                return None
            destinations = await self._sender.destinations(connection, challenge.account)
            last = await self._store.last_code(connection, challenge.id)
            resend_after = await self._sender.resend_after(connection, challenge, self._clock())
        sent = next((point for point in destinations if last is not None and point.channel is last.channel), None)
        return Progress(challenge.id, destinations, sent, last.reference if last else "", resend_after)

    async def send_code(
        self, token: str | None, challenge_id: str, channel: Channel, by: By, *, key: str | None = None
    ) -> Sent | Verdict | NotWaiting:
        """Send a code, the first or another one.

        Args:
            token: the pre-auth cookie's.
            key: idempotency key of the caller; the same one gives the same answer and sends nothing more.

        Raises:
            KeyReused: the key stood for another request.
            SendsUnavailable: the limiter's store is down.
        """
        await self._ready()
        request = {"channel": channel.value}
        scope = f"code:{challenge_id}"
        async with self._database.write() as connection:
            challenge = await self._mine(connection, token, challenge_id)
            if challenge is None:
                return NotWaiting()
            factor = await self._store.lock_factor(connection, challenge.account)
            now = self._clock()
            if key is not None:
                before = await self._handoffs.reply(connection, scope, key, request)
                if before is not None:
                    return Sent(**{**before, "channel": Channel(before["channel"])})
            challenge = await self._store.challenge(connection, challenge_id)
            if challenge is None or not challenge.is_open(now):
                return NotWaiting()
            destinations = await self._sender.destinations(connection, challenge.account)
            destination = next((point for point in destinations if point.channel is channel), None)
            sent = await self._sender.send(connection, challenge, factor, destination, Origin.WEB, by, now)
            if key is not None and isinstance(sent, Sent):
                await self._handoffs.keep_reply(connection, scope, key, request, asdict(sent), now)
        self._outbox.wake()
        return sent

    async def verify(
        self, token: str, challenge_id: str, code: str, by: By
    ) -> SignedIn | WrongCode | GuessLater:
        """Second step: spend the code and open a session."""
        session_token = new_token()
        async with self._database.write() as connection:
            challenge = await self._mine(connection, token, challenge_id)
            if challenge is None or challenge.purpose is not Purpose.SIGN_IN:
                return WrongCode()
            guess = await self._guesses.judge(connection, challenge, code, by)
            if not isinstance(guess, Account):
                return guess
            now = self._clock()
            await self._sessions.open(connection, guess.id, token_digest(session_token), now)
            await self._trail.append(connection, by, "sign_in.completed", at=now, subject=challenge.id)
        await self._record(SignInCompleted(challenge.id, now))
        return SignedIn(session_token, guess.name)

    async def hand_over(self, token: str | None, by: By) -> tuple[str, int] | None:
        """A handoff for the chat and its life in seconds; None when no sign-in of this browser waits."""
        handoff = new_token()
        async with self._database.write() as connection:
            challenge = await self._held(connection, token)
            if challenge is None:
                return None
            await self._store.lock_factor(connection, challenge.account)
            now = self._clock()
            expires_at = now + self._limits.handoff_lifetime * 1000
            await self._handoffs.add(connection, challenge.id, token_digest(handoff), expires_at)
            await self._trail.append(connection, by, "handoff.made", at=now, subject=challenge.id)
        return handoff, self._limits.handoff_lifetime

    async def sign_out(self, token: str | None) -> None:
        """End a session."""
        if token:
            await self._sessions.close(token)

    async def session(self, token: str | None) -> Session | None:
        """Who is signed in."""
        return await self._sessions.find(token, self._clock()) if token else None

    async def enable_factor(self, account: str, by: By) -> None:
        """Support let the account's codes work again."""
        async with self._database.write() as connection:
            await self._store.lock_factor(connection, account)
            await self._store.clear_factor(connection, account)
            await self._trail.append(connection, by, "factor.reset", at=self._clock(), subject=account)

    async def withdraw_codes(self, account: str, by: By) -> None:
        """Support changed where the account's codes go: one that went to the old place opens nothing any more."""
        async with self._database.write() as connection:
            await self._store.lock_factor(connection, account)
            now = self._clock()
            await self._sender.withdraw(connection, account, Purpose.SIGN_IN, now)
            await self._trail.append(connection, by, "codes.withdrawn", at=now, subject=account)

    async def prune(self, before: int) -> None:
        """Delete what ended before this time (ms)."""
        async with self._database.write() as connection:
            await self._store.prune(connection, before)

    # parts

    async def _held(self, connection: AsyncConnection, token: str | None) -> Challenge | None:
        if not token:
            return None
        challenge = await self._store.held_by(connection, token_digest(token), Purpose.SIGN_IN)
        return challenge if challenge is not None and challenge.is_open(self._clock()) else None

    async def _mine(self, connection: AsyncConnection, token: str | None, challenge_id: str) -> Challenge | None:
        challenge = await self._store.challenge(connection, challenge_id)
        if not token or challenge is None or not hmac.compare_digest(challenge.holder, token_digest(token)):
            return None
        return challenge
