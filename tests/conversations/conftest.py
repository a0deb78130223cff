"""The whole application for a conversation: real engine and backend, simulated phone and inbox, one browser."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio
from argon2 import PasswordHasher
from sanic import Sanic

from bot.accounts.demo import PASSWORD
from bot.accounts.passwords import Passwords
from bot.app import Parts, create_app
from bot.db import Database
from bot.settings import Settings
from tests.engine.conftest import engine, make_engine, model  # noqa: F401  # stories are played on the bare engine
from tests.engine.stock import every_step_as_stock_rasa  # noqa: F401


class Clock:
    """The application's clock, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


class Patient:
    """One patient's browser: signs in, chats, looks at the phone."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock, app: Sanic[Any, Any]) -> None:
        self.client = client
        self.clock = clock
        self.app = app
        self.buttons: dict[str, str] = {}
        self.challenge = ""

    async def sign_in(self, username: str = "alex", channel: str = "sms", hand_over: bool = True) -> None:
        """The password step, a first code, and the handoff that the widget would make."""
        begun = await self.client.post("/v1/sign-in", json={"username": username, "password": PASSWORD})
        assert begun.status_code == 202, begun.text
        self.challenge = begun.json()["challenge"]
        sent = await self.client.post(f"/v1/challenges/{self.challenge}/code", json={"channel": channel})
        assert sent.status_code == 202, sent.text
        await self.open_chat()
        if hand_over:
            made = await self.client.post("/v1/handoffs")
            bound = await self.client.put("/chat/session/handoff", json={"handoff": made.json()["handoff"]})
            assert bound.status_code == 204

    async def open_chat(self) -> None:
        """Begin a conversation."""
        await self.client.post("/chat/session", json={})

    async def say(self, text: str) -> str:
        """Type something; gives all that the assistant answered, as one text."""
        return await self._send({"id": str(uuid4()), "text": text})

    async def say_first(self, text: str) -> str:
        """Type something in a conversation that begins with it."""
        await self.client.delete("/chat/session")
        await self.open_chat()
        return await self.say(text)

    async def press(self, title: str) -> str:
        """Press a button of an earlier message."""
        return await self._send({"id": str(uuid4()), "payload": self.buttons[title]})

    async def _send(self, body: dict[str, str]) -> str:
        answer = await self.client.post("/chat/messages", json=body)
        assert answer.status_code == 200, answer.text
        messages = answer.json()["messages"]
        self.kinds = [message["kind"] for message in messages]
        offered = {button["title"]: button["payload"] for message in messages for button in message["buttons"]}
        self.offered = list(offered)
        self.buttons.update(offered)
        return "\n".join(message["text"] for message in messages)

    async def mail(self, count: int) -> list[dict[str, Any]]:
        """What came to the simulated phone and inbox, newest first, as soon as this many messages are there."""
        for _ in range(500):
            messages = (await self.client.get("/demo/outbox.json")).json()["messages"]
            if len(messages) >= count:
                break
            await asyncio.sleep(0.02)
        assert len(messages) == count, messages
        return messages

    async def codes(self, count: int) -> list[str]:
        """The codes that came, newest first."""
        found = [re.search(r"\b\d{6}\b", message["body"]) for message in await self.mail(count)]
        return [match.group() for match in found if match]


Arrive = Callable[..., Awaitable[Patient]]


@pytest_asyncio.fixture
async def arrive(
    model: Path,  # noqa: F811
    sqlite_database: Database,
    sqlite_template: Path,
    settings_for: Callable[..., Settings],
    serve: Callable[..., Awaitable[httpx.AsyncClient]],
    tmp_path: Path,
) -> AsyncIterator[Arrive]:
    """`await arrive(**settings)`: a patient before an application, served; the first one's keeps `sqlite_database`."""
    addresses = [sqlite_database.url.render_as_string(hide_password=False)]

    async def make(**values: Any) -> Patient:
        if not addresses:
            # A database each: a worker sends whatever is in its outbox, to the simulated phone of its own application.
            file = tmp_path / f"{uuid4().hex}.sqlite3"
            shutil.copy(sqlite_template, file)
            addresses.append(f"sqlite+aiosqlite:///{file}")
        clock = Clock()
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        # Connections of its own: an application that stops closes them under nobody else.
        own = Database(addresses.pop())
        parts = Parts(database=own, passwords=cheap, clock=clock, migrate=False)
        app = create_app(settings_for(chat_per_session="1000/60", chat_per_address="1000/60", **values), parts)
        return Patient(await serve(app), clock, app)

    yield make


