"""An outbox with a Twilio counterpart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from sqlalchemy import select

from bot.audit.store import AuditStore
from bot.db import Database
from bot.delivery.model import Gateway, Kind, Message
from bot.delivery.service import recorded_in
from bot.delivery.store import OutboxStore, outbox
from bot.delivery.twilio_gateway import TwilioGateway
from bot.delivery.worker import Worker
from bot.events import Event
from bot.privacy import Keys
from tests.delivery.twilio_server import ACCOUNT, SENDER, TOKEN, TwilioServer, twilio_server
from tests.portal import HandClock

LIFE = 600_000


@dataclass
class Post:
    """An outbox and its worker, with a clock set by hand."""

    database: Database
    store: OutboxStore
    clock: HandClock
    worker: Worker
    events: list[Event] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)

    async def put(
        self, body: str = "code 123456", kind: Kind = Kind.CODE, channel: str = "sms", to: str = "", about: str = ""
    ) -> str:
        """Queue a message."""
        to = to or ("+18455550142" if channel == "sms" else "alex@example.com")
        async with self.database.write() as connection:
            now = self.clock()
            return await self.store.put(connection, Message(kind, channel, to, body, now + LIFE, "Subject", about), now)

    async def state(self, row: str) -> tuple[str, str | None]:
        """State and error of a message."""
        found = await self.store.get(row)
        return found.state, found.error

    async def work(self, seconds: int) -> None:
        """Let the worker have a turn every second for so long."""
        for _ in range(seconds):
            await self.worker.turn()
            self.clock.forward(1)

    async def texts_left(self) -> int:
        """How many rows still hold a text."""
        async with self.database.read() as connection:
            return len((await connection.execute(select(outbox.c.id).where(outbox.c.body.is_not(None)))).all())


def post_with(database: Database, keys: Keys, gateways: dict[str, Gateway], timeout: float = 5.0) -> Post:
    """An outbox whose worker has these gateways."""
    clock, events, alarms = HandClock(), [], []
    store = OutboxStore(database, keys, recorded_in(AuditStore(database, keys)))

    async def record(event: Event) -> None:
        events.append(event)

    worker = Worker(
        store, gateways, clock, record, alarm=lambda channel, error: alarms.append((channel, error)), timeout=timeout
    )
    return Post(database, store, clock, worker, events, alarms)


@pytest_asyncio.fixture
async def twilio() -> AsyncIterator[TwilioServer]:
    """A counterpart of Twilio."""
    async with twilio_server() as server:
        yield server


@pytest_asyncio.fixture
async def post(sqlite_database: Database, keys: Keys, twilio: TwilioServer) -> AsyncIterator[Post]:
    """An outbox that sends texts to the counterpart; a try lasts 0.3 s at most."""
    made = post_with(sqlite_database, keys, {"sms": TwilioGateway(
        ACCOUNT, TOKEN, twilio.url, SENDER, "https://portal.example.org/sms/status"
    )}, timeout=0.3)
    yield made
    await made.worker.stop()
