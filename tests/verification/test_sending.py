"""The attacks on sending that must fail (security.md, 'Send'), through HTTP."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from bot.db import Database
from bot.delivery.store import outbox
from bot.http.limits import Limiter
from bot.privacy import Keys
from bot.settings import Settings, SettingsError, load_settings
from bot.verification.store import codes, sent_per_day
from tests.conftest import RedisServer
from tests.portal import BEARER, Portal, portal_on, served, wrong


async def test_a_second_send_within_thirty_seconds_waits(lite: Portal, browser: httpx.AsyncClient) -> None:
    """29.999 s after a send another one is 429 with the seconds left; at 30 s it goes."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    lite.clock.forward(29.999)
    early = await lite.send(browser, challenge)
    assert (early.status_code, early.json()["code"], early.headers["Retry-After"]) == (429, "wait", "1")
    lite.clock.forward(0.001)
    assert (await lite.send(browser, challenge)).json()["resend_after"] == 60


async def test_waits_of_zero_are_none(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """Who sets the waits to 0 gets the four sends of a sign-in one after the other."""
    settings = settings_for(send_waits="0", guess_wait=0)
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        challenge = await portal.begin(browser)
        answers = [await portal.send(browser, challenge) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 202, 429]
        assert answers[0].json()["resend_after"] == 0
        code = await portal.code()
        assert {(await portal.verify(browser, challenge, wrong(code))).status_code for _ in range(7)} == {400}


@pytest.mark.parametrize("waits", [",", "-1", "soon"])
def test_waits_that_cannot_be_are_named(monkeypatch: pytest.MonkeyPatch, waits: str) -> None:
    """No wait at all between the commas, or one that is none, stops the start with the setting's name."""
    monkeypatch.setenv("TWOSTEP_SEND_WAITS", waits)
    with pytest.raises(SettingsError, match="TWOSTEP_SEND_WAITS: "):
        load_settings(_env_file=None)


async def test_the_fifth_send_of_a_sign_in_is_refused(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Four sends with 30, 60 and 120 s between them, over both channels together; then no more."""
    challenge = await lite.begin(browser)
    for channel, wait in (("sms", 30), ("email", 60), ("sms", 120), ("email", 120)):
        sent = await lite.send(browser, challenge, channel)
        assert (sent.status_code, sent.json()["resend_after"]) == (202, wait)
        await lite.deliver()
        lite.clock.forward(wait)
    fifth = await lite.send(browser, challenge)
    assert (fifth.status_code, fifth.json()["code"], fifth.headers.get("Retry-After")) == (429, "limit", None)
    assert len(await lite.codes()) == 4


async def test_web_bot_email_and_text_share_the_sends_of_a_sign_in(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Four sends, each asked for in another way, are the four of the sign-in: nobody gets a fifth, whoever asks."""
    challenge = await lite.begin(browser)
    await lite.bind(browser, "c-1")

    async def by_bot(channel: str) -> str:
        answer = await browser.post(
            "/v1/bot/conversations/redeem", headers={**BEARER, "Idempotency-Key": str(uuid4())},
            json={"conversation": "c-1", "action": "resend", "channel": channel},
        )
        return str(answer.json()["outcome"])

    async def by_text() -> int:
        await browser.post("/v1/bot/sms-resend", json={"from": "+18455550142"}, headers=BEARER)
        return len(await lite.codes())

    assert (await lite.send(browser, challenge)).json()["resend_after"] == 30
    assert await by_text() == 1 and await by_bot("email") == "wait"
    lite.clock.forward(30)
    assert await by_bot("email") == "accepted"
    lite.clock.forward(59)
    assert await by_text() == 2
    lite.clock.forward(1)
    assert await by_text() == 3
    lite.clock.forward(120)
    assert (await lite.send(browser, challenge, "email")).status_code == 202
    assert len(await lite.codes()) == 4
    lite.clock.forward(120)
    assert (await lite.send(browser, challenge)).json()["code"] == "limit"
    assert await by_bot("email") == "unavailable"
    assert await by_text() == 4


async def test_a_code_and_its_message_are_one_transaction(
    lite: Portal, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails after the message was queued takes all back: no code, no message, and the send counts for nothing."""
    challenge = await lite.begin(browser)

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(lite.backend.audit, "append", fail)
        assert (await lite.send(browser, challenge)).status_code == 503
    async with lite.database.read() as connection:
        for table in (codes, outbox, sent_per_day):
            assert (await connection.execute(select(table))).all() == []
    assert (await lite.send(browser, challenge)).status_code == 202
    assert len(await lite.codes()) == 1


async def test_what_is_stored_of_a_code_is_an_hmac_with_a_pepper_from_outside(
    lite: Portal, browser: httpx.AsyncClient, keys: Keys
) -> None:
    """The row holds HMAC-SHA256 over challenge, account, channel, purpose and code, by a key that no table holds."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    code = await lite.code()
    async with lite.database.read() as connection:
        row = (await connection.execute(select(codes))).one()
    bound = "\x1f".join((challenge, row.account, "sms", "sign_in", code))
    assert row.digest == hmac.digest(keys.derive("code pepper"), bound.encode(), "sha256")


async def test_eight_sends_an_hour_and_fifteen_a_day(lite: Portal, browser: httpx.AsyncClient) -> None:
    """However many sign-ins, an account gets eight codes an hour and fifteen a day."""
    challenge = await lite.begin(browser)
    accepted = []
    for minute in range(24 * 60):
        if minute % 5 == 0:
            challenge = await lite.begin(browser) if minute % 15 == 0 else challenge
            sent = await lite.send(browser, challenge)
            accepted += [minute] if sent.status_code == 202 else []
        lite.clock.forward(60)
        if len(accepted) == 15 and minute > accepted[-1] + 60:
            break
    assert len([minute for minute in accepted if minute < 60]) == 8
    assert len(accepted) == 15
    refused = await lite.send(browser, await lite.begin(browser))
    assert (refused.status_code, refused.json()["code"]) == (429, "limit")
    assert int(refused.headers["Retry-After"]) > 3600


async def test_a_day_has_a_cap_for_everybody(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """When the day's messages are used up nobody gets one until midnight UTC."""
    async with portal_on(sqlite_database, settings_for(sends_per_day_total=1)) as portal, served(portal):
        async with portal.browser() as browser:
            assert (await portal.send(browser, await portal.begin(browser))).status_code == 202
        async with portal.browser() as browser:
            challenge = await portal.begin(browser, "robin")
            refused = await portal.send(browser, challenge)
            assert refused.json()["code"] == "limit"
            portal.clock.forward(86_400 - 1000)
            challenge = await portal.begin(browser, "robin")
            assert (await portal.send(browser, challenge)).status_code == 202


@pytest.mark.parametrize("extra", [{"to": "+18765551234"}, {"destination": "x@evil.example"}, {"channel": "voice"}])
async def test_a_destination_never_comes_from_a_request(
    lite: Portal, browser: httpx.AsyncClient, extra: dict[str, str]
) -> None:
    """Whoever writes a destination into a request gets 400, and nothing is sent."""
    challenge = await lite.begin(browser)
    answer = await browser.post(f"/v1/challenges/{challenge}/code", json={"channel": "sms", **extra})
    assert answer.status_code == 400
    assert await lite.codes() == []


async def test_a_channel_that_the_account_has_not_is_refused(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Robin has no email address: no email goes anywhere."""
    answer = await lite.send(browser, await lite.begin(browser, "robin"), "email")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


async def test_an_idempotency_key_sends_once(lite: Portal, browser: httpx.AsyncClient) -> None:
    """The same key gives the same reply and one message, even after the wait; with another body it is 409."""
    challenge = await lite.begin(browser)
    first = await lite.send(browser, challenge, **{"Idempotency-Key": "k-1"})
    lite.clock.forward(100)
    again = await lite.send(browser, challenge, **{"Idempotency-Key": "k-1"})
    assert (again.status_code, again.content) == (202, first.content)
    assert len(await lite.codes()) == 1
    other = await lite.send(browser, challenge, "email", **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert (await lite.send(browser, challenge, **{"Idempotency-Key": "x" * 129})).status_code == 400


async def test_a_new_code_makes_the_old_one_useless(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After a resend, in another sign-in too, only the newest code works, and references differ."""
    challenge = await lite.begin(browser)
    first = (await lite.send(browser, challenge)).json()["reference"]
    old = await lite.code()
    lite.clock.forward(31)
    assert (await lite.send(browser, challenge)).json()["reference"] != first
    assert (await lite.verify(browser, challenge, old)).status_code == 400
    superseded = await lite.code()
    async with lite.browser() as other:
        await lite.send(other, await lite.begin(other))
    assert (await lite.verify(browser, challenge, superseded)).status_code == 400


async def test_a_queued_code_that_is_superseded_is_not_sent(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A code that still waits in the outbox when a newer one comes never goes out."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    lite.clock.forward(31)
    await lite.send(browser, challenge)
    assert len(await lite.codes()) == 1


async def test_without_the_limiter_nothing_is_sent_and_verifying_goes_on(
    sqlite_database: Database, settings_for: Callable[..., Settings], redis_server: RedisServer
) -> None:
    """With the limiter's store down a send is 503 and no message goes out; a code sent before still signs in."""
    limiter = Limiter(redis_server.url)
    async with (
        portal_on(sqlite_database, settings_for(), limiter=limiter) as portal, served(portal),
        portal.browser() as browser,
    ):
        challenge = await portal.begin(browser)
        assert (await portal.send(browser, challenge)).status_code == 202
        code = await portal.code()
        portal.clock.forward(31)
        redis_server.stop()
        down = await portal.send(browser, challenge)
        assert (down.status_code, down.json()["code"]) == (503, "unavailable")
        assert len(await portal.codes()) == 1
        assert (await portal.verify(browser, challenge, code)).status_code == 200


async def test_texts_fit_one_segment_and_fill_themselves_in(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A text has at most 160 plain characters, the code twice and nothing else of six digits, and ends with the line
    that phones fill in."""
    sent = (await lite.send(browser, await lite.begin(browser))).json()
    code = await lite.code()
    body = lite.backend.inbox.messages()[0].body
    assert len(body) <= 160 and body.isascii()
    assert body.count(code) == 2
    assert body.splitlines()[-1] == f"@127.0.0.1 #{code}"
    assert sent["reference"] in body and "Never share it" in body


async def test_emails_hold_the_code_in_the_body_only(lite: Portal, browser: httpx.AsyncClient) -> None:
    """An email's subject has the reference, not the code; its body says that nobody will ask for it."""
    sent = (await lite.send(browser, await lite.begin(browser), "email")).json()
    code = await lite.code()
    message = lite.backend.inbox.messages()[0]
    assert sent["reference"] in message.subject and code not in message.subject
    assert "Never share it" in message.body and "call 845-703-6999" in message.body
