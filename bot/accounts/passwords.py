"""Passwords: argon2id in a pool of two threads, so that hashing never stalls the other patients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.accounts.model import PasswordsBusy

THREADS = 2
MOST_WAITING = 100  # about five seconds of hashing here


class Passwords:
    """Hashes and checks.

    Args:
        hasher: argon2id with RFC 9106's second recommended memory, about 0.1 s and 64 MiB each; tests that are not about
            its cost pass a cheap one.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._slots = asyncio.Semaphore(THREADS)
        self._waiting = 0
        self._dummy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(
        self, stored: str | None, password: str, *, still_allowed: Callable[[], Awaitable[bool]] | None = None
    ) -> bool:
        """True when the password fits. `stored=None` (nobody of that name) takes the same time and is False.

        Raises:
            PasswordsBusy: too many wait already.
        """
        if self._waiting >= MOST_WAITING:
            raise PasswordsBusy
        self._waiting += 1
        try:
            async with self._slots:
                if still_allowed is not None and not await still_allowed():
                    return False
                fits = await asyncio.get_running_loop().run_in_executor(
                    self._pool, self._verify, stored or self._dummy, password
                )
        finally:
            self._waiting -= 1
        return fits and stored is not None

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
