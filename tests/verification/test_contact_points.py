"""Changing where codes go: confirmed by a code to the new one, the old one is told."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from sqlalchemy import select

from bot.audit.model import Actor, By
from bot.db import Database
from bot.settings import Settings
from bot.verification.store import challenges
from tests.portal import Portal, portal_on, served, wrong


async def change(portal: Portal, browser: httpx.AsyncClient, **point: str) -> None:
    """The signed-in person asks for a new contact point and confirms it."""
    await browser.patch("/v1/me/contact-points", json=point)
    confirmed = await browser.post("/v1/me/contact-points/confirm", json={"code": await portal.code()})
    assert confirmed.status_code == 200, confirmed.text


async def test_a_new_number_is_confirmed_and_the_old_one_told(portal: Portal) -> None:
    """The new number is used only after its code; then the old one gets a notice, and the next code goes to the new."""
    async with portal.browser() as browser:
        await portal.sign_in(browser)
        asked = await browser.patch("/v1/me/contact-points", json={"mobile": "(845) 555-0199"})
        assert (asked.status_code, asked.json()) == (202, {"destination": "•••-•••-0199", "expires_in": 600})
        code = await portal.code()
        assert portal.backend.inbox.messages()[0].to == "+18455550199"
        assert (await browser.get("/v1/me")).json()["contact_points"][0]["destination"] == "•••-•••-0142"
        bad = await browser.post("/v1/me/contact-points/confirm", json={"code": wrong(code)})
        assert bad.json()["code"] == "wrong_code"
        done = await browser.post("/v1/me/contact-points/confirm", json={"code": code})
        assert (done.status_code, done.json()) == (200, {"channel": "sms", "destination": "•••-•••-0199"})
        await portal.deliver()
        notice = portal.backend.inbox.messages()[0]
        assert notice.to == "+18455550142" and "was changed" in notice.body and len(notice.body) <= 160
        again = await browser.post("/v1/me/contact-points/confirm", json={"code": code})
        assert again.json()["code"] == "wrong_code"
        async with portal.database.read() as connection:  # encrypted while it waited, now with the account alone
            waiting = select(challenges).where(challenges.c.pending.is_not(None))
            assert (await connection.execute(waiting)).all() == []
        portal.clock.forward(31)
        await portal.sign_in(browser)
        assert portal.backend.inbox.messages()[0].to == "+18455550199"


async def test_a_first_email_address_is_told_to_the_number(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Who had no email address and adds one is told at the number."""
    await lite.sign_in(browser, "robin")
    await change(lite, browser, email="Robin@Example.com")
    asked = lite.backend.inbox.messages()[0]
    assert asked.to == "robin@example.com" and "confirmation code" in asked.subject
    assert "somebody mistyped theirs" in asked.body and "password" not in asked.body
    await lite.deliver()
    notice = lite.backend.inbox.messages()[0]
    assert (notice.channel, notice.to) == ("sms", "+18455550143")
    assert "email address" in notice.body


