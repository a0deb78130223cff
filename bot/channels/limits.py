"""How fast one conversation and one address may talk to the chat."""

from __future__ import annotations

import logging

from bot.http.client_address import limit_key
from bot.http.limits import Limiter, LimiterUnavailable
from bot.http.problem import Limit
from bot.settings import Rate

log = logging.getLogger("twostep.chat")


class ChatLimits:
    """Counts in the shared store, and in this process's memory while that is away: the chat goes on."""

    def __init__(self, limiter: Limiter, per_session: Rate, per_address: Rate) -> None:
        self._limiter = limiter
        self._fallback = Limiter()
        self._per_session = per_session
        self._per_address = per_address

    async def session(self, conversation: str) -> None:
        """Count one message of a conversation.

        Raises:
            Limit: too many; says when the next one is welcome.
        """
        await self._hit("chat-session", conversation, self._per_session)

    async def address(self, address: str) -> None:
        """Count one message, or one new conversation, of an address.

        Raises:
            Limit
        """
        await self._hit("chat-address", limit_key(address), self._per_address)

    async def _hit(self, name: str, key: str, rate: Rate) -> None:
        try:
            wait = await self._limiter.hit(name, key, rate)
        except LimiterUnavailable:
            log.warning("limiter unavailable, counting in memory")
            wait = await self._fallback.hit(name, key, rate)
        if wait:
            raise Limit("Please wait a moment before you write again.", retry_after=wait)
