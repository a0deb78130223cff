"""The append-only record: edits and deletions show (security.md, 'Audit' and 'Last')."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import delete, select, update

from bot.audit import store as audit_store
from bot.audit.model import Actor, By, Damage
from bot.audit.store import REGISTER, AuditStore, audit, audit_heads
from bot.db import Database
from bot.delivery.store import outbox
from bot.privacy import Keys
from bot.settings import Settings
from tests.portal import CREDENTIAL, portal_on, served, wrong

BY = By(Actor.WORKER, "request-1")


async def write(database: Database, store: AuditStore, count: int) -> None:
    """Write rows, one transaction each."""
    for number in range(count):
        async with database.write() as connection:
            await store.append(connection, BY, f"thing.{number}", at=number)


async def test_an_untouched_record_is_whole(database: Database, keys: Keys) -> None:
    """Rows of two processes, written in parallel, verify."""
    one, two = AuditStore(database, keys), AuditStore(database, keys)

    async def append(store: AuditStore, number: int) -> None:
        async with database.write() as connection:
            await store.append(connection, BY, "thing.done", at=number)

    await asyncio.gather(*(append(store, number) for number in range(10) for store in (one, two)))
    assert await one.verify() == []


async def test_an_edited_row_is_found(database: Database, keys: Keys) -> None:
    """One changed field of one row is named with its place."""
    store = AuditStore(database, keys, stream="s")
    await write(database, store, 5)
    async with database.write() as connection:
        await connection.execute(update(audit).where(audit.c.seq == 3).values(subject="somebody else"))
    assert await store.verify() == [Damage("s", 3, "edited")]


async def test_a_deleted_row_is_found(database: Database, keys: Keys) -> None:
    """A row that is missing in the middle is named."""
    store = AuditStore(database, keys, stream="s")
    await write(database, store, 5)
    async with database.write() as connection:
        await connection.execute(delete(audit).where(audit.c.seq == 3))
    assert await store.verify() == [Damage("s", 3, "missing")]


async def test_a_cut_tail_is_found(database: Database, keys: Keys) -> None:
    """Deleting the newest rows shows, with the head rewritten to fit as well as without."""
    store = AuditStore(database, keys, stream="s")
    await write(database, store, 5)
    async with database.write() as connection:
        await connection.execute(delete(audit).where(audit.c.seq > 3))
    assert await store.verify() == [Damage("s", 4, "missing")]
    async with database.write() as connection:
        await connection.execute(update(audit_heads).where(audit_heads.c.stream == "s").values(seq=3))
    assert await store.verify() == [Damage("s", 3, "edited head")]


async def test_a_stream_without_its_head_is_found(sqlite_database: Database, keys: Keys) -> None:
    """Deleting the head, or all rows and not the head, shows."""
    store = AuditStore(sqlite_database, keys, stream="s")
    await write(sqlite_database, store, 2)
    async with sqlite_database.write() as connection:
        await connection.execute(delete(audit_heads))
    assert await store.verify() == [Damage("s", 2, "missing head")]


async def test_a_stream_that_is_gone_with_its_head_is_found(database: Database, keys: Keys) -> None:
    """Deleting all rows of a process and its head shows: the register knows how many streams there are, and which."""
    for name in ("s", "t"):
        await write(database, AuditStore(database, keys, stream=name), 3)
    store = AuditStore(database, keys)
    assert await store.verify() == []
    async with database.write() as connection:
        for table in (audit, audit_heads):
            await connection.execute(delete(table).where(table.c.stream == "s"))
    assert await store.verify() == [Damage(REGISTER, 2, "a stream is missing")]
    await write(database, store, 1)
    assert await store.verify() == [Damage(REGISTER, 3, "a stream is missing")]


async def test_the_register_is_neither_edited_nor_made_again(database: Database, keys: Keys) -> None:
    """Whoever counts the register down, or takes it away and waits for the next start, is found out."""
    for name in ("s", "t"):
        await write(database, AuditStore(database, keys, stream=name), 1)
    async with database.write() as connection:
        await connection.execute(delete(audit).where(audit.c.stream == "s"))
        await connection.execute(delete(audit_heads).where(audit_heads.c.stream == "s"))
        await connection.execute(update(audit_heads).where(audit_heads.c.stream == REGISTER).values(seq=1))
    assert await AuditStore(database, keys).verify() == [Damage(REGISTER, 1, "edited")]
    async with database.write() as connection:
        await connection.execute(delete(audit_heads).where(audit_heads.c.stream == REGISTER))
    later = AuditStore(database, keys)
    await write(database, later, 1)
    assert await later.verify() == [Damage(REGISTER, 0, "missing")]


async def test_processes_that_start_at_once_are_all_registered(database: Database, keys: Keys) -> None:
    """Of ten processes that write their first row at the same time, each is in the register."""
    stores = [AuditStore(database, keys, stream=f"s{number}") for number in range(10)]
    await asyncio.gather(*(write(database, store, 2) for store in stores))
    assert await stores[0].verify() == []
    async with database.read() as connection:
        query = select(audit_heads.c.seq).where(audit_heads.c.stream == REGISTER)
        assert (await connection.execute(query)).scalar_one() == 10


async def test_a_record_that_grows_meanwhile_is_whole(
    database: Database, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and streams that are written while the record is read, a few rows at a time, are no damage."""
    monkeypatch.setattr(audit_store, "AT_ONCE", 3)
    store = AuditStore(database, keys)
    await write(database, store, 10)
    writing = True

    async def go_on() -> None:
        while writing:
            await write(database, store, 2)
            await write(database, AuditStore(database, keys), 2)
            await asyncio.sleep(0.005)  # or the record grows faster than it is read

    task = asyncio.create_task(go_on())
    for _ in range(10):
        assert await AuditStore(database, keys).verify() == []
    writing = False
    await task


