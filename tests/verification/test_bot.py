"""The attacks on the bot's endpoints that must fail (security.md, 'Bot'), through HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from bot.db import Database
from bot.events import ResendRedeemed
from bot.settings import Settings
from tests.portal import BEARER, CREDENTIAL, Portal, portal_on, served


async def redeem(browser: httpx.AsyncClient, conversation: str, key: str = "", **body: Any) -> httpx.Response:
    """Ask for a resend."""
    return await browser.post(
        "/v1/bot/conversations/redeem", json={"conversation": conversation, "action": "resend", **body},
        headers={**BEARER, "Idempotency-Key": key or str(uuid4())},
    )


async def test_a_resend_goes_to_the_bound_sign_in(portal: Portal) -> None:
    """The bot learns outcome, channel, masked destination and the other channels; nothing else."""
    async with portal.browser() as browser:
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        assert (await portal.bind(browser, "c-1")).status_code == 204
        early = (await redeem(browser, "c-1")).json()
        assert early == {
            "outcome": "wait", "channel": "sms", "destination": "•••-•••-0142", "retry_after": 30,
            "other_channels": ["email"],
        }
        portal.clock.forward(30)
        accepted = (await redeem(browser, "c-1", channel="email")).json()
        assert accepted == {
            "outcome": "accepted", "channel": "email", "destination": "a•••@example.com", "retry_after": None,
            "other_channels": ["sms"],
        }
        assert (await portal.verify(browser, challenge, await portal.code())).status_code == 200
    outcomes = [event.outcome for event in portal.events if isinstance(event, ResendRedeemed)]
    assert outcomes == ["wait", "accepted"]


async def test_status_tells_where_a_code_would_go_and_sends_nothing(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Before a handoff nothing waits; after it the destination is known, masked; after the sign-in nothing waits."""
    async def status() -> dict[str, Any]:
        answer = await browser.post("/v1/bot/conversations/status", json={"conversation": "c-1"}, headers=BEARER)
        return dict(answer.json())

    assert (await status())["waiting"] is False
    challenge = await lite.begin(browser)
    await lite.bind(browser, "c-1")
    assert await status() == {
        "waiting": True, "channel": "sms", "destination": "•••-•••-0142", "other_channels": ["email"],
        "retry_after": 0,
    }
    assert await lite.codes() == []
    await lite.send(browser, challenge, "email")
    assert (await status())["channel"] == "email"
    assert (await status())["retry_after"] == 30
    await lite.verify(browser, challenge, await lite.code())
    assert (await status())["waiting"] is False


