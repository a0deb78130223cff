"""Texts through the real client against a counterpart of Twilio that misbehaves (security.md, 'Provider')."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, text

from bot.audit.store import audit
from bot.db import Database
from bot.delivery.breaker import OPEN_FOR
from bot.delivery.demo_gateway import DemoInbox
from bot.delivery.model import Outgoing
from bot.delivery.store import opt_outs, outbox
from bot.delivery.twilio_gateway import TwilioGateway
from bot.delivery.worker import SEND_TIMEOUT, log_alarm
from bot.events import CodeDelivery
from bot.http.logs import JsonLines
from bot.privacy import Keys
from tests.delivery.conftest import Post, post_with
from tests.delivery.twilio_server import ACCOUNT, SENDER, TwilioServer
from tests.portal import HandClock


async def test_a_text_is_sent_once_and_its_words_are_forgotten(post: Post, twilio: TwilioServer) -> None:
    """An accepted text is sent, counted, and no longer in the database."""
    row = await post.put("Code 123456")
    await post.work(3)
    assert twilio.bodies == {"Code 123456": 1}
    assert twilio.accepted[0]["StatusCallback"] == f"https://portal.example.org/sms/status?message={row}"
    assert twilio.accepted[0]["ValidityPeriod"] == "600"
    assert await post.state(row) == ("sent", None)
    assert await post.texts_left() == 0
    event, = (event for event in post.events if isinstance(event, CodeDelivery))
    assert (event.state, event.channel) == ("sent", "sms")


async def test_a_queued_text_cannot_be_read_from_the_table(post: Post, twilio: TwilioServer) -> None:
    """Until a text is final its words and its number stand encrypted in the row, which is found by a keyed hash."""
    for _ in range(2):
        await post.put("Code 123456")
    async with post.database.read() as connection:
        one, other = (await connection.execute(select(outbox))).all()
    for row in (one, other):
        assert b"123456" not in row.body and b"8455550142" not in row.destination
        assert "123456" not in repr(row) and "8455550142" not in repr(row)
    assert one.body != other.body and one.lookup == other.lookup
    await post.work(1)
    assert twilio.bodies == {"Code 123456": 2}


async def test_the_network_is_not_waited_for_inside_a_transaction(sqlite_database: Database, keys: Keys) -> None:
    """While a provider takes its time SQLite's one writer is free for the patients."""
    asked: list[str] = []

    class Slow(DemoInbox):
        async def send(self, message: Outgoing) -> str:
            async with sqlite_database.write() as connection:
                asked.append(str((await connection.execute(text("SELECT 'free'"))).scalar_one()))
            return await super().send(message)

    post = post_with(sqlite_database, keys, {"sms": Slow(HandClock())})
    row = await post.put()
    await post.work(1)
    assert ((await post.state(row))[0], asked) == ("sent", ["free"])


@pytest.mark.parametrize(("script", "seconds", "action", "rule"), [
    ([], 1, "message.sent", "sms"), ([(400, 21211)], 1, "message.failed", "21211"),
    ([503] * 3, 60, "message.failed", "503"), (["lost"] * 2, 10, "message.failed", "timeout"),
    ([503], 1, "message.expired", "503"),
])
async def test_what_became_of_a_text_is_in_the_audit_record(
    post: Post, twilio: TwilioServer, script: list[object], seconds: int, action: str, rule: str
) -> None:
    """Sent, refused, given up or too late: one row of the worker's, with the way or what spoke against it."""
    twilio.script = script
    row = await post.put()
    if action == "message.expired":
        await post.work(1)
        post.clock.forward(600)
    await post.work(seconds)
    async with post.database.read() as connection:
        told = (await connection.execute(select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.rule))).all()
    assert [tuple(one) for one in told] == [("worker", action, row, rule)]


@pytest.mark.parametrize("step", [503, 429])
async def test_what_was_surely_not_sent_is_tried_again(post: Post, twilio: TwilioServer, step: int) -> None:
    """503 and 429 are tried again, three times in all, and one success is one text."""
    twilio.script = [step, step]
    row = await post.put()
    await post.work(60)
    assert (await post.state(row))[0] == "sent"
    assert (twilio.requests, len(twilio.accepted)) == (3, 1)


async def test_three_failures_are_the_end(post: Post, twilio: TwilioServer) -> None:
    """After three tries a code is given up, with the provider's error."""
    twilio.script = [503] * 9
    row = await post.put()
    await post.work(120)
    assert await post.state(row) == ("failed", "503")
    assert twilio.requests == 3
    assert await post.texts_left() == 0


async def test_a_timeout_after_accept_is_repeated_once_with_the_same_text(post: Post, twilio: TwilioServer) -> None:
    """When the answer gets lost the same text goes out once more at most."""
    twilio.script = ["lost", "lost", "lost"]
    row = await post.put("Code 123456")
    await post.work(60)
    assert twilio.bodies == {"Code 123456": 2}
    assert await post.state(row) == ("failed", "timeout")


async def test_a_hang_is_ended_by_our_own_timeout(post: Post, twilio: TwilioServer) -> None:
    """A provider that never answers costs one try's time (5 s; less here); the repeat gets through."""
    assert SEND_TIMEOUT == 5
    twilio.script = ["hang"]
    row = await post.put()
    await post.work(10)
    assert (await post.state(row))[0] == "sent"