async def test_a_code_at_the_old_number_dies_with_the_change(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A sign-in's code that went to the number before the change opens nothing after it; a new one does."""
    await lite.sign_in(browser)
    async with lite.browser() as other:
        challenge = await lite.begin(other)
        await lite.send(other, challenge)
        at_the_old_number = await lite.code()
        await change(lite, browser, mobile="+18455550199")
        assert (await lite.verify(other, challenge, at_the_old_number)).json()["code"] == "wrong_code"
        lite.clock.forward(30)
        await lite.send(other, challenge)
        code = await lite.code()
        newest = next(message for message in lite.backend.inbox.messages() if code in message.body)
        assert newest.to == "+18455550199"
        assert (await lite.verify(other, challenge, code)).status_code == 200


async def test_a_code_at_the_old_number_dies_when_support_changes_it(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A patient whose phone was stolen calls: what is under way to that phone is not sent, or opens nothing."""
    challenge = await lite.begin(browser)
    account, staff = await lite.backend.accounts.account_id("alex"), By(Actor.STAFF)
    for arrives in (True, False):
        await lite.send(browser, challenge)
        code = await lite.code() if arrives else ""
        await lite.backend.accounts.set_contact("alex", mobile="+18455550199")
        await lite.backend.sign_in.withdraw_codes(account, staff)
        assert len(await lite.codes()) == 1
        if arrives:
            assert (await lite.verify(browser, challenge, code)).json()["code"] == "wrong_code"
        lite.clock.forward(60)
    await lite.send(browser, challenge)
    assert (await lite.verify(browser, challenge, await lite.code())).status_code == 200


async def test_a_number_that_said_stop_is_told_by_email(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Nothing is texted to a number that wants no texts; the change is told at the email address instead."""
    await lite.sign_in(browser, channel="email")
    await lite.texts_from("+18455550142", "STOP")
    await change(lite, browser, mobile="+18455550199")
    await lite.deliver()
    notice = lite.backend.inbox.messages()[0]
    assert (notice.channel, notice.to) == ("email", "alex@example.com")
    assert "mobile number" in notice.body
    assert all(message.to != "+18455550142" for message in lite.backend.inbox.messages())


async def test_confirming_the_same_number_again_tells_nobody(lite: Portal, browser: httpx.AsyncClient) -> None:
    """What is as it was is no news."""
    await lite.sign_in(browser)
    await change(lite, browser, mobile="+18455550142")
    await lite.deliver()
    assert all("changed" not in message.body for message in lite.backend.inbox.messages())


async def test_codes_are_good_for_one_purpose(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A sign-in's code confirms no number, and a confirmation's code signs nobody in."""
    await lite.sign_in(browser)
    async with lite.browser() as other:
        challenge = await lite.begin(other)
        await lite.send(other, challenge)
        sign_in = await lite.code()
        await browser.patch("/v1/me/contact-points", json={"mobile": "+18455550199"})
        confirmation = await lite.code()
        crossed = await browser.post("/v1/me/contact-points/confirm", json={"code": sign_in})
        assert crossed.json()["code"] == "wrong_code"
        assert (await lite.verify(other, challenge, confirmation)).json()["code"] == "wrong_code"


REFUSED: tuple[dict[str, object], ...] = (
    {"mobile": "+18765551234"}, {"mobile": "+19005551234"}, {"mobile": "+1 845 555 0142 ext. 5"},
    {"mobile": "+442079460018"}, {"mobile": "1-800-555-1234"}, {"mobile": "12"}, {"mobile": ""},
    {"mobile": "845-555-0199;ext=7"}, {"mobile": "845-555-0199\r\nBcc: x"}, {"email": "x"},
    {"email": "a@b.example\r\nBcc: c@d.example"}, {"mobile": "+18455550199", "email": "a@b.example"}, {},
    {"mobile": None}, {"mobile": 18455550199}, {"mobile": "８４５５５５０１９９"}, {"mobile": "٨٤٥٥٥٥٠١٩٩"},
)


async def test_numbers_that_cost_or_cannot_receive_are_refused(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Other countries inside +1, premium, toll-free, extensions, line breaks: 400, no echo, nothing sent."""
    await lite.sign_in(browser)
    before = len(await lite.codes())
    for body in REFUSED:
        answer = await browser.patch("/v1/me/contact-points", json=body)
        assert (body, answer.status_code, answer.json()["code"]) == (body, 400, "invalid")
        assert all(str(value) not in answer.text for value in body.values() if value and len(str(value)) > 2)
    assert len(await lite.codes()) == before


async def test_an_enrolled_number_outside_the_regions_gets_nothing(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """A number that was fine when other regions were allowed is refused at the send."""
    async with portal_on(sqlite_database, settings_for(sms_regions="US,JM")) as portal:
        await portal.backend.accounts.add("kim", "correct horse battery staple", mobile="+18765551234")
    async with portal_on(sqlite_database, settings_for()) as portal, served(portal), portal.browser() as browser:
        answer = await portal.send(browser, await portal.begin(browser, "kim"))
        assert answer.status_code == 400
        assert await portal.codes() == []


async def test_changes_count_as_sends(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Asking for one new number after the other waits like any resend."""
    await lite.sign_in(browser)
    assert (await browser.patch("/v1/me/contact-points", json={"mobile": "+18455550198"})).status_code == 202
    answer = await browser.patch("/v1/me/contact-points", json={"mobile": "+18455550199"})
    assert (answer.status_code, answer.json()["code"]) == (429, "wait")
    code = await lite.code()
    confirmed = await browser.post("/v1/me/contact-points/confirm", json={"code": code})
    assert confirmed.json()["destination"] == "•••-•••-0198"


async def test_a_change_belongs_to_its_session(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Another session, of the same account even, cannot confirm it; without one it is 401."""
    await lite.sign_in(browser)
    await browser.patch("/v1/me/contact-points", json={"mobile": "+18455550199"})
    code = await lite.code()
    async with lite.browser() as other:
        assert (await other.post("/v1/me/contact-points/confirm", json={"code": code})).status_code == 401
        await lite.sign_in(other)
        assert (await other.post("/v1/me/contact-points/confirm", json={"code": code})).status_code == 400