async def test_without_a_sign_in_nothing_is_sent(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A conversation without a bound sign-in gets `unavailable`, and no message goes out."""
    await lite.begin(browser)
    answer = await redeem(browser, "c-1")
    assert answer.json()["outcome"] == "unavailable"
    assert await lite.codes() == []


async def test_a_handoff_is_bound_once(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A second bind is refused, for the same conversation too, and so is a made-up handoff."""
    await lite.begin(browser)
    handoff = (await browser.post("/v1/handoffs")).json()
    assert handoff["expires_in"] == 300
    for made_up in ("x", "x" * 43):
        answer = await browser.post(
            "/v1/bot/handoffs/bind", json={"handoff": made_up, "conversation": "c-1"}, headers=BEARER
        )
        assert answer.status_code == 403
    for conversation, status in (("c-1", 204), ("c-1", 403), ("c-2", 403)):
        answer = await browser.post(
            "/v1/bot/handoffs/bind", json={"handoff": handoff["handoff"], "conversation": conversation},
            headers=BEARER,
        )
        assert answer.status_code == status
    assert (await redeem(browser, "c-2")).json()["outcome"] == "unavailable"
    assert (await redeem(browser, "c-1")).json()["outcome"] == "accepted"


async def test_a_handoff_lives_five_minutes_and_one_at_a_time(lite: Portal, browser: httpx.AsyncClient) -> None:
    """At 300 s a handoff is refused; a newer handoff kills the older one."""
    await lite.begin(browser)
    first, second = [(await browser.post("/v1/handoffs")).json()["handoff"] for _ in range(2)]

    async def bind(handoff: str) -> int:
        return (await browser.post(
            "/v1/bot/handoffs/bind", json={"handoff": handoff, "conversation": "c-1"}, headers=BEARER
        )).status_code

    assert await bind(first) == 403
    lite.clock.forward(300)
    assert await bind(second) == 403
    third = (await browser.post("/v1/handoffs")).json()["handoff"]
    lite.clock.forward(299.999)
    assert await bind(third) == 204


async def test_a_third_resend_is_refused(lite: Portal, browser: httpx.AsyncClient) -> None:
    """The bot gets two resends for a sign-in; binding again gives no more."""
    await lite.begin(browser)
    await lite.bind(browser, "c-1")
    for expected in ("accepted", "accepted", "unavailable"):
        assert (await redeem(browser, "c-1")).json()["outcome"] == expected
        await lite.deliver()
        lite.clock.forward(121)
    await lite.bind(browser, "c-2")
    assert (await redeem(browser, "c-2")).json()["outcome"] == "unavailable"
    assert len(await lite.codes()) == 2


async def test_a_key_redeems_once(lite: Portal, browser: httpx.AsyncClient) -> None:
    """The same key gives the same answer and one message; for another request it is 409; without one 400."""
    await lite.begin(browser)
    await lite.bind(browser, "c-1")
    key = str(uuid4())
    first = await redeem(browser, "c-1", key)
    lite.clock.forward(60)
    again = await redeem(browser, "c-1", key)
    assert again.content == first.content
    assert len(await lite.codes()) == 1
    assert (await redeem(browser, "c-1", key, channel="email")).status_code == 409
    assert (await redeem(browser, "c-1", "no uuid")).status_code == 400
    bare = await browser.post(
        "/v1/bot/conversations/redeem", json={"conversation": "c-1", "action": "resend"}, headers=BEARER
    )
    assert bare.status_code == 400


async def test_a_key_stands_for_its_answer_when_the_sign_in_is_over(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A message of the patient's that comes again after the sign-in gets what it got before, and sends nothing."""
    challenge = await lite.begin(browser)
    await lite.bind(browser, "c-1")
    key = str(uuid4())
    first = await redeem(browser, "c-1", key)
    assert (await lite.verify(browser, challenge, await lite.code())).status_code == 200
    assert (await redeem(browser, "c-1", key)).content == first.content
    assert (await redeem(browser, "c-1")).json()["outcome"] == "unavailable"
    assert len(await lite.codes()) == 1


ENDPOINTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("handoffs/bind", {"handoff": "x" * 43, "conversation": "c-1"}),
    ("conversations/status", {"conversation": "c-1"}),
    ("conversations/redeem", {"conversation": "c-1", "action": "resend"}),
    ("conversations/exposed", {"conversation": "c-1", "code": "123456"}),
    ("sms-resend", {"from": "+18455550142"}),
)


async def test_without_the_credential_every_bot_endpoint_is_401(lite: Portal, browser: httpx.AsyncClient) -> None:
    """No credential, another one, and a patient's cookies are all refused."""
    await lite.sign_in(browser)
    for path, body in ENDPOINTS:
        for headers in ({}, {"Authorization": "Bearer " + "x" * 36}, {"Authorization": "Basic x"}):
            answer = await browser.post(f"/v1/bot/{path}", json=body, headers=headers)
            assert (path, answer.status_code) == (path, 401)


async def test_without_the_credential_nobody_learns_what_a_body_should_be(
    lite: Portal, browser: httpx.AsyncClient
) -> None:
    """The credential is asked for before the body is read: an empty or odd one is 401 too, and 400 with it."""
    for path, _ in ENDPOINTS:
        assert (await browser.post(f"/v1/bot/{path}", json={})).status_code == 401
        assert (await browser.post(f"/v1/bot/{path}", content=b"[")).status_code == 401
        assert (await browser.post(f"/v1/bot/{path}", json={}, headers=BEARER)).status_code == 400


async def test_the_bot_credential_is_worth_nothing_elsewhere(lite: Portal, browser: httpx.AsyncClient) -> None:
    """With the bot's credential nobody verifies, reads, changes, sends or hands over anything; to sign out changes
    nothing either."""
    async with lite.browser() as patient:
        challenge = await lite.begin(patient)
        await lite.send(patient, challenge)
        code = await lite.code()
    verify = await browser.post(f"/v1/challenges/{challenge}/verify", json={"code": code}, headers=BEARER)
    send = await browser.post(f"/v1/challenges/{challenge}/code", json={"channel": "sms"}, headers=BEARER)
    refused = [verify, send]
    document = (await browser.get("/docs/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation.get("security") and "/bot/" not in path and "{" not in path and path != "/v1/sign-out":
                body = {"mobile": "+18455550199"} if method == "patch" else {"code": code}
                refused.append(await browser.request(method, path, json=body, headers=BEARER))
    assert {"/v1/me", "/v1/me/contact-points", "/v1/handoffs"} <= {answer.url.path for answer in refused}
    assert [answer.url.path for answer in refused if answer.status_code not in (401, 403)] == []


async def test_an_exposed_code_dies_without_a_word(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A live code typed into any chat is useless afterwards; the answer is 204 whether it was live or not."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    code = await lite.code()
    for typed in ("no code", "999999" if code != "999999" else "999998", code, code):
        answer = await browser.post(
            "/v1/bot/conversations/exposed", json={"conversation": "c-9", "code": typed}, headers=BEARER
        )
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await lite.verify(browser, challenge, code)).json()["code"] == "wrong_code"


async def test_a_conversation_cannot_fish_for_other_peoples_codes(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After ten exposed codes a conversation kills only codes of its own sign-in."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    code = await lite.code()
    fishing = [f"{number:06d}" for number in range(12) if f"{number:06d}" != code][:10]
    for typed in (*fishing, code):
        await browser.post("/v1/bot/conversations/exposed", json={"conversation": "c-9", "code": typed}, headers=BEARER)
    assert (await lite.verify(browser, challenge, code)).status_code == 200


async def test_a_text_asking_for_a_code_answers_all_numbers_alike(portal: Portal) -> None:
    """Only the enrolled number of a waiting sign-in gets a code; the answer never shows it. One in 120 s, 3 a day."""
    async with portal.browser() as browser:
        async def ask(number: str) -> tuple[int, bytes]:
            answer = await browser.post("/v1/bot/sms-resend", json={"from": number}, headers=BEARER)
            return answer.status_code, answer.content

        nobody = await ask("+18455550142")
        assert await portal.codes() == []
        challenge = await portal.begin(browser)
        answers = {await ask("+18455550142"), await ask("+18455550142"), await ask("+18455550199"), nobody}
        assert len(answers) == 1
        assert len(await portal.codes()) == 1
        assert portal.backend.inbox.messages()[0].to == "+18455550142"
        assert (await portal.verify(browser, challenge, await portal.code())).status_code == 200
        for wait, sent in ((119.999, 1), (0.001, 2), (120, 3), (120, 3), (7200, 3)):
            portal.clock.forward(wait)
            await portal.begin(browser)
            await ask("+18455550142")
            assert len(await portal.codes()) == sent, wait


async def test_a_practice_sets_how_often_the_bot_and_a_text_may_ask(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """The numbers of the bot's resends and of those by text are settings like the others."""
    settings = settings_for(bot_credential=CREDENTIAL, bot_resends=1, sms_resend_wait=40, sms_resends_per_day=2)
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        await portal.begin(browser)
        await portal.bind(browser, "c-1")
        for outcome in ("accepted", "unavailable"):
            assert (await redeem(browser, "c-1")).json()["outcome"] == outcome
            assert len(await portal.codes()) == 1
            portal.clock.forward(30)
        for wait, sent in ((0, 2), (39, 2), (1, 3), (40, 3)):
            portal.clock.forward(wait)
            await portal.begin(browser)
            await browser.post("/v1/bot/sms-resend", json={"from": "+18455550142"}, headers=BEARER)
            assert len(await portal.codes()) == sent, wait


async def test_forgetting_a_conversation_unties_it(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After a conversation is deleted nothing can be sent for it."""
    await lite.begin(browser)
    await lite.bind(browser, "c-1")
    await lite.backend.bot.forget("c-1")
    assert (await redeem(browser, "c-1")).json()["outcome"] == "unavailable"
