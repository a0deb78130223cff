"""The bot's view of a portal: in this process, or at a URL. Both pass tests/verification/contract.py."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.audit.model import Actor, By, request_in_hand
from bot.db import UNAVAILABLE
from bot.verification.bot_service import BotService, redeemed_from
from bot.verification.handoff_store import KeyReused
from bot.verification.model import Channel, ClientUnavailable, Redeemed, SignInStatus
from bot.verification.service import SendsUnavailable

log = logging.getLogger("twostep.verification")

TIMEOUT = 3.0  # seconds for a whole call; a turn of the assistant has five


class LocalVerification:
    """`VerificationClient` for the backend in this process."""

    def __init__(self, service: BotService) -> None:
        self._service = service

    async def bind(self, handoff: str, conversation: str) -> bool:
        """See the protocol."""
        async with _reachable():
            return await self._service.bind(handoff, conversation, By.here(Actor.BOT))

    async def status(self, conversation: str) -> SignInStatus:
        """See the protocol."""
        async with _reachable():
            return await self._service.status(conversation)

    async def redeem(
        self, conversation: str, *, action: str = "resend", channel: str | None = None, idempotency_key: str
    ) -> Redeemed:
        """See the protocol."""
        wanted = Channel(channel) if channel else None
        async with _reachable():
            return await self._service.redeem(conversation, wanted, idempotency_key, By.here(Actor.BOT))

    async def exposed(self, conversation: str, code: str) -> None:
        """See the protocol."""
        async with _reachable():
            await self._service.exposed(conversation, code, By.here(Actor.BOT))

    async def sms_resend(self, sender: str) -> None:
        """See the protocol."""
        async with _reachable():
            await self._service.sms_resend(sender, By.here(Actor.BOT))

    async def close(self) -> None:
        """Nothing to let go of."""


class HttpVerification:
    """`VerificationClient` for a portal elsewhere.

    A portal has to offer `bind` and `redeem`. Where it answers 404 to the others: `status` counts as waiting with
    the destination unknown, and reports of exposed codes and texts asking for a code go nowhere.

    Args:
        url: without a trailing slash.
        credential: the bot's.
    """

    def __init__(self, url: str, credential: str, *, timeout: float = TIMEOUT) -> None:
        self._url = url
        self._credential = credential
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def bind(self, handoff: str, conversation: str) -> bool:
        """See the protocol."""
        status, _ = await self._post("/v1/bot/handoffs/bind", {"handoff": handoff, "conversation": conversation})
        if status == 204:
            return True
        if status in (400, 403, 404, 409):
            return False
        raise _unavailable(f"bind answered {status}")

    async def status(self, conversation: str) -> SignInStatus:
        """See the protocol."""
        status, body = await self._post("/v1/bot/conversations/status", {"conversation": conversation})
        if status == 404:
            return SignInStatus(True, retry_after=0)
        if status != 200:
            raise _unavailable(f"status answered {status}")
        try:
            return SignInStatus(
                bool(body["waiting"]), Channel(body["channel"]) if body.get("channel") else None,
                body.get("destination"), tuple(Channel(one) for one in body.get("other_channels") or ()),
                body.get("retry_after"),
            )
        except (KeyError, ValueError, TypeError):
            raise _unavailable("status answered something else") from None

    async def redeem(
        self, conversation: str, *, action: str = "resend", channel: str | None = None, idempotency_key: str
    ) -> Redeemed:
        """See the protocol."""
        body: dict[str, Any] = {"conversation": conversation, "action": action}
        if channel is not None:
            body["channel"] = Channel(channel).value
        status, answer = await self._post(
            "/v1/bot/conversations/redeem", body, {"Idempotency-Key": idempotency_key}
        )
        if status != 200:
            raise _unavailable(f"redeem answered {status}")
        try:
            return redeemed_from(answer)
        except (KeyError, ValueError, TypeError):
            raise _unavailable("redeem answered something else") from None

    async def exposed(self, conversation: str, code: str) -> None:
        """See the protocol."""
        status, _ = await self._post(
            "/v1/bot/conversations/exposed", {"conversation": conversation, "code": code}
        )
        if status not in (204, 404):
            raise _unavailable(f"exposed answered {status}")

    async def sms_resend(self, sender: str) -> None:
        """See the protocol."""
        status, _ = await self._post("/v1/bot/sms-resend", {"from": sender})
        if status not in (200, 202, 204, 404):
            raise _unavailable(f"sms-resend answered {status}")

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(
        self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, headers={"Authorization": f"Bearer {self._credential}"}
            )
        try:
            async with self._session.post(
                self._url + path, json=body, headers=headers, allow_redirects=False
            ) as response:
                is_json = response.status == 200 and response.content_type == "application/json"
                answer = await response.json() if is_json else {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unavailable(type(error).__name__) from None
        return response.status, answer if isinstance(answer, dict) else {}


def _unavailable(reason: str) -> ClientUnavailable:
    """Logged here, once and with its reason: who asked knows only that nothing may be claimed."""
    log.info("the portal elsewhere failed", extra={"request_id": request_in_hand.get(), "reason": reason})
    return ClientUnavailable(reason)


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except (*UNAVAILABLE, SendsUnavailable, KeyReused) as error:
        raise ClientUnavailable(type(error).__name__) from None
