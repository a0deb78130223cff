"""Every error of Twilio means one of our failures; the breaker; and what is deleted when."""

from __future__ import annotations

import asyncio

import pytest

from bot.db import Database
from bot.delivery.breaker import FAILURES_TO_OPEN, OPEN_FOR, Breaker
from bot.delivery.demo_gateway import KEPT, DemoInbox
from bot.delivery.model import AmbiguousFailure, Misconfigured, OptedOut, Outgoing, PermanentFailure, TransientFailure
from bot.delivery.twilio_gateway import failure_of
from bot.privacy import Keys
from tests.delivery.conftest import post_with
from tests.portal import HandClock


@pytest.mark.parametrize(("status", "code", "kind"), [
    (429, 20429, TransientFailure), (503, None, TransientFailure), (500, None, AmbiguousFailure),
    (502, None, AmbiguousFailure), (401, 20003, Misconfigured), (403, None, Misconfigured),
    (400, 21606, Misconfigured), (400, 21211, PermanentFailure), (400, 21614, PermanentFailure),
    (400, 21610, OptedOut), (404, 20404, PermanentFailure),
])
def test_every_error_of_twilio_is_mapped(status: int, code: int | None, kind: type[Exception]) -> None:
    """Surely not sent, perhaps sent, never: by status and Twilio's code."""
    assert type(failure_of(status, code)) is kind


def test_a_breaker_opens_alarms_once_and_lets_one_through() -> None:
    """Five failures open it; after its time one message is tried; a success closes it."""
    alarms: list[tuple[str, str]] = []
    breaker = Breaker("sms", lambda channel, error: alarms.append((channel, error)))
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.room(0, 8) == 8
        breaker.failed("503", 0)
    assert (breaker.room(OPEN_FOR - 1, 8), breaker.room(OPEN_FOR, 8)) == (0, 1)
    breaker.failed("503", OPEN_FOR)
    assert (breaker.room(OPEN_FOR + 1, 8), alarms) == (0, [("sms", "503")])
    breaker.succeeded()
    assert breaker.room(OPEN_FOR + 1, 8) == 8 and not breaker.is_open


async def test_the_simulated_inbox_keeps_the_last_200() -> None:
    """Older messages fall out of the memory."""
    inbox = DemoInbox(HandClock())
    for number in range(KEPT + 5):
        await inbox.send(Outgoing(str(number), "sms", "+18455550142", "", f"text {number}", 60))
    assert len(inbox.messages()) == KEPT and inbox.messages()[0].body == f"text {KEPT + 4}"


async def test_final_messages_are_deleted_after_their_time(database: Database, keys: Keys) -> None:
    """Pruning takes what became final before, and leaves what is still on its way."""
    inbox = DemoInbox(HandClock())
    post = post_with(database, keys, {"sms": inbox})
    old = await post.put()
    await post.work(1)
    waiting = await post.put(channel="email")
    await post.store.prune(post.clock() + 1)
    assert await post.store.get(old) is None and await post.store.get(waiting) is not None


async def test_two_workers_send_each_message_once(database: Database, keys: Keys) -> None:
    """Workers side by side never take the same row."""
    inbox = DemoInbox(HandClock())
    one, two = (post_with(database, keys, {"sms": inbox}) for _ in range(2))
    for number in range(40):
        await one.put(f"text {number}")
    await asyncio.gather(one.work(8), two.work(8))
    bodies = [message.body for message in inbox.messages()]
    assert sorted(bodies) == sorted(f"text {number}" for number in range(40))
