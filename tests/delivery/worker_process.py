"""A worker in a process of its own, to be killed: `python -m tests.delivery.worker_process DATABASE TWILIO LEASE`."""

from __future__ import annotations

import asyncio
import sys

from bot.db import Database, system_clock
from bot.delivery.store import OutboxStore
from bot.delivery.twilio_gateway import TwilioGateway
from bot.delivery.worker import Worker
from bot.events import record_nothing
from bot.privacy import Keys
from tests.delivery.twilio_server import ACCOUNT, SENDER, TOKEN


async def main(database_url: str, twilio_url: str, lease: int) -> None:
    """Work until killed."""
    store = OutboxStore(Database(database_url), Keys(b"a master secret for the tests only"))
    gateway = TwilioGateway(ACCOUNT, TOKEN, twilio_url, SENDER)
    worker = Worker(store, {"sms": gateway}, system_clock, record_nothing, lease=lease, timeout=1.0)
    await worker.start()
    print("working", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
