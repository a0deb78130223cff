"""After everything was used, no log, table or file holds a code, a token, a password or a full number."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import select

from bot.accounts.demo import PASSWORD
from bot.db import Database, metadata
from bot.settings import Settings
from tests.portal import BEARER, CREDENTIAL, portal_on, served, wrong


async def test_nothing_personal_is_left_anywhere(
    database: Database, settings_for: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    """Sign-ins right and wrong, resends, handoff, exposure, changes, contact: then every table and log is searched."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "aiosqlite", "asyncio"):  # the test's own browser, and SQL of the driver
        logging.getLogger(name).setLevel(logging.WARNING)
    secrets: dict[str, str] = {
        "password": PASSWORD, "number": "8455550142", "new number": "8455550199", "address": "alex@example.com",
        "reply": "kim.sample@example.com", "credential": CREDENTIAL,
    }
    async with (
        portal_on(database, settings_for(bot_credential=CREDENTIAL)) as portal, served(portal),
        portal.browser() as browser,
    ):
        await browser.post("/v1/sign-in", json={"username": "alex", "password": "a wrong secret"})
        secrets["wrong password"] = "a wrong secret"
        challenge = await portal.begin(browser)
        secrets["pre-auth"] = browser.cookies["twostep_preauth"].partition(".")[0]
        await portal.send(browser, challenge)
        secrets["code 1"] = await portal.code()
        await portal.verify(browser, challenge, wrong(secrets["code 1"]))
        handoff = (await browser.post("/v1/handoffs")).json()["handoff"]
        secrets["handoff"] = handoff
        await browser.post(
            "/v1/bot/handoffs/bind", json={"handoff": handoff, "conversation": "c-1"}, headers=BEARER
        )
        portal.clock.forward(31)
        await browser.post(
            "/v1/bot/conversations/redeem", json={"conversation": "c-1", "action": "resend"},
            headers={**BEARER, "Idempotency-Key": str(uuid4())},
        )
        secrets["code 2"] = await portal.code()
        await browser.post(
            "/v1/bot/conversations/exposed", json={"conversation": "c-1", "code": secrets["code 2"]}, headers=BEARER
        )
        portal.clock.forward(61)
        await portal.send(browser, challenge, "email")
        secrets["code 3"] = await portal.code()
        await portal.verify(browser, challenge, secrets["code 3"])
        secrets["session"] = browser.cookies["twostep_session"].partition(".")[0]
        await browser.patch("/v1/me/contact-points", json={"mobile": "+18455550199"})
        secrets["code 4"] = await portal.code()
        await browser.post("/v1/me/contact-points/confirm", json={"code": secrets["code 4"]})
        await browser.post("/v1/bot/sms-resend", json={"from": "+18455550142"}, headers=BEARER)
        await browser.post("/v1/contact", json={
            "name": "Kim", "reply_to": secrets["reply"], "reason": "Billing", "message": "my number is 845-555-0142"
        })
        await portal.texts_from("+18455550142", "STOP")
        await portal.deliver()
        assert len(await portal.codes()) == 4
        audit = await portal.backend.audit.verify()
        events = repr(portal.events)
    assert audit == []
    places = {"logs": caplog.text + "".join(repr(record.__dict__) for record in caplog.records), "events": events}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            rows = (await connection.execute(select(table))).all()
            places[table.name] = repr([tuple(row) for row in rows])
    assert len(places["codes"]) > 100 and len(places["audit"]) > 100 and len(places["outbox"]) > 100
    found = [
        (place, name) for place, text in places.items() for name, secret in secrets.items()
        if secret in text or base64.b64encode(secret.encode()).decode() in text
        or (name.startswith("code") and f"{secret[:3]} {secret[3:]}" in text)
    ]
    assert found == []


