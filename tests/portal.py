"""A portal for tests: the whole backend on a database, with a clock that is set by hand and a simulated phone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from argon2 import PasswordHasher

from bot.accounts.demo import PASSWORD, add_demo_people
from bot.accounts.passwords import Passwords
from bot.backend import Backend, build_backend
from bot.db import Database
from bot.delivery.opt_outs import SenderOptOuts
from bot.events import Event
from bot.http.limits import Limiter
from bot.http.server import new_app, serving
from bot.privacy import Keys
from bot.settings import Settings

CREDENTIAL = "a bot credential for the tests only"
BEARER = {"Authorization": f"Bearer {CREDENTIAL}"}
START = 1_790_000_000_000


@dataclass
class HandClock:
    """Integer milliseconds that move only when told."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += round(seconds * 1000)


@dataclass
class Portal:
    """The backend, its clock, what it recorded; `http` is a browser once it is served."""

    backend: Backend
    clock: HandClock
    database: Database
    settings: Settings
    events: list[Event] = field(default_factory=list)
    url: str = ""

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """A new browser: cookies of its own."""
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30, **options)

    async def texts_from(self, number: str, keyword: str) -> None:
        """Somebody texts STOP or START to the number that codes come from."""
        opt_outs = SenderOptOuts(
            self.database, self.backend.outbox, self.backend.audit, self.clock, self.settings.code_sender
        )
        await {"STOP": opt_outs.stop, "START": opt_outs.start}[keyword](number, self.settings.code_sender)

    async def deliver(self) -> None:
        """Let the worker do what is due."""
        while await self.backend.worker.turn():
            pass

    async def codes(self) -> list[str]:
        """Every code that arrived, newest first."""
        await self.deliver()
        found = (re.findall(r"\b\d{6}\b", message.body) for message in self.backend.inbox.messages())
        return [codes[0] for codes in found if codes]

    async def code(self) -> str:
        """The newest code that arrived."""
        return (await self.codes())[0]

    async def begin(self, browser: httpx.AsyncClient, username: str = "alex") -> str:
        """The first step; gives the challenge."""
        answer = await browser.post("/v1/sign-in", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["challenge"])

    async def send(
        self, browser: httpx.AsyncClient, challenge: str, channel: str = "sms", **headers: str
    ) -> httpx.Response:
        """Ask for a code."""
        return await browser.post(f"/v1/challenges/{challenge}/code", json={"channel": channel}, headers=headers)

    async def verify(self, browser: httpx.AsyncClient, challenge: str, code: str) -> httpx.Response:
        """Enter a code."""
        return await browser.post(f"/v1/challenges/{challenge}/verify", json={"code": code})

    async def sign_in(self, browser: httpx.AsyncClient, username: str = "alex", channel: str = "sms") -> None:
        """Both steps."""
        challenge = await self.begin(browser, username)
        assert (await self.send(browser, challenge, channel)).status_code == 202
        assert (await self.verify(browser, challenge, await self.code())).status_code == 200

    async def bind(self, browser: httpx.AsyncClient, conversation: str) -> httpx.Response:
        """Hand the browser's sign-in over to a conversation."""
        handoff = (await browser.post("/v1/handoffs")).json()["handoff"]
        return await browser.post(
            "/v1/bot/handoffs/bind", json={"handoff": handoff, "conversation": conversation}, headers=BEARER
        )


def wrong(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


@asynccontextmanager
async def portal_on(
    database: Database, settings: Settings, *, limiter: Limiter | None = None, keys: Keys | None = None,
    passwords: Passwords | None = None, **options: Any,
) -> AsyncIterator[Portal]:
    """A portal with the demo people, not served."""
    clock, events = HandClock(), []

    async def record(event: Event) -> None:
        events.append(event)

    passwords = passwords or Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    backend = build_backend(
        settings, database, keys or Keys(b"a master secret for the tests only"), clock, record,
        limiter or Limiter(), passwords=passwords, **options,
    )
    await add_demo_people(backend.accounts)
    try:
        yield Portal(backend, clock, database, settings, events)
    finally:
        await backend.stop()


@asynccontextmanager
async def served(portal: Portal) -> AsyncIterator[Portal]:
    """The same, behind HTTP."""
    app = new_app(portal.settings, portal.backend.apis)
    async with serving(app) as port:
        portal.url = f"http://127.0.0.1:{port}"
        yield portal
