"""One conversation at a time, between processes too; a dead holder's turn ends soon, a dead store has a stand-in."""

from __future__ import annotations

import asyncio

import pytest

from bot.engine import locks, redis_lock
from bot.engine.locks import LockStoreDown, LockUnavailable, PostgresLock, StandIn, choose_locks
from bot.engine.redis_lock import RedisLock
from tests.conftest import RedisServer


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases and waits of a fraction of a second."""
    monkeypatch.setattr(redis_lock, "LEASE", 0.3)
    for module in (locks, redis_lock):
        monkeypatch.setattr(module, "WAIT", 0.1)


@pytest.mark.usefixtures("short")
async def test_a_lease_lasts_as_long_as_its_turn(redis_server: RedisServer) -> None:
    """A turn longer than the lease keeps its conversation."""
    one, other = RedisLock(redis_server.url), RedisLock(redis_server.url)
    async with one.hold("c"):
        await asyncio.sleep(0.6)
        with pytest.raises(LockUnavailable):
            async with other.hold("c"):
                pass
        async with other.hold("another conversation"):
            pass
    async with other.hold("c"):
        pass
    await one.close()
    await other.close()


@pytest.mark.usefixtures("short")
async def test_a_dead_holder_s_lease_ends(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process that held it died, another one goes on after the lease."""
    for module in (locks, redis_lock):
        monkeypatch.setattr(module, "WAIT", 2.0)
    dead, other = RedisLock(redis_server.url), RedisLock(redis_server.url)
    # As kill -9 leaves it: taken, neither renewed nor released.
    await dead._redis.lock("twostep:turn:c", timeout=redis_lock.LEASE).acquire()
    its_token = await dead._redis.get("twostep:turn:c")
    async with other.hold("c"):
        assert await dead._redis.get("twostep:turn:c") not in (None, its_token)
    await dead.close()
    await other.close()


async def test_postgresql_stands_in_for_redis(redis_server: RedisServer, postgresql: str) -> None:
    """While Redis is away PostgreSQL's locks keep replicas apart; when it is back it is used again."""
    url = f"{postgresql}/test"
    one, other = (StandIn(RedisLock(redis_server.url), PostgresLock(url)) for _ in range(2))
    redis_server.stop()
    order = []

    async def turn(lock: StandIn, name: str) -> None:
        async with lock.hold("c"):
            order.append(name)
            await asyncio.sleep(0.1)
            order.append(name)

    await asyncio.gather(turn(one, "one"), turn(other, "other"))
    assert order[0] == order[1] and order[2] == order[3]
    redis_server.start()
    plain = RedisLock(redis_server.url)
    async with one.hold("c"):
        assert await plain._redis.exists("twostep:turn:c")
    for lock in (one, other, plain):
        await lock.close()


async def test_a_store_that_is_down_is_told_apart(redis_server: RedisServer) -> None:
    """Without a stand-in a store that is down is an error at once, not a wait."""
    redis_server.stop()
    lock = choose_locks("sqlite+aiosqlite:///x", redis_server.url)
    with pytest.raises(LockStoreDown):
        async with lock.hold("c"):
            pass
    await lock.close()
