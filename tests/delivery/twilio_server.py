"""A counterpart of Twilio's Messages resource, after its public API description, that also misbehaves on request."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from aiohttp import web

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "a made-up auth token", "+18455550100"
E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass
class TwilioServer:
    """What it received; `script` are the next answers: a status, an error code with its status, "hang" or "lost"
    (accepted, but the answer never arrives)."""

    url: str = ""
    accepted: list[dict[str, str]] = field(default_factory=list)
    requests: int = 0
    script: list[object] = field(default_factory=list)
    delay: float = 0.0

    @property
    def bodies(self) -> Counter[str]:
        """How often each text was accepted."""
        return Counter(message["Body"] for message in self.accepted)

    async def create(self, request: web.Request) -> web.Response:
        """POST /2010-04-01/Accounts/{AccountSid}/Messages.json"""
        self.requests += 1
        form = {key: str(value) for key, value in (await request.post()).items()}
        credentials = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {credentials}":
            return problem(401, 20003)
        assert request.match_info["account"] == ACCOUNT
        assert E164.fullmatch(form["To"]) and E164.fullmatch(form["From"])
        assert 1 <= len(form["Body"]) <= 1600
        assert 1 <= int(form["ValidityPeriod"]) <= 36_000
        assert form.get("StatusCallback", "https://").startswith("http")
        step = self.script.pop(0) if self.script else 201
        if step == "hang":
            await asyncio.sleep(60)
        if isinstance(step, tuple):
            return problem(*step)
        if step in (201, "lost"):
            sid = f"SM{uuid4().hex}"
            self.accepted.append({**form, "Sid": sid})
            await asyncio.sleep(60 if step == "lost" else self.delay)
            return web.json_response({"sid": sid, "status": "queued", "to": form["To"]}, status=201)
        assert isinstance(step, int)
        return problem(step, None)


def problem(status: int, code: int | None) -> web.Response:
    """An error as Twilio writes it."""
    answer = {"code": code, "message": "made up", "more_info": "https://www.twilio.com/docs", "status": status}
    return web.json_response(answer, status=status)


@asynccontextmanager
async def twilio_server() -> AsyncIterator[TwilioServer]:
    """Serve on a free port of loopback."""
    server = TwilioServer()
    app = web.Application()
    app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", server.create)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
