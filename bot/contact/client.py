"""`bot.contact.model.ContactClient` for the service in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.audit.model import Actor, By
from bot.contact.model import DraftView, Field, Problem
from bot.contact.service import ContactService
from bot.db import UNAVAILABLE
from bot.verification.model import ClientUnavailable


class LocalContact:
    """See the protocol."""

    def __init__(self, service: ContactService) -> None:
        self._service = service

    async def save_draft(self, conversation: str, field: str, value: str) -> Problem | None:
        """See the protocol."""
        async with _reachable():
            return await self._service.save_draft(conversation, Field(field), value)

    async def draft(self, conversation: str) -> DraftView:
        """See the protocol."""
        async with _reachable():
            return await self._service.draft(conversation)

    async def discard(self, conversation: str) -> None:
        """See the protocol."""
        async with _reachable():
            await self._service.discard(conversation)

    async def file(self, conversation: str, *, include_transcript: bool = False) -> str:
        """See the protocol."""
        async with _reachable():
            return await self._service.file_draft(
                conversation, By.here(Actor.BOT), include_transcript=include_transcript
            )


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except UNAVAILABLE as error:
        raise ClientUnavailable(type(error).__name__) from None
