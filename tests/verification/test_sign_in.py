"""The attacks on a sign-in that must fail (security.md, 'Sign-in and verify'), through HTTP."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from bot.accounts.demo import PASSWORD
from bot.db import Database
from bot.events import SignInCompleted
from bot.settings import Settings
from tests.portal import CREDENTIAL, Portal, portal_on, served, wrong


async def test_right_password_is_not_yet_a_session(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After the password alone nobody is signed in: API and page answer 401."""
    answer = await browser.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
    assert answer.status_code == 202
    assert answer.json()["channels"] == [
        {"channel": "sms", "destination": "•••-•••-0142", "recommended": True},
        {"channel": "email", "destination": "a•••@example.com", "recommended": False},
    ]
    assert (await browser.get("/v1/me")).status_code == 401
    assert (await browser.get("/me")).status_code == 401


async def test_email_is_never_the_recommended_way(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Text is recommended; an account with email alone can use it, and is recommended nothing."""
    answer = await browser.post("/v1/sign-in", json={"username": "sam", "password": PASSWORD})
    assert answer.json()["channels"] == [
        {"channel": "email", "destination": "s•••@example.com", "recommended": False},
    ]


async def test_a_code_opens_a_session_once(portal: Portal) -> None:
    """The right code signs in, is counted, and is refused the second time."""
    async with portal.browser() as browser:
        challenge = await portal.begin(browser)
        sent = await portal.send(browser, challenge)
        assert sent.json() | {"reference": "K7"} == {
            "destination": "•••-•••-0142", "resend_after": 30, "expires_in": 600, "reference": "K7"
        }
        cookies = dict(browser.cookies)
        code = await portal.code()
        answer = await portal.verify(browser, challenge, code)
        assert (answer.status_code, answer.json()) == (200, {"name": "Alex Sample"})
        assert (await browser.get("/v1/me")).json()["name"] == "Alex Sample"
        assert [event for event in portal.events if isinstance(event, SignInCompleted)]
        async with portal.browser(cookies=cookies) as same:
            for once_more in (same, browser):
                again = await portal.verify(once_more, challenge, code)
                assert (again.status_code, again.json()["code"]) == (400, "wrong_code")


async def test_a_code_is_good_until_just_before_ten_minutes(lite: Portal, browser: httpx.AsyncClient) -> None:
    """599.999 s after it was issued a code works; at exactly 600.0 s it does not, whatever Date a client sends."""
    challenge = await lite.begin(browser)
    await lite.send(browser, challenge)
    code = await lite.code()
    lite.clock.forward(600)
    late = await browser.post(
        f"/v1/challenges/{challenge}/verify", json={"code": code}, headers={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    )
    assert late.json()["code"] == "wrong_code"
    await lite.send(browser, challenge)
    code = await lite.code()
    lite.clock.forward(599.999)
    assert (await lite.verify(browser, challenge, code)).status_code == 200


async def test_unknown_user_and_wrong_password_are_told_alike(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Unknown user and wrong password get the same bytes, and both went through argon2."""
    calls: list[str] = []
    hashes = lite.backend.accounts._passwords
    verify = hashes._verify
    hashes._verify = lambda stored, password: calls.append(stored[:10]) or verify(stored, password)  # type: ignore
    answers = [
        await browser.post("/v1/sign-in", json={"username": name, "password": "not the password"})
        for name in ("alex", "nobody-of-that-name")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert calls == ["$argon2id$", "$argon2id$"]
    await lite.backend.accounts.set_disabled("sam", True)
    disabled = await browser.post("/v1/sign-in", json={"username": "sam", "password": PASSWORD})
    assert disabled.content == answers[0].content


async def test_dead_codes_are_told_alike(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Wrong, expired, used, superseded and locked codes, other browsers' and other challenges' get the same bytes.

    Superseded is a text's code on a challenge whose live code went by email: one channel's code is no other's.
    """
    settings = settings_for(guess_wait=0, failures_per_address="1000/600")
    async with (
        portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser,
        portal.browser() as other,
    ):
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        first = await portal.code()
        portal.clock.forward(31)
        await portal.send(browser, challenge, "email")
        second = await portal.code()
        robins = await portal.begin(other, "robin")
        await portal.send(other, robins)
        told = {
            "wrong": await portal.verify(browser, challenge, wrong(second)),
            "superseded": await portal.verify(browser, challenge, first),
            "another browser's challenge": await portal.verify(other, challenge, second),
            "another challenge's code": await portal.verify(other, robins, second),
            "no challenge": await portal.verify(other, "0" * 32, second),
        }
        assert (await portal.verify(browser, challenge, second)).status_code == 200
        told["used"] = await portal.verify(browser, challenge, second)
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        third = await portal.code()
        portal.clock.forward(600)
        told["expired"] = await portal.verify(browser, challenge, third)
        await portal.send(browser, challenge)
        fourth = await portal.code()
        for _ in range(20):
            await portal.verify(browser, challenge, wrong(fourth))
        told["locked"] = await portal.verify(browser, challenge, fourth)
    same = (400, told["wrong"].content)
    assert {name: (answer.status_code, answer.content) for name, answer in told.items()} == dict.fromkeys(told, same)


async def test_leading_zeros_count(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """012345 is a code; 12345 as a number is none."""
    async with (
        portal_on(sqlite_database, settings_for(), make_code=lambda: "012345") as portal, served(portal),
        portal.browser() as browser,
    ):
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        number = await browser.post(f"/v1/challenges/{challenge}/verify", json={"code": 12345})
        assert number.status_code == 400
        assert (await portal.verify(browser, challenge, "012345")).status_code == 200


ODD = (
    '{"code": 12345}', '{"code": ["123456"]}', '{"code": null}', '{"code": ""}', '{"code": "12345"}',
    '{"code": "123456", "code": "654321"}', '{"code": "\' OR 1=1--"}', '{"code": "１２３４５６"}',
    '{"code": "١٢٣٤٥٦"}', '{}', '[]', '"123456"', '{"code": "123456", "to": "+18765551234"}',
    '{"code": "12345\\u0000"}', '{"code": {"$ne": ""}}', "not json",
)

async def test_odd_bodies_are_refused_without_an_echo(lite: Portal, browser: httpx.AsyncClient) -> None:
    """What is not six ASCII digits in a string is 400, and what was sent is not in the answer."""
    challenge = await lite.begin(browser)
    for body in ODD:
        answer = await browser.post(
            f"/v1/challenges/{challenge}/verify", content=body.encode(), headers={"Content-Type": "application/json"}
        )
        assert (body, answer.status_code, answer.json()["code"]) == (body, 400, "invalid")
        told = {name: value for name, value in answer.json().items() if name != "request_id"}
        assert not [sent for sent in ("12345", "OR 1=1", "１２３", "١٢٣", "876555") if sent in repr(told)]


async def test_a_megabyte_is_too_large(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A body of 1 MB is 413."""
    challenge = await lite.begin(browser)
    answer = await browser.post(f"/v1/challenges/{challenge}/verify", json={"code": "1" * 1_000_000})
    assert answer.status_code == 413


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
])
async def test_other_sites_are_refused(lite: Portal, browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """A sign-in that another site makes a browser send is 403 cross_site, with a form too."""
    answer = await browser.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    form = await browser.post("/sign-in", data={"username": "alex", "password": PASSWORD}, headers=headers)
    assert form.status_code == 403


async def test_verify_without_a_password_step_is_401(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Without the pre-auth cookie, or with a made-up one, nothing is verified, sent or handed over."""
    async with lite.browser() as other:
        challenge = await lite.begin(other)
    assert (await lite.verify(browser, challenge, "123456")).status_code == 401
    browser.cookies.set("twostep_preauth", "made-up.0000")
    assert (await lite.verify(browser, challenge, "123456")).status_code == 401
    assert (await lite.send(browser, challenge)).status_code == 401
    assert (await browser.post("/v1/handoffs")).status_code == 401


async def test_a_challenge_lives_thirty_minutes(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After 30 minutes no code is sent and none is taken."""
    challenge = await lite.begin(browser)
    lite.clock.forward(1500)
    await lite.send(browser, challenge)
    code = await lite.code()
    lite.clock.forward(300)
    assert (await lite.verify(browser, challenge, code)).json()["code"] == "wrong_code"
    assert (await lite.send(browser, challenge)).status_code == 401


async def test_the_session_changes_at_sign_in_and_ends_at_sign_out(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Each sign-in makes a new session and ends the browser's old one; signing out ends it on the server."""
    await lite.sign_in(browser)
    old = browser.cookies["twostep_session"]
    await lite.sign_in(browser, "robin")
    new = browser.cookies["twostep_session"]
    assert old != new
    async with lite.browser(cookies={"twostep_session": old}) as thief:
        assert (await thief.get("/v1/me")).status_code == 401
    assert (await browser.post("/v1/sign-out")).status_code == 204
    async with lite.browser(cookies={"twostep_session": new}) as thief:
        assert (await thief.get("/v1/me")).status_code == 401


async def test_a_session_ends_after_an_hour(lite: Portal, browser: httpx.AsyncClient) -> None:
    """After its hour a session is over; a disabled account's at once."""
    await lite.sign_in(browser)
    lite.clock.forward(3599)
    assert (await browser.get("/v1/me")).status_code == 200
    lite.clock.forward(1)
    assert (await browser.get("/v1/me")).status_code == 401
    await lite.sign_in(browser)
    await lite.backend.accounts.set_disabled("alex", True)
    assert (await browser.get("/v1/me")).status_code == 401


async def test_cookies_over_https_are_host_bound(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Behind TLS both cookies are __Host-, Secure, HttpOnly and Lax."""
    settings = settings_for(public_url="https://portal.example.org", bot_credential=CREDENTIAL)
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        answer = await browser.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-twostep_preauth=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Strict-Transport-Security" in answer.headers


@pytest.mark.parametrize("public_url", ["", "https://portal.example.org"])
async def test_the_documented_cookies_are_those_that_are_set(
    sqlite_database: Database, settings_for: Callable[..., Settings], public_url: str
) -> None:
    """Who reads the OpenAPI finds the cookies' names as they are, over http and https."""
    settings = settings_for(public_url=public_url, bot_credential=CREDENTIAL)
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        answer = await browser.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
        document = (await browser.get("/docs/openapi.json")).json()
    name = document["components"]["securitySchemes"]["pre_auth"]["name"]
    assert answer.headers["set-cookie"].startswith(f"{name}=")
