"""Workers in processes of their own, to be killed: `python -m tests.delivery.worker_process DATABASE TWILIO LEASE`.

For each line on standard input a worker begins, which prints its process id; when it is dead, "dead" is printed. They
are forks of a process that has loaded everything, so that a worker begins within milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module

from bot.audit.store import AuditStore
from bot.db import Database, system_clock
from bot.delivery.service import recorded_in
from bot.delivery.store import OutboxStore
from bot.delivery.twilio_gateway import TwilioGateway
from bot.delivery.worker import Worker
from bot.events import record_nothing
from bot.privacy import Keys
from tests.delivery.twilio_server import ACCOUNT, SENDER, TOKEN


async def main(database_url: str, twilio_url: str, lease: int) -> None:
    """Work until killed."""
    database, keys = Database(database_url), Keys(b"a master secret for the tests only")
    store = OutboxStore(database, keys, recorded_in(AuditStore(database, keys)))
    gateway = TwilioGateway(ACCOUNT, TOKEN, twilio_url, SENDER)
    worker = Worker(store, {"sms": gateway}, system_clock, record_nothing, lease=lease, timeout=1.0)
    await worker.start()
    print(os.getpid(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import_module("twilio.rest.api.v2010")
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
        os.waitpid(child, 0)
        print("dead", flush=True)
