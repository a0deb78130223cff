"""Plays whole dialogues with the real assistant, for recordings: chat, texts, sign-ins, thumbs, failures, pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from argon2 import PasswordHasher
from sanic import Sanic

from bot.accounts.passwords import Passwords
from bot.app import Parts, create_app
from bot.events import Event
from bot.http.server import serving
from bot.settings import Settings
from bot.verification.model import ClientUnavailable
from tests.channels.patient import PATH, TOKEN, Patient, sign, texts
from tests.conversations.conftest import Clock
from tests.conversations.conftest import Patient as Browser

PUBLIC = "http://help.example.org"
MINUTE = 60_000
Told = Callable[[str], None]


class Driver:
    """One served assistant; plays dialogues against it and collects what happened."""

    def __init__(self, app: Sanic[Any, Any], base_url: str, clock: Clock) -> None:
        self._app = app
        self._base_url = base_url
        self.clock = clock

    async def play(self, steps: Sequence[str], told: Told) -> None:
        """Play a dialogue. Steps are messages, or
        `@alex sms` (signs in, first code by that way, with the handoff), `@code` (enters the newest code),
        `@in 40` (minutes later), `@down` and `@up` (the backend is away, is back), `@broken` (the next turn breaks),
        `+` and `-` (thumbs on the last reply that can have one), `> title` (a button), `@texts NUMBER` (by text
        message), `@over` (deletes the conversation)."""
        async with httpx.AsyncClient(base_url=self._base_url, trust_env=False, timeout=60) as client:
            patient = Browser(client, self.clock, self._app)
            texting: Patient | None = None
            redeeming = patch.object(type(self._app.ctx.backend.verification_client), "redeem", _away)
            answering = patch.object(self._app.ctx.chat._engine, "answer", _away)
            breaks = False
            if not any(step.startswith(("@texts", "@alex", "@robin", "@sam")) for step in steps):
                await patient.open_chat()
            for step in steps:
                self.clock.pass_seconds(25)
                word, _, rest = step.partition(" ")
                match word:
                    case "@alex" | "@robin" | "@sam":
                        await patient.sign_in(word[1:], rest)
                        told(f"   ({word[1:]} signed in with the password; a code went by {rest})")
                    case "@code":
                        await asyncio.sleep(0.1)
                        [newest, *_] = await self._codes(client)
                        answer = await client.post(f"/v1/challenges/{patient.challenge}/verify", json={"code": newest})
                        told(f"   (enters the newest code: {answer.status_code})")
                    case "@in":
                        self.clock.pass_seconds(60 * float(rest))
                        told(f"   ({rest} minutes later)")
                    case "@down":
                        redeeming.start()
                    case "@up":
                        redeeming.stop()
                    case "@broken":
                        breaks = True
                    case "@over":
                        await client.delete("/chat/session")
                        told("   (deletes the conversation)")
                    case "@texts":
                        texting = _Texting(client, rest)
                    case "+" | "-":
                        await client.post("/chat/feedback", json={"message": patient.rated, "helpful": word == "+"})
                        told(f"   (thumb {'up' if word == '+' else 'down'})")
                    case _ if texting is not None:
                        told(f"P: {step}")
                        for reply in await texting.text(step):
                            told(f"B: {reply}")
                    case ">" if not any(rest.lower() in title.lower() for title in patient.buttons):
                        told(f"   (no button {rest}: leaves)")
                        return
                    case _:
                        told(f"P: {'[' + rest + ']' if word == '>' else step}")
                        with answering if breaks else nullcontext():
                            messages = await self._say(patient, step)
                        breaks = False
                        for message in messages:
                            buttons = " ".join(f"[{button['title']}]" for button in message["buttons"])
                            told(f"B: ({message['kind']}) {message['text']}{' ' + buttons if buttons else ''}")

    async def _say(self, patient: Any, step: str) -> list[dict[str, Any]]:
        if step.startswith("> "):
            found = [title for title in patient.buttons if step[2:].lower() in title.lower()]
            await patient.press(found[-1])
        else:
            await patient.say(step)
        history: list[dict[str, Any]] = (await patient.client.get("/chat/session")).json()["messages"]
        last = max(n for n, message in enumerate(history) if message["from"] == "patient")
        rated = [m["id"] for m in history if m["from"] == "bot" and m["kind"] in ("answer", "fallback")]
        patient.rated = rated[-1] if rated else history[-1]["id"]
        return history[last + 1 :]

    async def _codes(self, client: httpx.AsyncClient) -> list[str]:
        patient = Browser(client, self.clock, self._app)
        count = len((await client.get("/demo/outbox.json")).json()["messages"])
        return await patient.codes(count)


async def _away(*arguments: Any, **values: Any) -> Any:
    raise ClientUnavailable("away")


class _Texting(Patient):
    async def text(self, text: str, **more: str) -> list[str]:
        form = self.form(text, **more)
        return texts(await self.post(form, signature=sign(form, url=PUBLIC + PATH)))


@asynccontextmanager
async def driver(
    folder: Path, record: Callable[[Event], Awaitable[None]], **settings: Any
) -> AsyncIterator[Driver]:
    """A driver before an assistant that keeps its data in this folder."""
    no_file: dict[str, Any] = {"_env_file": None}
    wide = {
        "chat_per_session": "1000/60", "chat_per_address": "1000/60", "sends_per_hour": 200, "sends_per_day": 500,
        "contact_per_address": "1000/60", "sms_per_sender": "1000/60", "failures_per_address": "1000/60",
        "twilio_auth_token": TOKEN, "public_url": PUBLIC, "send_waits": "1,1,1",
    }
    clock = Clock()
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    app = create_app(
        Settings(**no_file, **{"data_dir": folder, **wide, **settings}),
        Parts(clock=clock, passwords=cheap, record=record),
    )
    async with serving(app) as port:
        yield Driver(app, f"http://127.0.0.1:{port}", clock)
