"""Use cases of changing where codes go: a code proves the new number or address, and the old one is told."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.model import Account, ContactPoint, Directory, Session
from bot.audit.model import By, Trail
from bot.db import Clock, Database
from bot.delivery.model import Kind, Message, Outbox
from bot.verification.guessing import Guesses, GuessLater, WrongCode
from bot.verification.messages import Words
from bot.verification.model import Channel, Limits, Origin, Purpose, Verdict
from bot.verification.sending import CodeSender, Destination, Sent
from bot.verification.service import always_ready
from bot.verification.store import Challenge, VerificationStore

NOTICE_LIFETIME = 3 * 86_400_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Changed:
    """The contact point is in use."""

    channel: Channel
    destination: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A contact point that waits for its code; the message with the code names the reference."""

    destination: Destination
    reference: str


class ContactPoints:
    """A signed-in person's numbers and addresses; arguments as in `SignInService`."""

    def __init__(
        self, database: Database, store: VerificationStore, sender: CodeSender, guesses: Guesses, directory: Directory,
        outbox: Outbox, trail: Trail, clock: Clock, limits: Limits, words: Words,
        ready: Callable[[], Awaitable[None]] = always_ready,
    ) -> None:
        self._database = database
        self._store = store
        self._sender = sender
        self._guesses = guesses
        self._directory = directory
        self._outbox = outbox
        self._trail = trail
        self._clock = clock
        self._limits = limits
        self._words = words
        self._ready = ready

    async def of(self, account: str) -> tuple[Destination, ...]:
        """Where the account's codes go."""
        async with self._database.read() as connection:
            return await self._sender.destinations(connection, account)

    async def pending(self, session: Session) -> Pending | None:
        """What the session's person asked to change and has not confirmed yet."""
        async with self._database.read() as connection:
            challenge = await self._store.open_change(connection, session.digest, self._clock())
            destination = await self._sender.pending(connection, challenge) if challenge else None
            code = await self._store.last_code(connection, challenge.id) if challenge else None
        return Pending(destination, code.reference) if destination and code else None

    async def change(self, session: Session, channel: Channel, address: str, by: By) -> Sent | Verdict:
        """Ask for a new contact point; a code goes to it. `address` is checked and in one spelling.

        Raises:
            SendsUnavailable: the limiter's store is down.
        """
        await self._ready()
        async with self._database.write() as connection:
            factor = await self._store.lock_factor(connection, session.account.id)
            now = self._clock()
            challenge = Challenge(
                secrets.token_hex(16), session.account.id, Purpose.CONTACT_POINT, session.digest, "open", now,
                now + self._limits.challenge_lifetime * 1000, channel, address,
            )
            await self._store.add_challenge(connection, challenge)
            pending = await self._sender.pending(connection, challenge)
            sent = await self._sender.send(connection, challenge, factor, pending, Origin.WEB, by, now)
            if isinstance(sent, Verdict):  # the contact point that waited before goes on waiting
                await self._store.drop_challenge(connection, challenge.id)
        self._outbox.wake()
        return sent

    async def confirm(self, session: Session, code: str, by: By) -> Changed | WrongCode | GuessLater:
        """Take the new contact point into use; the old one is told."""
        async with self._database.write() as connection:
            await self._store.lock_factor(connection, session.account.id)
            challenge = await self._store.open_change(connection, session.digest, self._clock())
            if challenge is None or challenge.pending is None or challenge.pending_channel is None:
                return WrongCode()
            guess = await self._guesses.judge(connection, challenge, code, by)
            if not isinstance(guess, Account):
                return guess
            now = self._clock()
            channel = challenge.pending_channel
            old = await self._directory.contact_points(connection, guess.id)
            await self._directory.replace_contact_point(
                connection, guess.id, ContactPoint(channel, challenge.pending), now
            )
            # Whoever holds the phone that was given up may hold a code as well.
            await self._sender.withdraw(connection, guess.id, Purpose.SIGN_IN, now)
            await self._tell(connection, old, ContactPoint(channel, challenge.pending), now)
            await self._trail.append(
                connection, by, "contact_point.changed", at=now, subject=guess.id, rule=channel
            )
        self._outbox.wake()
        return Changed(channel, Destination(channel, challenge.pending).masked)

    async def _tell(
        self, connection: AsyncConnection, old: tuple[ContactPoint, ...], new: ContactPoint, now: int
    ) -> None:
        """Tell the replaced contact point; where there was none, or it wants no texts, the account's other ones."""
        if new in old:
            return
        told = [
            point for point in old
            if point.channel != Channel.SMS or not await self._outbox.opted_out(connection, point.address)
        ]
        what = "mobile number" if new.channel == Channel.SMS else "email address"
        for point in [point for point in told if point.channel == new.channel] or told:
            await self._outbox.put(connection, Message(
                Kind.NOTICE, point.channel, point.address, self._words.changed(what), now + NOTICE_LIFETIME,
                "" if point.channel == Channel.SMS else self._words.changed_subject(),
            ), now)
