"""Retention ends without cutting anything off."""

from __future__ import annotations

import asyncio

from bot.insights.retention import Retention


async def test_stopping_lets_the_part_that_is_pruned_finish():
    """A server that stops does not cut a deletion off, and begins no further one."""
    began, go, done = asyncio.Event(), asyncio.Event(), []

    async def first(before: int) -> None:
        began.set()
        await go.wait()
        done.append("first")

    async def second(before: int) -> None:
        done.append("second")

    retention = Retention(30, lambda: 0, {"first": first, "second": second})
    await retention.start()
    await began.wait()
    stopping = asyncio.create_task(retention.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping
    assert done == ["first"]
