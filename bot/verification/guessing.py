"""A typed code: count the guess, then judge it.

Each guess is claimed by conditional UPDATEs of the account's failures and of the code's tries before anything is
compared, so that parallel guesses cannot exceed either (NIST SP 800-63B-4, 3.2.2; OWASP ASVS 5.0, V6).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.model import Account, Directory
from bot.audit.model import By, Trail
from bot.db import Clock
from bot.verification.model import Limits, guess_wait, is_code, seconds_up
from bot.verification.sending import CodeSender
from bot.verification.store import Challenge, Factor, VerificationStore


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Wrong, expired, used, superseded, locked, of another browser: one answer."""


@dataclass(frozen=True, slots=True)
class GuessLater:
    """Too many wrong codes; seconds until the next is heard."""

    retry_after: int


class Guesses:
    """Judges in the caller's transaction, which locks the account's factor."""

    def __init__(
        self, store: VerificationStore, sender: CodeSender, directory: Directory, trail: Trail, clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._sender = sender
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._limits = limits

    async def judge(
        self, connection: AsyncConnection, challenge: Challenge, code: str, by: By
    ) -> Account | WrongCode | GuessLater:
        """The account whose code it was, or why not; spends the code."""
        factor = await self._store.lock_factor(connection, challenge.account)
        now = self._clock()
        if factor.disabled:
            return WrongCode()
        if factor.wait_until > now:
            return GuessLater(seconds_up(factor.wait_until - now))
        again = await self._store.challenge(connection, challenge.id)
        if again is None or not again.is_open(now):
            return WrongCode()
        failures = factor.failures + 1
        wait = guess_wait(failures, self._limits)
        counted = await self._store.claim_guess(
            connection, factor, now, wait_until=now + wait * 1000 if wait else 0,
            disabled=failures >= self._limits.guess_disable_after,
        )
        if not counted:
            return WrongCode()
        if not await self._spend(connection, challenge, code, now):
            await self._trail.append(
                connection, by, "code.wrong", at=now, subject=challenge.id, rule=self._rule(factor)
            )
            return WrongCode()
        await self._store.clear_factor(connection, challenge.account)
        account = await self._directory.account(connection, challenge.account)
        return account if account is not None and not account.disabled else WrongCode()

    def _rule(self, factor: Factor) -> str:
        disabled = factor.failures + 1 >= self._limits.guess_disable_after
        return "factor_disabled" if disabled else f"failure_{factor.failures + 1}"

    async def _spend(self, connection: AsyncConnection, challenge: Challenge, code: str, now: int) -> bool:
        live = await self._store.last_code(connection, challenge.id)
        if live is None or not is_code(code):
            return False
        if not await self._store.claim_try(connection, live.id, self._limits.code_tries, now):
            return False
        digest = self._sender.digest(challenge.id, challenge.account, live.channel, challenge.purpose, code)
        if not hmac.compare_digest(digest, live.digest):
            return False
        return await self._store.end_code(connection, live.id, "used") and await self._store.pass_challenge(
            connection, challenge.id, now
        )
