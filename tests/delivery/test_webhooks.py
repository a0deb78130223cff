"""Twilio's status callbacks: signature first, each report once (security.md, 'Webhooks')."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator

from bot.accounts.demo import PASSWORD
from bot.db import Database
from bot.delivery.store import outbox
from bot.events import CodeDelivery
from bot.settings import Settings
from tests.delivery.twilio_server import ACCOUNT, SENDER, TOKEN, TwilioServer
from tests.portal import Portal, portal_on, served

PUBLIC = "https://portal.example.org"


@pytest_asyncio.fixture
async def portal(
    sqlite_database: Database, settings_for: Callable[..., Settings], twilio: TwilioServer
) -> AsyncIterator[Portal]:
    """A portal that sends through the counterpart of Twilio and stands behind a TLS proxy."""
    settings = settings_for(
        public_url=PUBLIC, twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN, twilio_api_url=twilio.url,
        code_sender=SENDER,
    )
    async with portal_on(sqlite_database, settings) as made, served(made):
        yield made


async def report(
    browser: httpx.AsyncClient, row: str, sid: str, status: str, *, token: str = TOKEN,
    signed: dict[str, str] | None = None, **extra: str,
) -> int:
    """Send a report as Twilio does: signed over the public address."""
    fields = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT, **extra}
    path = f"/sms/status?message={row}"
    signature = RequestValidator(token).compute_signature(PUBLIC + path, signed or fields)
    answer = await browser.post(path, data=fields, headers={"X-Twilio-Signature": signature})
    return answer.status_code


async def begin(browser: httpx.AsyncClient) -> dict[str, Any]:
    """The password step of alex; the browser keeps the cookie, which is for https alone, by hand."""
    answer = await browser.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
    browser.headers["Cookie"] = answer.headers["set-cookie"].split(";")[0]
    begun: dict[str, Any] = answer.json()
    return begun


async def send(browser: httpx.AsyncClient, begun: dict[str, Any], channel: str = "sms") -> httpx.Response:
    """Ask for a code."""
    return await browser.post(f"/v1/challenges/{begun['challenge']}/code", json={"channel": channel})


async def sent_code(portal: Portal, browser: httpx.AsyncClient, twilio: TwilioServer) -> tuple[str, str]:
    """A code that Twilio has; gives our id and Twilio's."""
    browser.headers["X-Forwarded-Proto"] = "https"
    await send(browser, await begin(browser))
    await portal.deliver()
    message = twilio.accepted[0]
    return message["StatusCallback"].rpartition("=")[2], message["Sid"]


async def state(portal: Portal, row: str) -> str:
    """The message's state."""
    return str((await portal.backend.outbox.get(row)).state)


async def test_a_report_behind_a_tls_proxy_passes_and_counts_once(portal: Portal, twilio: TwilioServer) -> None:
    """A good signature over the public https address passes; the same report again changes and counts nothing."""
    async with portal.browser() as browser:
        row, sid = await sent_code(portal, browser, twilio)
        for _ in range(3):
            assert await report(browser, row, sid, "delivered") == 204
        assert await report(browser, row, sid, "undelivered", ErrorCode="30003") == 204
        assert await state(portal, row) == "delivered"
    assert [event.state for event in portal.events if isinstance(event, CodeDelivery)] == ["sent", "delivered"]


async def test_an_undelivered_code_is_counted_with_its_error(portal: Portal, twilio: TwilioServer) -> None:
    """A carrier's refusal is recorded with Twilio's code."""
    async with portal.browser() as browser:
        row, sid = await sent_code(portal, browser, twilio)
        assert await report(browser, row, sid, "undelivered", ErrorCode="30003") == 204
    event = [event for event in portal.events if isinstance(event, CodeDelivery)][-1]
    assert (event.state, event.error) == ("failed", "30003")


