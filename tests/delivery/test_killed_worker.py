"""kill -9 of the worker at random points."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter

from sqlalchemy import func, select

from bot.audit.store import AuditStore, audit
from bot.db import Database, system_clock
from bot.delivery.model import Kind, Message
from bot.delivery.store import OutboxStore, outbox
from bot.privacy import Keys
from tests.delivery.twilio_server import TwilioServer

MESSAGES = 200
KILLS = 8
LEASE = 1500  # milliseconds; longer than the worker's time limit of a try


async def test_a_worker_killed_at_random_points_loses_nothing(
    database_url: str, database: Database, keys: Keys, twilio: TwilioServer
) -> None:
    """Of 200 texts, with the worker killed again and again, each that was in no kill's hands arrives exactly once; one
    that was is sent once more with the same text, and after a second such kill is given up and named so. The audit
    record has each end once, and is whole."""
    store, now = OutboxStore(database, keys), system_clock()
    bodies: dict[str, str] = {}
    async with database.write() as connection:
        for number in range(MESSAGES):
            body = f"text {number}"
            row = await store.put(connection, Message(Kind.CODE, "sms", "+18455550142", body, now + 600_000), now)
            bodies[row] = body
    twilio.delay = 0.02
    chance, kills, in_hand = random.Random(), 0, Counter[str]()
    known: set[tuple[str, int]] = set()  # by row and lease: each claim once

    async def unfinished() -> int:
        query = select(func.count()).select_from(outbox).where(outbox.c.state.in_(["queued", "sending"]))
        async with database.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def held_by_the_dead() -> list[str]:
        query = select(outbox.c.id, outbox.c.lease_until).where(outbox.c.state == "sending")
        async with database.read() as connection:
            leases = {(row.id, row.lease_until) for row in await connection.execute(query)}
        new = leases - known
        known.update(new)
        return [row for row, _ in new]

    workers = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.delivery.worker_process", database_url, twilio.url, str(LEASE),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )
    assert workers.stdin is not None and workers.stdout is not None
    try:
        deadline = time.monotonic() + 60
        while await unfinished() and time.monotonic() < deadline:
            workers.stdin.write(b"begin\n")
            worker = int(await workers.stdout.readline())
            if kills < KILLS:
                await asyncio.sleep(chance.uniform(0.01, 0.1))
            # Another process does the work: there is no event to wait for.
            while kills == KILLS and await unfinished() and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            os.kill(worker, signal.SIGKILL)
            assert await workers.stdout.readline() == b"dead\n"
            if kills < KILLS:
                kills += 1
                in_hand.update(await held_by_the_dead())
                await asyncio.sleep(chance.choice((0, LEASE / 1000)))  # before and after what it held is free again
    finally:
        workers.kill()
        await workers.wait()
    assert kills == KILLS and in_hand
    async with database.read() as connection:
        rows = (await connection.execute(
            select(outbox.c.id, outbox.c.state, outbox.c.error, outbox.c.body, outbox.c.ambiguous)
        )).all()
    assert len(rows) == MESSAGES and all(row.body is None for row in rows)
    for row in rows:
        arrived, held = twilio.bodies[bodies[row.id]], in_hand[row.id]
        if row.state == "sent":
            assert 1 <= arrived <= 1 + min(held, 1), (arrived, held)
        else:
            assert (row.state, row.error, row.ambiguous) == ("failed", "unknown", 1)
            assert held >= 2 and arrived <= 2
    async with database.read() as connection:
        recorded = (await connection.execute(select(audit.c.subject, audit.c.action))).all()
    assert sorted(map(tuple, recorded)) == sorted((row.id, f"message.{row.state}") for row in rows)
    assert await AuditStore(database, keys).verify() == []
