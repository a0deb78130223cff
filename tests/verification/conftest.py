"""A portal on each database, and one on SQLite for what is not about the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest_asyncio

from bot.db import Database
from bot.settings import Settings
from tests.portal import CREDENTIAL, Portal, portal_on, served


@pytest_asyncio.fixture
async def portal(database: Database, settings_for: Callable[..., Settings]) -> AsyncIterator[Portal]:
    """A served portal; the test runs once for each database."""
    async with portal_on(database, settings_for(bot_credential=CREDENTIAL)) as made, served(made):
        yield made


@pytest_asyncio.fixture
async def lite(sqlite_database: Database, settings_for: Callable[..., Settings]) -> AsyncIterator[Portal]:
    """A served portal on SQLite."""
    async with portal_on(sqlite_database, settings_for(bot_credential=CREDENTIAL)) as made, served(made):
        yield made


@pytest_asyncio.fixture
async def browser(lite: Portal) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the SQLite portal."""
    async with lite.browser() as client:
        yield client