@pytest.mark.parametrize("code", [21211, 21614, 21610])
async def test_permanent_errors_are_not_tried_again(post: Post, twilio: TwilioServer, code: int) -> None:
    """An invalid, landline or opted-out number is told once by Twilio and never asked again."""
    twilio.script = [(400, code)]
    row = await post.put()
    await post.work(60)
    assert await post.state(row) == ("failed", str(code))
    assert twilio.requests == 1


async def test_an_opt_out_that_twilio_reports_is_remembered(post: Post, twilio: TwilioServer) -> None:
    """Error 21610 puts the number among the opt-outs, as a keyed pseudonym and encrypted."""
    twilio.script = [(400, 21610)]
    await post.put()
    await post.work(1)
    async with post.database.read() as connection:
        assert await post.store.opted_out(connection, "+18455550142")
        row = (await connection.execute(select(opt_outs))).one()
    assert b"8455550142" not in row.sealed and "8455550142" not in row.lookup


async def test_the_alarm_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Staff finds the way and the provider's error, and nothing else."""
    log_alarm("sms", "20003")
    (record,) = caplog.records
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["message"]) == ("error", "messages are not getting out")
    assert (line["part"], line["error"]) == ("sms", "20003")


async def test_a_refused_credential_alarms_at_once(
    sqlite_database: Database, keys: Keys, twilio: TwilioServer
) -> None:
    """401 opens the breaker with the first message, and staff is alarmed once."""
    post = post_with(sqlite_database, keys, {"sms": TwilioGateway(ACCOUNT, "another token", twilio.url, SENDER)})
    for number in range(4):
        await post.put(f"Code {number}")
    await post.work(20)
    assert post.alarms == [("sms", "20003")]
    assert twilio.requests == 4
    await post.worker.stop()


async def test_an_outage_opens_the_breaker_and_nothing_is_sent_late(post: Post, twilio: TwilioServer) -> None:
    """During an outage tries stop, one alarm goes out, and codes whose life is over are never sent."""
    twilio.script = [503] * 1000
    rows = [await post.put(f"Code {number}") for number in range(20)]
    await post.work(5)
    assert post.alarms == [("sms", "503")]
    during = twilio.requests
    assert during <= 8
    await post.work(20)
    assert twilio.requests == during
    await post.work(600)
    twilio.script = []
    await post.work(60)
    assert twilio.accepted == []
    assert {(await post.state(row))[0] for row in rows} <= {"expired", "failed"}
    assert await post.texts_left() == 0


async def test_after_an_outage_the_breaker_tries_one_and_goes_on(post: Post, twilio: TwilioServer) -> None:
    """When the provider is back everything that is still good goes out, each once."""
    twilio.script = [503] * 8
    rows = [await post.put(f"Code {number}") for number in range(20)]
    await post.work(5 + OPEN_FOR // 1000 + 60)
    assert {(await post.state(row))[0] for row in rows} == {"sent"}
    assert set(twilio.bodies.values()) == {1}


async def test_a_dead_workers_messages_are_taken_over(post: Post, twilio: TwilioServer, keys: Keys) -> None:
    """What a killed worker held goes out after its lease, once; a second such death ends it as unknown."""
    row = await post.put()
    await post.store.claim(["sms"], 8, 15_000, post.clock())
    await post.work(14)
    assert twilio.requests == 0
    await post.work(3)
    assert (await post.state(row))[0] == "sent" and len(twilio.accepted) == 1
    lost = await post.put("Code 2")
    for _ in range(2):
        await post.store.claim(["sms"], 8, 1000, post.clock())
        post.clock.forward(2)
        await post.store.sweep(post.clock())
    assert await post.state(lost) == ("failed", "unknown")


async def test_a_newer_code_ends_the_tries_of_an_older_one(post: Post, twilio: TwilioServer) -> None:
    """What was in a worker's hands when a newer code came is never tried again: neither after a failure nor after the
    worker's death."""
    for death in (False, True):
        row = await post.put("Code 1", about="code:a")
        (held,) = await post.store.claim(["sms"], 8, 15_000, post.clock())
        async with post.database.write() as connection:
            await post.store.cancel(connection, "code:a", post.clock())
        if not death:
            assert await post.store.again(held, "503", post.clock(), ambiguous=False) is None
        await post.work(40)
        assert (await post.state(row))[0] == "expired"
    assert twilio.requests == 0


async def test_a_death_at_the_last_try_is_the_last(post: Post, twilio: TwilioServer) -> None:
    """Three tries are three, with a killed worker among them too."""
    row = await post.put()
    twilio.script = [503, 503]
    await post.work(30)
    post.clock.forward(30)
    assert twilio.requests == 2
    await post.store.claim(["sms"], 8, 1000, post.clock())
    await post.work(60)
    assert (await post.state(row), twilio.requests) == (("failed", "unknown"), 2)


async def test_twilios_client_logs_nothing(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative log level neither number nor code is logged."""
    caplog.set_level(1)
    await post.put("Code 918273")
    await post.work(1)
    assert "918273" not in caplog.text and "8455550142" not in caplog.text
