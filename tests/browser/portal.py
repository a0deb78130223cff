"""The whole portal with the real verification backend; the engine is small, but asks that backend for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from argon2 import PasswordHasher
from sanic import Sanic

from bot.accounts.passwords import Passwords
from bot.app import Parts, create_app
from bot.engine.model import Answer, Kind, Reply
from bot.settings import Settings
from bot.verification.model import VerificationClient
from tests.browser.served import Served
from tests.browser.stage import KEYS
from tests.conftest import free_port
from tests.echo_engine import EchoEngine


class ResendEngine(EchoEngine):
    """Asks the backend for a code when a new one is asked for, and says what became of it."""

    verification: VerificationClient

    async def answer(
        self, conversation: str, text: str, *, channel: str, command: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See the class."""
        if "new code" not in text:
            return await super().answer(conversation, text, channel=channel, command=command, metadata=metadata)
        message = str((metadata or {})["message_id"])
        key = str(uuid5(NAMESPACE_URL, f"{conversation}:{message}"))
        redeemed = await self.verification.redeem(conversation, idempotency_key=key)
        return Answer((Reply(f"{redeemed.outcome.value}: {redeemed.destination}", Kind.ANSWER),))


class Portal:
    """A served portal in demo mode.

    Args:
        real: with the trained assistant instead of the small engine.
    """

    def __init__(self, folder: Path, *, real: bool = False) -> None:
        no_file: dict[str, Any] = {"_env_file": None}
        values: dict[str, Any] = {
            "data_dir": folder, "port": free_port(), "send_waits": "1,1,1", "chat_per_address": "1000/60",
            "chat_per_session": "1000/60", "sends_per_hour": 100, "sends_per_day": 100,
        }
        self.settings = Settings(**no_file, **values)
        self._real = real
        self.served = Served(self._make, self.settings.port)
        self.address = self.served.address

    def _make(self) -> Sanic[Any, Any]:
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        if self._real:
            return create_app(self.settings, Parts(passwords=cheap))
        engine = ResendEngine()
        app = create_app(self.settings, Parts(engine=engine, keys=KEYS, passwords=cheap))
        engine.verification = app.ctx.backend.verification_client
        return app

    def fill(self) -> None:
        """A month of conversations, for the console to show."""
        subprocess.run(
            [sys.executable, "-m", "bot.cli", "demo-traffic", "--a-day", "12"], check=True, capture_output=True,
            env={**os.environ, "TWOSTEP_DATA_DIR": str(self.settings.data_dir)},
        )

    def codes(self, to: str) -> list[str]:
        """The codes that reached somebody's phone or inbox, newest first."""
        messages = httpx.get(f"{self.address}/demo/outbox.json", trust_env=False).json()["messages"]
        found = [re.search(r"\b\d{6}\b", message["body"]) for message in messages if message["to"] == to]
        return [match.group() for match in found if match]
