"""A portal of somebody else's that offers the two endpoints of docs/portal.md and nothing more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest_asyncio
from aiohttp import web

from tests.conversations.conftest import Patient

CREDENTIAL = "what the other portal and the bot share, for tests"
DESTINATION = "•••-•••-0142"


@dataclass
class OtherPortal:
    """What it was asked, and what it answers to a redeem."""

    url: str = ""
    bound: set[str] = field(default_factory=set)
    redeemed: list[dict[str, Any]] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=lambda: {
        "outcome": "accepted", "channel": "sms", "destination": DESTINATION, "retry_after": None,
        "other_channels": ["email"],
    })

    async def bind(self, request: web.Request) -> web.Response:
        """One handoff is good, once."""
        body = await request.json()
        self.bound.add(body["conversation"])
        return web.Response(status=204 if body["handoff"] == "good" * 8 else 403)

    async def redeem(self, request: web.Request) -> web.Response:
        """Whatever the test wants."""
        body = await request.json()
        assert request.headers["Authorization"] == f"Bearer {CREDENTIAL}" and request.headers["Idempotency-Key"]
        assert body["conversation"] in self.bound
        self.redeemed.append(body)
        return web.json_response(self.answer)


@pytest_asyncio.fixture
async def portal() -> AsyncIterator[OtherPortal]:
    """The portal, served."""
    made, app = OtherPortal(), web.Application()
    app.router.add_post("/v1/bot/handoffs/bind", made.bind)
    app.router.add_post("/v1/bot/conversations/redeem", made.redeem)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def alex(arrive: Any, portal: OtherPortal) -> Patient:
    """A patient whose sign-in there was handed over to the chat."""
    patient: Patient = await arrive(verification_url=portal.url, bot_credential=CREDENTIAL)
    await patient.open_chat()
    bound: httpx.Response = await patient.client.put("/chat/session/handoff", json={"handoff": "good" * 8})
    assert bound.status_code == 204
    return patient


async def test_is_offered_a_code_and_gets_one(alex: Patient, portal: OtherPortal) -> None:
    """Where it would go is not known before, so nothing is claimed of it; after the send it is said, and no more."""
    said = await alex.say("my code has not come")
    assert "Shall I send a new one to the number or address on your account?" in said
    assert portal.redeemed == []
    said = await alex.say("yes please")
    assert f"on its way to {DESTINATION}" in said
    assert "None" not in said and "last one" not in said and "seconds" not in said
    said = await alex.press("No, nothing")
    assert "the number or address on your account" in said
    await alex.press("Send it by email (less secure)")
    assert [body.get("channel") for body in portal.redeemed] == [None, "email"]


async def test_is_told_to_wait(alex: Patient, portal: OtherPortal) -> None:
    """The portal's own wait is said."""
    portal.answer = {**portal.answer, "outcome": "wait", "retry_after": 45}
    assert "45 seconds" in await alex.say("send me another code please")


async def test_is_told_that_no_more_codes_go(alex: Patient, portal: OtherPortal) -> None:
    """A refusal leads to the sign-in page and a person."""
    portal.answer = {
        "outcome": "unavailable", "channel": None, "destination": None, "retry_after": None, "other_channels": []
    }
    said = await alex.say("send me another code please")
    assert "cannot send another code" in said and "on its way" not in said
