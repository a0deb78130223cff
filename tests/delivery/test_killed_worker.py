"""kill -9 of the worker at random points."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from sqlalchemy import func, select

from bot.db import Database, system_clock
from bot.delivery.model import Kind, Message
from bot.delivery.store import OutboxStore, outbox
from bot.privacy import Keys
from tests.delivery.twilio_server import TwilioServer

MESSAGES = 200
LEASE = 1500  # milliseconds; longer than the worker's time limit of a try


async def test_a_worker_killed_at_random_points_loses_nothing(
    database_url: str, database: Database, keys: Keys, twilio: TwilioServer
) -> None:
    """Of 200 texts, with the worker killed again and again, each arrives; twice only where it was in hand at a kill."""
    store, now = OutboxStore(database, keys), system_clock()
    async with database.write() as connection:
        for number in range(MESSAGES):
            await store.put(connection, Message(
                Kind.CODE, "sms", "+18455550142", f"text {number}", now + 600_000
            ), now)
    twilio.delay = 0.02
    chance, kills = random.Random(4), 0

    async def unfinished() -> int:
        query = select(func.count()).select_from(outbox).where(outbox.c.state.in_(["queued", "sending"]))
        async with database.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def run() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.delivery.worker_process", database_url, twilio.url, str(LEASE),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None and await process.stdout.readline() == b"working\n"
        return process

    deadline = time.monotonic() + 60
    while await unfinished() and time.monotonic() < deadline:
        process = await run()
        if kills < 3:
            await asyncio.sleep(chance.uniform(0.02, 0.12))
            kills += 1
        else:
            while await unfinished() and time.monotonic() < deadline:  # noqa: ASYNC110  another process does the work
                await asyncio.sleep(0.05)
        process.kill()
        await process.wait()
    assert kills == 3
    async with database.read() as connection:
        rows = (await connection.execute(select(outbox.c.state, outbox.c.ambiguous, outbox.c.body))).all()
    assert {row.state for row in rows} == {"sent"}
    assert all(row.body is None for row in rows)
    assert len(twilio.bodies) == MESSAGES
    assert max(twilio.bodies.values()) <= 2
    assert sum(count == 2 for count in twilio.bodies.values()) <= sum(row.ambiguous for row in rows)
