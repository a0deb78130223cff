"""A whole site on loopback: two `twostep serve` in production mode behind nginx, on PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from bot.app import open_office
from bot.settings import Settings
from tests.conftest import PostgreSQLServer, RedisServer, free_port
from tests.delivery.twilio_server import ACCOUNT, SENDER, TOKEN, TwilioServer, twilio_server
from tests.deploy.proxy import Nginx

ROOT = Path(__file__).parents[2]
PASSWORD = "a password of the tests only"
PATIENTS = {f"patient{number}": f"+1845555{number:04d}" for number in range(1, 9)}
PATIENCE = 10.0  # seconds: whatever is away, nobody waits longer for an answer


class TwilioThread:
    """The tests' Twilio in a thread of its own, so that it answers whatever the test's loop does."""

    def __init__(self) -> None:
        self.server: TwilioServer
        self._stop: asyncio.Event
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(20)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with twilio_server() as self.server:
            self._started.set()
            await self._stop.wait()

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)


class Replica:
    """One `twostep serve`; it can be killed and started again."""

    def __init__(self, port: int, environment: dict[str, str], log: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {**environment, "TWOSTEP_PORT": str(port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `wait` until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "serve"], env=self._environment, cwd=ROOT, stdout=log, stderr=log,
            )

    def wait(self) -> None:
        """Until it is ready."""
        for _ in range(600):
            assert self._process is not None and self._process.poll() is None, self._log.read_text()[-2000:]
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=10).status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError("the replica did not get ready")

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def log(self) -> str:
        """What it logged."""
        return self._log.read_text()


@dataclass
class Site:
    """All of it."""

    folder: Path
    postgresql: PostgreSQLServer
    redis: RedisServer
    database_url: str
    twilio: TwilioThread = field(default_factory=TwilioThread)
    replicas: list[Replica] = field(default_factory=list)

    def start(self) -> None:
        """Start everything; returns when both replicas are ready."""
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        environment = {**{name: value for name, value in os.environ.items() if not name.startswith("TWOSTEP_")},
            "TWOSTEP_MODE": "production", "TWOSTEP_DATA_DIR": str(self.folder), "TWOSTEP_PUBLIC_URL": self.url,
            "TWOSTEP_DATABASE_URL": self.database_url, "TWOSTEP_REDIS_URL": self.redis.url,
            "TWOSTEP_SECRET_KEY": "a master secret for the tests only", "TWOSTEP_TRUSTED_PROXIES": "127.0.0.1/32",
            "TWOSTEP_BOT_CREDENTIAL": "a bot credential for the tests only", "TWOSTEP_TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWOSTEP_TWILIO_AUTH_TOKEN": TOKEN, "TWOSTEP_TWILIO_API_URL": self.twilio.server.url,
            "TWOSTEP_CODE_SENDER": SENDER, "TWOSTEP_SMTP_URL": "smtp://nobody:nothing@127.0.0.1:1",
            "TWOSTEP_CONTACT_INBOX": "desk@example.com", "TWOSTEP_CHAT_PER_SESSION": "1000/60",
            "TWOSTEP_CHAT_PER_ADDRESS": "10000/60", "TWOSTEP_FAILURES_PER_ADDRESS": "1000/60",
            "TWOSTEP_SEND_WAITS": "1"
        }
        self.settings = Settings(**{  # type: ignore[arg-type]
            "_env_file": None,
            **{name.removeprefix("TWOSTEP_").lower(): value for name, value in environment.items()
               if name.startswith("TWOSTEP_")},
        })
        self.replicas = [
            Replica(free_port(), environment, self.folder / f"replica-{number}.log") for number in (1, 2)
        ]
        for replica in self.replicas:
            replica.start()
        asyncio.run(self._add_patients())
        proxy = self.folder / "nginx"
        proxy.mkdir()
        self.nginx = Nginx(proxy, self.port, free_port(), [replica.port for replica in self.replicas])
        self.nginx.start()
        self.trust = ssl.create_default_context(cafile=self.nginx.certificate)
        for replica in self.replicas:
            replica.wait()

    async def _add_patients(self) -> None:
        async with open_office(self.settings) as office:
            for name, mobile in PATIENTS.items():
                await office.accounts.add(name, PASSWORD, mobile=mobile)

    def stop(self) -> None:
        """End everything."""
        for replica in self.replicas:
            replica.stop()
        if hasattr(self, "nginx"):
            self.nginx.stop()
        self.twilio.close()

    def browser(self) -> Browser:
        """A new patient's browser."""
        return Browser(self)

    def served_by(self, request_ids: Iterable[str]) -> set[str]:
        """The replicas' addresses that answered these requests, as nginx wrote them down."""
        import json

        wanted = set(request_ids)
        lines = [json.loads(line) for line in (self.folder / "nginx" / "access.log").read_text().splitlines()]
        return {line["upstream"] for line in lines if line["request_id"] in wanted}


class Browser:
    """A patient before the site: keeps cookies, never waits longer than a patient should."""

    def __init__(self, site: Site) -> None:
        self.http = httpx.AsyncClient(base_url=site.url, verify=site.trust, trust_env=False, timeout=PATIENCE)
        self.request_ids: list[str] = []

    async def __aenter__(self) -> Browser:
        await self.http.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.http.__aexit__(*error)

    async def begin(self) -> list[dict[str, Any]]:
        """Open the chat."""
        answer = await self.http.post("/chat/session", json={})
        assert answer.status_code == 201, answer.text
        return list(answer.json()["messages"])

    async def send(self, text: str, message: str = "") -> httpx.Response:
        """Say something, once."""
        answer = await self.http.post("/chat/messages", json={"id": message or str(uuid4()), "text": text})
        self.request_ids.append(answer.headers.get("x-request-id", ""))
        return answer

    async def say(self, text: str, message: str = "") -> list[dict[str, Any]]:
        """Say something; the bot's replies."""
        answer = await self.send(text, message)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["messages"])

    async def insist(self, text: str, message: str) -> list[dict[str, Any]]:
        """Say something until it is answered, as the widget does: with the same id."""
        for _ in range(40):
            with suppress(httpx.TransportError):
                answer = await self.send(text, message)
                if answer.status_code == 200:
                    return list(answer.json()["messages"])
                assert answer.status_code in (502, 503), answer.text
            await asyncio.sleep(0.25)
        raise AssertionError("never answered")

    async def history(self) -> list[dict[str, Any]]:
        """Both sides' messages."""
        answer = await self.http.get("/chat/session")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["messages"])

    async def sign_in(self, patient: str) -> str:
        """The first step; gives the challenge."""
        answer = await self.http.post("/v1/sign-in", json={"username": patient, "password": PASSWORD})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["challenge"])

    async def send_code(self, challenge: str) -> httpx.Response:
        """Ask for a code by text."""
        return await self.http.post(f"/v1/challenges/{challenge}/code", json={"channel": "sms"})

    async def hand_over(self) -> None:
        """Tie the sign-in to the chat."""
        handoff = (await self.http.post("/v1/handoffs")).json()["handoff"]
        answer = await self.http.put("/chat/session/handoff", json={"handoff": handoff})
        assert answer.status_code == 204, answer.text


def freeze(processes: Iterable[int]) -> None:
    """Stop processes where they are: they hold their connections and answer nothing."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)


def thaw(processes: Iterable[int]) -> None:
    """Let them go on."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