def test_damage_reads_as_a_sentence() -> None:
    """`twostep doctor` shows what and where."""
    assert str(Damage("s", 3, "edited")) == "edited at row 3 of s"


async def test_another_key_does_not_fit(sqlite_database: Database, keys: Keys) -> None:
    """Who has the database but not the key can write nothing that verifies."""
    await write(sqlite_database, AuditStore(sqlite_database, Keys(b"x" * 32), stream="s"), 1)
    assert await AuditStore(sqlite_database, keys).verify() != []


async def test_what_is_undone_is_not_recorded(sqlite_database: Database, keys: Keys) -> None:
    """A transaction that fails takes its row with it, and the record stays whole."""
    store = AuditStore(sqlite_database, keys)
    await write(sqlite_database, store, 1)
    try:
        async with sqlite_database.write() as connection:
            await store.append(connection, BY, "thing.undone", at=1)
            raise KeyError
    except KeyError:
        pass
    await write(sqlite_database, store, 1)
    assert await store.verify() == []


async def test_who_did_what_by_which_rule_is_recorded_with_the_request(
    database: Database, settings_for: Callable[..., Settings]
) -> None:
    """User, bot, worker and staff, each deed with what decided it and the request's id as the caller was told it; what
    is named is an opaque id, never a number, an address or a user name."""
    async with (
        portal_on(database, settings_for(bot_credential=CREDENTIAL)) as portal, served(portal),
        portal.browser() as browser,
    ):
        asked: dict[str, str] = {}
        browser.event_hooks["response"] = [noted_in(asked)]
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        await portal.send(browser, challenge)
        code = await portal.code()
        await portal.verify(browser, challenge, wrong(code))
        await portal.bind(browser, "c-1")
        portal.clock.forward(30)
        client = portal.backend.verification_client
        assert client and (await client.redeem("c-1", idempotency_key="k")).outcome == "accepted"
        code = await portal.code()
        await portal.verify(browser, challenge, code)
        account = await portal.backend.accounts.account_id("alex")
        await portal.backend.sign_in.enable_factor(account, By(Actor.STAFF))
    async with database.read() as connection:
        query = select(audit).where(audit.c.action != "account.added").order_by(audit.c.seq)
        rows = (await connection.execute(query)).all()
        messages = {row.id for row in await connection.execute(select(outbox.c.id))}
    assert [(row.actor, row.action, row.rule) for row in rows] == [
        ("user", "sign_in.begun", ""), ("user", "code.queued", "sms"), ("user", "code.refused", "too_soon"),
        ("worker", "message.sent", "sms"), ("user", "code.wrong", "failure_1"), ("user", "handoff.made", ""),
        ("bot", "handoff.bound", ""), ("bot", "code.queued", "sms"), ("worker", "message.sent", "sms"),
        ("user", "sign_in.completed", ""), ("staff", "factor.reset", ""),
    ]
    for row in rows:
        named = {"worker": messages, "staff": {account}}.get(row.actor, {challenge})
        assert row.subject in named, row.action
        assert (asked.get(row.request_id, "") != "") == (row.actor == "user" or row.action == "handoff.bound")


def noted_in(asked: dict[str, str]) -> Callable[[httpx.Response], Awaitable[None]]:
    """Keeps the id of each request with its address."""
    async def note(answer: httpx.Response) -> None:
        asked[answer.headers["x-request-id"]] = answer.url.path

    return note
