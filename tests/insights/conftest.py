"""Staff and patients before the served application, with the small engine."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import httpx
import pytest_asyncio
from argon2 import PasswordHasher
from sqlalchemy import text as sql

from bot.accounts.demo import PASSWORD
from bot.accounts.passwords import Passwords
from bot.app import Parts, create_app
from bot.db import Database
from bot.settings import Settings
from tests.conftest import Serve
from tests.echo_engine import EchoEngine

LIMITS = {"chat_per_session": "1000/60", "chat_per_address": "1000/60", "failures_per_address": "1000/60"}

Enter = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture
async def enter(
    sqlite_database: Database, settings_for: Callable[..., Settings], serve: Serve
) -> AsyncIterator[Enter]:
    """`await enter(username)`: a client of the served application, signed in in two steps; nobody without a name."""
    own = Database(sqlite_database.url.render_as_string(hide_password=False))
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    settings = settings_for(guess_disable_after=5, code_tries=10, **LIMITS)
    app = create_app(settings, Parts(engine=EchoEngine(), database=own, passwords=cheap, migrate=False))
    served = await serve(app)
    opened: list[httpx.AsyncClient] = []

    async def make(username: str) -> httpx.AsyncClient:
        client = httpx.AsyncClient(base_url=served.base_url, trust_env=False, timeout=60)
        opened.append(client)
        if not username:
            return client
        before = len((await client.get("/demo/outbox.json")).json()["messages"])
        begun = (await client.post("/v1/sign-in", json={"username": username, "password": PASSWORD})).json()
        channel = begun["channels"][0]["channel"]
        await client.post(f"/v1/challenges/{begun['challenge']}/code", json={"channel": channel})
        for _ in range(150):
            messages = (await client.get("/demo/outbox.json")).json()["messages"]
            if len(messages) > before:
                break
            await asyncio.sleep(0.02)
        code = re.search(r"\b\d{6}\b", messages[0]["body"])
        assert code
        done = await client.post(f"/v1/challenges/{begun['challenge']}/verify", json={"code": code[0]})
        assert done.status_code == 200, done.text
        return client

    yield make
    for client in opened:
        await client.aclose()


async def talk(client: httpx.AsyncClient, *texts: str, helpful: bool | None = None) -> None:
    """A patient's conversation, for the console to show; `helpful` is the thumb on each answer."""
    await client.post("/chat/session", json={})
    for text in texts:
        answer = await client.post("/chat/messages", json={"id": str(uuid4()), "text": text})
        assert answer.status_code == 200
        if helpful is not None:
            thumb = {"message": answer.json()["messages"][-1]["id"], "helpful": helpful}
            assert (await client.post("/chat/feedback", json=thumb)).status_code == 204


async def audited(database: Database, like: str = "staff.%") -> list[tuple[str, str]]:
    """Action and subject of the record's lines, in order."""
    query = sql("SELECT action, subject FROM audit WHERE action LIKE :like ORDER BY at, seq")
    async with database.read() as connection:
        return [(row.action, row.subject) for row in await connection.execute(query, {"like": like})]


def rows(answer: httpx.Response) -> list[list[str]]:
    """The lines of a CSV file to save."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.reader(io.StringIO(answer.text)))


def entry(page: str) -> dict[str, str]:
    """The hidden fields of the queue's first form."""
    found = {name: re.search(f'name="{name}" value="([^"]+)"', page) for name in ("conversation", "seq", "state")}
    return {name: match[1] for name, match in found.items() if match}
