"""A served chat with the echo engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from bot.app import Parts, create_app
from bot.db import Database
from bot.events import Event
from bot.privacy import Keys
from bot.settings import Settings
from tests.conftest import Serve
from tests.echo_engine import EchoEngine


def texts(answer: httpx.Response) -> list[str]:
    """The texts of an answer's messages."""
    return [message["text"] for message in answer.json()["messages"]]


@dataclass
class Chat:
    """A client of a served chat, and what the chat's neighbours saw."""

    client: httpx.AsyncClient
    engine: EchoEngine
    database: Database
    events: list[Event] = field(default_factory=list)
    exposed: list[tuple[str, str]] = field(default_factory=list)
    bound: list[tuple[str, str]] = field(default_factory=list)

    async def begin(self, **body: Any) -> list[dict[str, Any]]:
        """Begin a conversation; its greeting."""
        answer = await self.client.post("/chat/session", json=body)
        assert answer.status_code == 201, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    async def say(self, text: str, id: str | None = None, **rest: Any) -> httpx.Response:
        """Say something."""
        return await self.client.post("/chat/messages", json={"id": id or str(uuid4()), "text": text}, **rest)

    async def press(self, payload: str) -> httpx.Response:
        """Choose a button."""
        return await self.client.post("/chat/messages", json={"id": str(uuid4()), "payload": payload})


MakeChat = Callable[..., Awaitable[Chat]]


@pytest_asyncio.fixture
async def make_chat(database: Database, keys: Keys, settings_for: Callable[..., Settings], serve: Serve) -> MakeChat:
    """Serves a chat on each kind of database; keyword arguments are settings, `parts` replaces parts."""

    async def make(parts: dict[str, Any] | None = None, **settings: Any) -> Chat:
        engine = (parts or {}).get("engine") or EchoEngine()
        chat = Chat(httpx.AsyncClient(), engine, database)

        async def record(event: Event) -> None:
            chat.events.append(event)

        async def exposed(conversation: str, code: str) -> None:
            chat.exposed.append((conversation, code))

        async def bind(handoff: str, conversation: str) -> bool:
            chat.bound.append((handoff, conversation))
            return handoff == "good"

        values = {
            "chat_per_session": "1000/60", "chat_per_address": "1000/60", "verification_url": "none", **settings,
        }
        chosen = Parts(**{
            "engine": engine, "database": Database(database.url.render_as_string(hide_password=False)), "keys": keys,
            "record": record, "exposed": exposed, "bind": bind, "migrate": False, **(parts or {}),
        })
        chat.client = await serve(create_app(settings_for(**values), chosen))
        return chat

    return make


@pytest_asyncio.fixture
async def chat(make_chat: MakeChat) -> Chat:
    """A served chat with a conversation begun."""
    made = await make_chat()
    await made.begin()
    return made
