"""How fast one conversation, one address and one texting number may talk to us."""

from __future__ import annotations

import logging
from enum import Enum, auto

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


class Pace(Enum):
    """What becomes of a text."""

    ANSWER = auto()
    NOTICE = auto()
    """Too many: it is not answered, but the sender is told, once."""
    SILENCE = auto()


class SmsLimits:
    """Counts each sender's texts, in the shared store or in memory while that is away. Whoever sends too many is told
    once a window, then hears nothing: two machines that answer each other must not go on for ever."""

    def __init__(self, limiter: Limiter, per_sender: Rate, per_day: int) -> None:
        self._limiter = limiter
        self._fallback = Limiter()
        self._rates = (("sms-burst", per_sender), ("sms-day", Rate(per_day, 24 * 3600)))

    async def judge(self, conversation: str) -> Pace:
        """Count one text of the sender with this conversation."""
        for name, rate in self._rates:
            if await self._hit(name, conversation, rate):
                told = await self._hit(f"{name}-notice", conversation, Rate(1, rate.seconds))
                return Pace.SILENCE if told else Pace.NOTICE
        return Pace.ANSWER

    async def _hit(self, name: str, key: str, rate: Rate) -> int:
        try:
            return await self._limiter.hit(name, key, rate)
        except LimiterUnavailable:
            log.warning("limiter unavailable, counting in memory")
            return await self._fallback.hit(name, key, rate)