async def test_a_late_report_brings_nothing_back(portal: Portal, twilio: TwilioServer) -> None:
    """A text whose answer got lost twice was given up; the report that it arrived after all changes nothing."""
    twilio.script, portal.backend.worker._timeout = ["lost", "lost"], 0.2
    async with portal.browser() as browser:
        row, sid = await sent_code(portal, browser, twilio)
        portal.clock.forward(5)
        await portal.deliver()
        assert await report(browser, row, sid, "delivered") == 204
        await portal.deliver()
        assert await state(portal, row) == "failed" and len(twilio.accepted) == 2
    assert [event.state for event in portal.events if isinstance(event, CodeDelivery)] == ["failed"]


async def test_a_number_that_cannot_be_reached_is_offered_email(portal: Portal, twilio: TwilioServer) -> None:
    """No code goes by email unasked; the other way is offered, labelled less secure, and goes when it is chosen."""
    twilio.script = [(400, 21614)]
    async with portal.browser() as browser:
        begun = await begin(browser)
        await send(browser, begun)
        await portal.deliver()
        assert (twilio.requests, portal.backend.inbox.messages()) == (1, [])
        assert "(less secure)" in (await browser.get("/code")).text.partition("Email to")[2]
        portal.clock.forward(31)
        assert (await send(browser, begun, "email")).status_code == 202
    assert len(await portal.codes()) == 1 and twilio.accepted == []


async def test_reports_without_a_good_signature_change_nothing(portal: Portal, twilio: TwilioServer) -> None:
    """No signature, a wrong token, a changed or an extra parameter: 403."""
    async with portal.browser() as browser:
        row, sid = await sent_code(portal, browser, twilio)
        bare = await browser.post(f"/sms/status?message={row}", data={"MessageSid": sid, "MessageStatus": "delivered"})
        assert bare.status_code == 403
        assert await report(browser, row, sid, "delivered", token="another token") == 403
        good = {"MessageSid": sid, "MessageStatus": "sent", "AccountSid": ACCOUNT}
        assert await report(browser, row, sid, "delivered", signed=good) == 403
        assert await report(browser, row, sid, "sent", signed=good, Extra="1") == 403
        assert await state(portal, row) == "sent"


async def test_a_report_of_another_message_changes_nothing(portal: Portal, twilio: TwilioServer) -> None:
    """An unknown message, and a known one with another SID, are taken without effect."""
    async with portal.browser() as browser:
        row, _ = await sent_code(portal, browser, twilio)
        assert await report(browser, "f" * 32, "SM1", "delivered") == 204
        assert await report(browser, row, "SM1", "delivered") == 204
        assert await state(portal, row) == "sent"


async def test_a_report_can_be_faster_than_our_own_note(portal: Portal, twilio: TwilioServer) -> None:
    """A message that is reported while the worker still holds it is delivered and not sent again."""
    async with portal.browser() as browser:
        row, sid = await sent_code(portal, browser, twilio)
        async with portal.database.write() as connection:
            await connection.execute(outbox.update().values(state="sending", provider_id=None, lease_until=0))
        assert await report(browser, row, sid, "delivered") == 204
        await portal.deliver()
        assert await state(portal, row) == "delivered" and len(twilio.accepted) == 1


@pytest.mark.parametrize("word", ["STOP", "START"])
async def test_stop_and_start_decide_about_texts(portal: Portal, twilio: TwilioServer, word: str) -> None:
    """After STOP the number gets no code, and email is offered first; text is recommended again after START."""
    for said in dict.fromkeys(["STOP", word]):
        await portal.texts_from("+18455550142", said)
    async with portal.browser() as browser:
        begun = await begin(browser)
        offered = [(one["channel"], one["recommended"]) for one in begun["channels"]]
        sent = await send(browser, begun)
    await portal.deliver()
    stopped, started = [("email", False), ("sms", False)], [("sms", True), ("email", False)]
    assert offered == (stopped if word == "STOP" else started)
    assert ("wants no text messages" in sent.text) == (word == "STOP")
    assert (sent.status_code, len(twilio.accepted)) == ((409, 0) if word == "STOP" else (202, 1))
    assert portal.backend.inbox.messages() == []  # nor by email, unasked
