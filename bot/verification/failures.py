"""Failed sign-ins by client address. Successes do not count: a waiting room shares one address."""

from __future__ import annotations

from bot.http.client_address import limit_key
from bot.http.limits import Limiter, LimiterUnavailable
from bot.settings import Rate
from bot.verification.service import SendsUnavailable

NAME = "sign_in_failures"


class AddressFailures:
    """Counts wrong passwords and wrong codes of an address (IPv6: of its /64)."""

    def __init__(self, limiter: Limiter, rate: Rate) -> None:
        self._limiter = limiter
        self._rate = rate

    async def wait(self, address: str) -> int:
        """Seconds until the address is heard again, 0 for now. With the store down everybody is heard."""
        try:
            return await self._limiter.check(NAME, limit_key(address), self._rate)
        except LimiterUnavailable:
            return 0

    async def count(self, address: str) -> None:
        """One more failure."""
        try:
            await self._limiter.hit(NAME, limit_key(address), self._rate)
        except LimiterUnavailable:
            return

    async def ready(self) -> None:
        """Sends go only while the limiter's store answers.

        Raises:
            SendsUnavailable: it does not.
        """
        try:
            await self._limiter.ping()
        except LimiterUnavailable:
            raise SendsUnavailable from None
