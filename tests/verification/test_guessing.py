"""Wrong codes and wrong passwords, and what they cost (security.md, 'Guessing'), through HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from bot.accounts.demo import PASSWORD
from bot.audit.model import Actor, By
from bot.db import Database
from bot.settings import Settings
from tests.portal import Portal, portal_on, served, wrong


async def test_five_wrong_then_right_is_refused(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After five wrong codes the right one has to wait 30 s, and is then dead all the same."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    code = await lite.code()
    for _ in range(5):
        assert (await lite.verify(browser, challenge, wrong(code))).status_code == 400
    refused = await lite.verify(browser, challenge, code)
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "wait", "30")
    lite.clock.forward(30)
    assert (await lite.verify(browser, challenge, code)).json()["code"] == "wrong_code"


async def test_failures_survive_resends_channels_and_new_sign_ins(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Four wrong, another code by email, a new sign-in, one wrong: that is five for the account."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    for _ in range(4):
        await lite.verify(browser, challenge, wrong(await lite.code()))
    lite.clock.forward(31)
    await lite.send(browser, challenge, "email")
    async with lite.browser() as other:
        challenge = await lite.begin(other)
        await lite.send(other, challenge)
        assert (await lite.verify(other, challenge, wrong(await lite.code()))).status_code == 400
        assert (await lite.verify(other, challenge, await lite.code())).status_code == 429


async def test_a_success_clears_the_failures(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Four wrong and one right, twice over, never makes anybody wait."""
    for _ in range(2):
        challenge = await lite.begin(browser)
        await lite.send(browser, challenge)
        code = await lite.code()
        for _ in range(4):
            await lite.verify(browser, challenge, wrong(code))
        assert (await lite.verify(browser, challenge, code)).status_code == 200


async def test_twenty_failures_disable_the_factor_until_support(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """After 5 wrong codes a wait of 30 s that grows to 1 h; after 20 the right code is refused and none is sent, until
    support resets the factor."""
    settings = settings_for(sends_per_hour=100, sends_per_day=100, failures_per_address="1000/600")
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        failures, waits = 0, []
        while failures < 20:
            challenge = await portal.begin(browser)
            await portal.send(browser, challenge)
            code = await portal.code()
            answer = await portal.verify(browser, challenge, wrong(code))
            if answer.status_code == 429:
                waits.append(int(answer.headers["Retry-After"]))
                portal.clock.forward(waits[-1])
                continue
            failures += 1
        assert waits == [30, 60, 120, 240, 480, 960, 1920] + [3600] * 8
        portal.clock.forward(4000)
        challenge = await portal.begin(browser)
        refused = await portal.send(browser, challenge)
        assert (refused.status_code, refused.json()["code"]) == (429, "limit")
        assert (await portal.verify(browser, challenge, code)).json()["code"] == "wrong_code"
        account = await portal.backend.accounts.account_id("alex")
        await portal.backend.sign_in.enable_factor(account, By(Actor.STAFF))
        await portal.sign_in(browser)


async def test_a_stranger_cannot_lock_an_account(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Guesses from a browser that did not give the password count nothing against the account."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    async with lite.browser() as other:
        await lite.begin(other, "robin")
        for _ in range(6):
            assert (await lite.verify(other, challenge, "000000")).status_code == 400
    assert (await lite.verify(browser, challenge, await lite.code())).status_code == 200


async def test_failures_are_limited_by_address_and_forged_headers_change_nothing(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """After the allowed failures even the right password is 429 from there, whatever X-Forwarded-For says."""
    settings = settings_for(failures_per_address="3/600")
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        for number in range(3):
            answer = await browser.post(
                "/v1/sign-in", json={"username": "alex", "password": "wrong"},
                headers={"X-Forwarded-For": f"203.0.113.{number}"},
            )
            assert answer.status_code == 401
        answer = await browser.post(
            "/v1/sign-in", json={"username": "alex", "password": PASSWORD}, headers={"X-Forwarded-For": "203.0.113.9"}
        )
        assert (answer.status_code, answer.json()["code"]) == (429, "limit")
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_burst_of_wrong_passwords_stays_within_the_limit(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Of 40 wrong passwords at once, hardly more than the allowed three are hashed (two run at a time)."""
    settings = settings_for(failures_per_address="3/600")
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        answers = await asyncio.gather(*(
            browser.post("/v1/sign-in", json={"username": "alex", "password": "wrong"}) for _ in range(40)
        ))
    assert sum(answer.status_code == 401 for answer in answers) <= 5
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_a_waiting_room_shares_one_address(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Successes do not count against an address."""
    settings = settings_for(failures_per_address="2/600")
    async with portal_on(sqlite_database, settings) as portal, served(portal):
        for name in ("alex", "robin", "sam", "casey", "morgan"):
            async with portal.browser() as browser:
                await portal.sign_in(browser, name, "sms" if name in ("alex", "robin") else "email")
                assert (await browser.get("/v1/me")).status_code == 200, name


async def test_an_ipv6_network_is_one_address_and_another_one_still_signs_in(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Wrong codes count like wrong passwords, from all of a /64; the password step is never locked: from another
    network the right password passes."""
    settings = settings_for(failures_per_address="3/600", trusted_proxies="127.0.0.1/32")
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        async def from_(address: str, password: str) -> httpx.Response:
            browser.headers["X-Forwarded-For"] = address
            return await browser.post("/v1/sign-in", json={"username": "alex", "password": password})

        for number in (1, 2):
            assert (await from_(f"2001:db8:1:2::{number}", "wrong")).status_code == 401
        challenge = (await from_("2001:db8:1:2:3::1", PASSWORD)).json()["challenge"]
        await portal.send(browser, challenge)
        code = await portal.code()
        assert (await portal.verify(browser, challenge, wrong(code))).status_code == 400
        refused = await from_("2001:db8:1:2:ffff::9", PASSWORD)
        assert (refused.status_code, refused.json()["code"]) == (429, "limit")
        assert (await portal.verify(browser, challenge, code)).json()["code"] == "limit"
        assert (await from_("2001:db8:1:3::1", PASSWORD)).status_code == 202


async def test_guesses_and_sends_are_counted_in_the_database(
    database: Database, settings_for: Callable[..., Settings]
) -> None:
    """What one process counted, another one knows: no restart and no second replica gives more tries or sends."""
    async with portal_on(database, settings_for()) as one, served(one), one.browser() as browser:
        challenge = await one.begin(browser)
        await one.send(browser, challenge)
        code, cookies = await one.code(), dict(browser.cookies)
        for _ in range(4):
            assert (await one.verify(browser, challenge, wrong(code))).status_code == 400
    async with portal_on(database, settings_for()) as two, served(two), two.browser(cookies=cookies) as browser:
        soon = await two.send(browser, challenge)
        assert (soon.status_code, soon.json()["code"]) == (429, "wait")
        assert (await two.verify(browser, challenge, wrong(code))).status_code == 400
        assert (await two.verify(browser, challenge, code)).json()["code"] == "wait"
