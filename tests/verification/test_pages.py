"""The portal without JavaScript, as a browser goes through it."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from bot.accounts.demo import PASSWORD
from tests.portal import Portal, wrong


def seen(page: httpx.Response) -> str:
    """A page's text as it is read, without markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page.text)).split())


def beside(page: httpx.Response, field: str) -> str | None:
    """What stands beside a field as its fault, tied to it for screen readers; None where it has none."""
    control = re.search(rf'<(?:input|select|textarea)[^>]* id="{field}".*?>', page.text)
    words = re.search(rf'id="{field}-error">(.*?)</p>', page.text)
    assert control
    tied = 'aria-invalid="true"' in control[0] and f"{field}-error" in control[0]
    assert tied == (words is not None)
    return unescape(words[1]) if words else None


async def test_a_patient_signs_in_with_forms_alone(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Password, choice of channel, code, personal information: each form leads on with 303."""
    page = await browser.get("/sign-in")
    assert "alex" in page.text and PASSWORD in page.text
    step = await browser.post("/sign-in", data={"username": "alex", "password": PASSWORD})
    assert (step.status_code, step.headers["Location"]) == (303, "/code")
    page = await browser.get("/code")
    assert "Text message to •••-•••-0142" in seen(page) and "(less secure)" in page.text
    assert (await lite.codes()) == []
    step = await browser.post("/code/send", data={"channel": "sms"})
    assert (step.status_code, step.headers["Location"]) == (303, "/code")
    page = await browser.get("/code")
    assert 'autocomplete="one-time-code"' in page.text and 'inputmode="numeric"' in page.text
    assert "You can ask for another one in <strong>30 seconds</strong>" in page.text
    assert 'handoff-url="/v1/handoffs"' in page.text
    code = await lite.code()
    reference = re.search(r"<strong>([A-Z][0-9])</strong> is on its way", page.text)
    assert reference and f" code {reference[1]}: {code}." in lite.backend.inbox.messages()[0].body
    bad = await browser.post("/code", data={"code": wrong(code)})
    assert bad.status_code == 400 and "did not work" in (beside(bad, "code") or "") and wrong(code) not in bad.text
    step = await browser.post("/code", data={"code": f"{code[:3]} {code[3:]}"})
    assert (step.status_code, step.headers["Location"]) == (303, "/me")
    assert "Hello, Alex Sample" in (await browser.get("/me")).text
    for sent_twice in (await browser.post("/code", data={"code": code}), await browser.get("/code")):
        assert (sent_twice.status_code, sent_twice.headers["Location"]) == (303, "/me")
    step = await browser.post("/sign-out")
    assert step.headers["Location"] == "/sign-out"
    assert "signed out" in (await browser.get("/sign-out")).text
    assert (await browser.get("/me")).status_code == 401


async def test_who_has_no_javascript_is_told_how_else_to_get_help(lite: Portal, browser: httpx.AsyncClient) -> None:
    """The first page speaks of the assistant; where no script runs it names the phone and the contact form instead."""
    without = re.search(r"<noscript>(.*?)</noscript>", (await browser.get("/")).text)  # Playwright does not show these
    assert without and 'href="tel:845-703-6999"' in without[1] and 'href="/contact"' in without[1]


async def test_a_wrong_password_is_not_shown_again(lite: Portal, browser: httpx.AsyncClient) -> None:
    """The form comes back with the user name, escaped, and without the password."""
    page = await browser.post("/sign-in", data={"username": '"><script>', "password": "my secret words"})
    assert page.status_code == 401
    assert "my secret words" not in page.text and '"><script>' not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text
    empty = await browser.post("/sign-in", data={"username": "alex"})
    assert empty.status_code == 400 and beside(empty, "password") == "Please enter your password."
    assert beside(empty, "username") is None
    assert "<title>Error: Sign in" in empty.text and "Error: " not in (await browser.get("/sign-in")).text


async def test_a_resend_too_soon_says_when(lite: Portal, browser: httpx.AsyncClient) -> None:
    """The page names the seconds, and after them another code goes out, by email too."""
    await lite.begin(browser)
    await browser.post("/code/send", data={"channel": "sms"})
    page = await browser.post("/code/send", data={"channel": "sms"})
    assert (page.status_code, page.headers["Retry-After"]) == (429, "30")
    assert "Try again in 30 seconds." in page.text
    lite.clock.forward(29)
    page = await browser.post("/code/send", data={"channel": "sms"})
    assert "Try again in 1 second." in page.text and "another one in <strong>1 second</strong>." in page.text
    lite.clock.forward(1)
    assert (await browser.post("/code/send", data={"channel": "email"})).status_code == 303
    assert "by email to" in (await browser.get("/code")).text


async def test_personal_information_changes_with_forms_alone(lite: Portal, browser: httpx.AsyncClient) -> None:
    """A new number is asked for, confirmed, and shown, masked."""
    await lite.sign_in(browser)
    bad = await browser.post("/me", data={"mobile": "+18765551234"})
    assert bad.status_code == 400 and "numbers of that country" in (beside(bad, "mobile") or "")
    assert "876" not in bad.text and beside(bad, "email") is None
    bad = await browser.post("/me", data={"email": "alex at example"})
    assert bad.status_code == 400 and beside(bad, "email") and "alex at example" not in bad.text
    step = await browser.post("/me", data={"mobile": "845 555 0199"})
    assert step.headers["Location"] == "/me/confirm"
    code = await lite.code()
    page = seen(await browser.get("/me/confirm"))
    assert "by text message to •••-•••-0199" in page
    assert f"Code {lite.backend.inbox.messages()[0].body.split('code ')[1][:2]} is on its way" in page
    for typed in ("12", wrong(code)):
        bad = await browser.post("/me/confirm", data={"code": typed})
        assert bad.status_code == 400 and beside(bad, "code")
    step = await browser.post("/me/confirm", data={"code": code})
    assert step.headers["Location"] == "/me?saved"
    page = await browser.get("/me?saved")
    assert "•••-•••-0199" in page.text and "Saved." in page.text
    for nothing_waits in (await browser.get("/me/confirm"), await browser.post("/me/confirm", data={"code": code})):
        assert (nothing_waits.status_code, nothing_waits.headers["Location"]) == (303, "/me")


@pytest.mark.parametrize("path", ["/code", "/me", "/me/confirm"])
async def test_protected_pages_lead_to_the_sign_in(lite: Portal, browser: httpx.AsyncClient, path: str) -> None:
    """Without the step before, a page is 401 and shows the sign-in form; so do its forms."""
    page = await browser.get(path)
    assert page.status_code == 401 and 'action="/sign-in"' in page.text
    posted = await browser.post(path, data={"code": "123456"})
    assert posted.status_code == 401


async def test_leading_elsewhere_is_refused(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Whatever a form or an address says about where to go next, the answer leads to our own pages."""
    step = await browser.post(
        "/sign-in?next=https://evil.example",
        data={"username": "alex", "password": PASSWORD, "next": "https://evil.example"},
    )
    assert step.headers["Location"] == "/code"


async def test_the_simulated_phone_shows_messages(lite: Portal, browser: httpx.AsyncClient) -> None:
    """Both views of the outbox show a text and a mail, newest first, escaped."""
    await lite.begin(browser)
    await browser.post("/code/send", data={"channel": "sms"})
    await browser.post("/v1/contact", json={
        "name": "<b>Kim", "reply_to": "kim@example.com", "reason": "Billing", "message": "Hello"
    })
    await lite.deliver()
    messages = (await browser.get("/demo/outbox.json")).json()["messages"]
    assert {message["channel"] for message in messages} == {"email", "sms"}
    assert set(messages[0]) == {"id", "channel", "to", "subject", "body", "at"}
    text = next(message for message in messages if message["channel"] == "sms")
    assert len(set(re.findall(r"(?<!\d)\d{6}(?!\d)", text["body"]))) == 1
    page = await browser.get("/demo/outbox")
    assert f'data-outbox="{messages[0]["id"]}"' in page.text  # the page looks for a newer one than this
    assert "&lt;b&gt;Kim" in page.text and "<b>Kim" not in page.text and "+18455550142" in page.text
