"""Sending a code: every limit in one place, whoever asks (sign-in page, bot, text message, contact change)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.model import ContactPoint, Directory
from bot.audit.model import By, Trail
from bot.delivery.model import Kind, Message, Outbox
from bot.privacy import Keys, mask_email, mask_phone
from bot.verification.messages import Words
from bot.verification.model import (
    Channel,
    Limits,
    Origin,
    Purpose,
    Refusal,
    SendHistory,
    Verdict,
    code_digest,
    may_send,
    new_code,
    new_reference,
    next_wait,
    seconds_up,
)
from bot.verification.send_store import SendStore
from bot.verification.store import DAY, Challenge, Factor, VerificationStore


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is on its way. `destination` is masked; waits and lifetimes are seconds."""

    channel: Channel
    destination: str
    resend_after: int
    expires_in: int
    reference: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a code can go. `address` is in full and never leaves verification."""

    channel: Channel
    address: str
    opted_out: bool = False

    @property
    def masked(self) -> str:
        """What may be shown."""
        return mask(self.channel, self.address)


def mask(channel: str, address: str) -> str:
    """A number or an address, masked."""
    return mask_phone(address) if channel == Channel.SMS else mask_email(address)


class CodeSender:
    """Judges and sends, in the caller's transaction, whose account's factor is locked.

    Args:
        usable_number: False for numbers that texts must not go to (region, premium).
        make_code: for tests; `new_code` otherwise.
    """

    def __init__(
        self, store: VerificationStore, sends: SendStore, directory: Directory, outbox: Outbox, trail: Trail,
        keys: Keys, words: Words, limits: Limits, usable_number: Callable[[str], bool],
        make_code: Callable[[], str] = new_code,
    ) -> None:
        self._store = store
        self._sends = sends
        self._directory = directory
        self._outbox = outbox
        self._trail = trail
        self._pepper = keys.derive("code pepper")
        self._words = words
        self._limits = limits
        self._usable_number = usable_number
        self._make_code = make_code

    async def destinations(self, connection: AsyncConnection, account: str) -> tuple[Destination, ...]:
        """Where the account's codes can go, the recommended one first: text unless the number opted out."""
        points = await self._directory.contact_points(connection, account)
        found = [await self._destination(connection, point) for point in points]
        return tuple(sorted(found, key=lambda point: (point.opted_out, point.channel is not Channel.SMS)))

    async def judge(
        self, connection: AsyncConnection, challenge: Challenge, factor: Factor, destination: Destination | None,
        origin: Origin, now: int,
    ) -> Verdict:
        """May a code go there now?"""
        if factor.disabled:
            return Verdict(Refusal.FACTOR_DISABLED)
        if destination is None or (
            destination.channel is Channel.SMS and not self._usable_number(destination.address)
        ):
            return Verdict(Refusal.NO_DESTINATION)
        if destination.opted_out:
            return Verdict(Refusal.OPTED_OUT)
        if origin is Origin.BOT:
            count, _ = await self._sends.sends_in(connection, challenge, origin=Origin.BOT)
            if count >= self._limits.bot_resends:
                return Verdict(Refusal.BOT_LIMIT)
        channel, address = destination.channel, destination.address
        if origin is Origin.SMS:
            texts = await self._sends.sends(connection, now, channel=channel, address=address, origin=Origin.SMS)
            left = texts[0] + self._limits.sms_resend_wait * 1000 - now if texts else 0
            if left > 0:
                return Verdict(Refusal.TOO_SOON, seconds_up(left))
            if len(texts) >= self._limits.sms_resends_per_day:
                return Verdict(Refusal.SMS_LIMIT)
        count, last = await self._sends.sends_in(
            connection, challenge, since=now - self._limits.challenge_lifetime * 1000
        )
        history = SendHistory(
            count, last, await self._sends.sends(connection, now, account=challenge.account),
            await self._sends.sends(connection, now, channel=channel, address=address),
        )
        return may_send(history, now, self._limits)

    async def send(
        self, connection: AsyncConnection, challenge: Challenge, factor: Factor, destination: Destination | None,
        origin: Origin, by: By, now: int,
    ) -> Sent | Verdict:
        """Make a code and queue it, or say why not. Both are written into the audit record."""
        if destination is not None:
            await self._sends.lock_destination(connection, destination.channel, destination.address)
        verdict = await self.judge(connection, challenge, factor, destination, origin, now)
        if verdict.allowed and not await self._sends.count_send(connection, now, self._limits.sends_per_day_total):
            verdict = Verdict(Refusal.TOTAL_LIMIT, seconds_up(DAY - now % DAY))
        if destination is None or not verdict.allowed:
            await self._trail.append(
                connection, by, "code.refused", at=now, subject=challenge.id, rule=verdict.refusal or ""
            )
            return verdict
        sent = await self._issue(connection, challenge, destination, origin, now)
        await self._trail.append(connection, by, "code.queued", at=now, subject=challenge.id, rule=sent.channel)
        return sent

    async def _issue(
        self, connection: AsyncConnection, challenge: Challenge, destination: Destination, origin: Origin, now: int
    ) -> Sent:
        limits, channel = self._limits, destination.channel
        before = await self._store.last_code(connection, challenge.id)
        code, reference = self._make_code(), new_reference(before.reference if before else None)
        expires_at = now + limits.code_lifetime * 1000
        await self.withdraw(connection, challenge.account, challenge.purpose, now)
        await self._store.add_code(
            connection, challenge, channel=channel, origin=origin, destination=destination.address,
            digest=self.digest(challenge.id, challenge.account, channel, challenge.purpose, code),
            reference=reference, now=now, expires_at=expires_at,
        )
        if channel is Channel.SMS:
            subject, body = "", self._words.code_text(code, reference)
        else:
            confirms = challenge.purpose is Purpose.CONTACT_POINT
            subject = self._words.code_subject(reference, confirms=confirms)
            body = self._words.code_email(code, reference, confirms=confirms)
        about = _about(challenge.account, challenge.purpose)
        await self._outbox.put(
            connection, Message(Kind.CODE, channel, destination.address, body, expires_at, subject, about), now
        )
        count, _ = await self._sends.sends_in(connection, challenge, since=now - limits.challenge_lifetime * 1000)
        return Sent(channel, destination.masked, next_wait(count, limits), limits.code_lifetime, reference)

    async def withdraw(self, connection: AsyncConnection, account: str, purpose: Purpose, now: int) -> None:
        """Make an account's live code of this purpose useless; one that has not left yet does not leave."""
        await self._store.supersede(connection, account, purpose)
        await self._outbox.cancel(connection, _about(account, purpose), now)

    async def resend_after(self, connection: AsyncConnection, challenge: Challenge, now: int) -> int:
        """Seconds until another code of a sign-in may be asked for."""
        count, last = await self._sends.sends_in(connection, challenge)
        if last is None:
            return 0
        return max(0, seconds_up(last + next_wait(count, self._limits) * 1000 - now))

    def digest(self, challenge: str, account: str, channel: str, purpose: str | Purpose, code: str) -> bytes:
        """What is stored instead of a code."""
        return code_digest(
            self._pepper, challenge=challenge, account=account, channel=channel, purpose=str(purpose), code=code
        )

    async def pending(self, connection: AsyncConnection, challenge: Challenge) -> Destination | None:
        """The new contact point that waits for its confirmation."""
        if challenge.pending is None or challenge.pending_channel is None:
            return None
        return await self._destination(connection, ContactPoint(challenge.pending_channel, challenge.pending))

    async def _destination(self, connection: AsyncConnection, point: ContactPoint) -> Destination:
        by_text = point.channel == Channel.SMS
        return Destination(
            Channel(point.channel), point.address,
            by_text and await self._outbox.opted_out(connection, point.address),
        )


def _about(account: str, purpose: Purpose) -> str:
    """By what the outbox knows the messages that a newer code makes useless."""
    return f"code:{account}:{purpose}"
