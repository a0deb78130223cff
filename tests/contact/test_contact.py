"""Contact requests: form, JSON, draft (security.md, 'Contact')."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.contact.model import (
    DraftIncomplete,
    Field,
    Problem,
    check,
    corrected_name,
    corrects_reply_to,
    name_in,
)
from bot.contact.store import contact_drafts, contact_requests
from bot.db import Database
from bot.events import ContactRequestFiled
from bot.settings import Settings
from tests.portal import Portal, portal_on, served

GOOD = {
    "name": "Kim Sample", "reply_to": "845-555-0123", "reason": "Patient Portal", "message": "I cannot get in.\nHelp!"
}


async def transcript(conversation: str) -> str:
    """What was said."""
    return f"Patient: hello (in {conversation})"


@asynccontextmanager
async def office_on(database: Database, settings_for: Callable[..., Settings]) -> AsyncIterator[Portal]:
    """A served portal whose chat cookie is `chat`."""
    options = {"conversation_of": lambda request: request.cookies.get("chat"), "transcript": transcript}
    settings = settings_for(contact_inbox="office@example.org")
    async with portal_on(database, settings, **options) as made, served(made):
        yield made


@pytest_asyncio.fixture
async def portal(sqlite_database: Database, settings_for: Callable[..., Settings]) -> AsyncIterator[Portal]:
    """A portal on SQLite."""
    async with office_on(sqlite_database, settings_for) as made:
        yield made


@pytest_asyncio.fixture
async def each(database: Database, settings_for: Callable[..., Settings]) -> AsyncIterator[Portal]:
    """A portal; the test runs once for each database."""
    async with office_on(database, settings_for) as made:
        yield made


@pytest_asyncio.fixture
async def browser(portal: Portal) -> AsyncIterator[httpx.AsyncClient]:
    """A browser there."""
    async with portal.browser() as client:
        yield client


async def test_a_request_is_kept_and_mailed(each: Portal) -> None:
    """The practice gets a mail with everything; the table shows nothing of it; the event names the reference."""
    portal = each
    async with portal.browser() as browser:
        answer = await browser.post("/v1/contact", json=GOOD)
    assert answer.status_code == 201
    reference = answer.json()["reference"]
    await portal.deliver()
    mail = portal.backend.inbox.messages()[0]
    assert (mail.channel, mail.to) == ("email", "office@example.org")
    assert mail.subject == f"Contact request {reference}: Patient Portal"
    for word in ("Kim Sample", "+18455550123", "I cannot get in.\nHelp!", reference):
        assert word in mail.body
    async with portal.database.read() as connection:
        row = (await connection.execute(select(contact_requests))).one()
    assert "Kim" not in repr(row) and "5550123" not in repr(row)
    assert portal.events[-2:][0] == ContactRequestFiled(None, reference, "Patient Portal", portal.clock.now)


async def test_the_conversation_comes_from_the_cookie(portal: Portal, browser: httpx.AsyncClient) -> None:
    """The chat goes along when asked for, from the cookie's conversation; one in the body is 400."""
    browser.cookies.set("chat", "conversation-1")
    await browser.post("/v1/contact", json={**GOOD, "include_transcript": True})
    await portal.deliver()
    assert "Patient: hello (in conversation-1)" in portal.backend.inbox.messages()[0].body
    answer = await browser.post("/v1/contact", json={**GOOD, "conversation": "another"})
    assert answer.status_code == 400


ODD = (
    ("name", "Kim\r\nBcc: x@example.com"), ("name", " "), ("name", "x" * 101), ("name", "Kim\u2028Bcc"),
    ("reply_to", "kim@example.com\r\nBcc: x@example.com"), ("reply_to", "call me"), ("reply_to", ""),
    ("reason", "Something\r\nX: y"), ("reason", "No such reason"), ("message", "  "), ("message", "x" * 2001),
    ("message", "bell\u0007"), ("name", 5), ("include_transcript", "yes"),
)


async def test_odd_values_are_refused_without_an_echo(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Line breaks in a line, empty, too long, unreachable, wrong types: 400, no echo, nothing filed."""
    settings = settings_for(contact_per_address="100/600")
    async with portal_on(sqlite_database, settings) as portal, served(portal), portal.browser() as browser:
        for field, value in ODD:
            answer = await browser.post("/v1/contact", json={**GOOD, field: value})
            assert (field, value, answer.status_code, answer.json()["code"]) == (field, value, 400, "invalid")
            assert "Bcc" not in answer.text and "call me" not in answer.text
        async with portal.database.read() as connection:
            assert (await connection.execute(select(contact_requests))).all() == []


async def test_codes_never_reach_the_mail(portal: Portal, browser: httpx.AsyncClient) -> None:
    """A code in the message is masked before it is stored or mailed."""
    await browser.post("/v1/contact", json={**GOOD, "message": "my code 482913 was rejected"})
    await portal.deliver()
    assert "my code [code] was rejected" in portal.backend.inbox.messages()[0].body


async def test_one_address_files_ten_in_ten_minutes(portal: Portal, browser: httpx.AsyncClient) -> None:
    """The eleventh request from an address is 429 with Retry-After, by page and JSON together."""
    for number in range(10):
        answer = await (
            browser.post("/v1/contact", json=GOOD) if number % 2 else browser.post("/contact", data=GOOD)
        )
        assert answer.status_code in (201, 303)
    answer = await browser.post("/v1/contact", json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (429, "limit")
    assert int(answer.headers["Retry-After"]) > 0
    page = await browser.post("/contact", data=GOOD)
    assert page.status_code == 429 and "I cannot get in." in page.text


async def test_the_page_works_without_javascript(portal: Portal, browser: httpx.AsyncClient) -> None:
    """'Patient Portal' is chosen first; a good form leads to a page with the reference; reloading files nothing."""
    page = await browser.get("/contact")
    assert page.text.index("Patient Portal</option>") < page.text.index("Billing</option>")
    answer = await browser.post("/contact", data={**GOOD, "message": "line one\r\nline two"})
    assert answer.status_code == 303
    done = await browser.get(answer.headers["Location"])
    assert answer.headers["Location"].rpartition("=")[2] in done.text
    await portal.deliver()
    assert "line one\nline two" in portal.backend.inbox.messages()[0].body


async def test_what_was_asked_in_the_chat_begins_the_message(portal: Portal, browser: httpx.AsyncClient) -> None:
    """Also without JavaScript; without a chat the field is empty."""
    assert "What I asked" not in (await browser.get("/contact")).text
    page = await browser.get("/contact", cookies={"chat": "c-1"})
    assert ">What I asked in the chat:\nhello (in c-1)</textarea>" in page.text


async def test_html_is_shown_as_text(portal: Portal, browser: httpx.AsyncClient) -> None:
    """What was typed is kept in the form, escaped, with words for what is wrong."""
    answer = await browser.post("/contact", data={**GOOD, "name": "<script>alert(1)</script>", "reply_to": "x"})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)" in answer.text
    assert "does not look like a phone number" in answer.text
    assert re.search(r'<input id="reply_to"[^>]* aria-invalid="true" aria-describedby="reply_to-error"', answer.text)
    assert not re.search(r'name="include_transcript"[^>]* checked', answer.text)
    answer = await browser.post("/contact", data={**GOOD, "reply_to": "x", "include_transcript": "yes"})
    assert re.search(r'name="include_transcript"[^>]* checked', answer.text)
    filed = await browser.get("/contact/filed?reference=<b>x</b>")
    assert "<b>x" not in filed.text


async def test_a_form_with_line_breaks_or_more_fields_is_refused(portal: Portal, browser: httpx.AsyncClient) -> None:
    """CRLF in a single line is 400, and so is a field that the form has not (a redirect, say)."""
    assert (await browser.post("/contact", data={**GOOD, "name": "Kim\r\nBcc: x"})).status_code == 400
    assert (await browser.post("/contact", data={**GOOD, "next": "https://evil.example"})).status_code == 400


async def test_a_draft_grows_in_the_chat_and_is_filed(each: Portal) -> None:
    """A draft is encrypted, shown masked, filed with a reference, and gone afterwards."""
    portal = each
    client = portal.backend.contact_client
    assert await client.save_draft("c-1", "reply_to", "nonsense") is Problem.NOT_REACHABLE
    assert await client.save_draft("c-1", "name", "a\nb") is Problem.LINE_BREAK
    assert await client.save_draft("c-1", "message", " ") is Problem.EMPTY
    with pytest.raises(DraftIncomplete) as incomplete:
        await client.file("c-1")
    assert incomplete.value.missing == (Field.NAME, Field.REPLY_TO, Field.MESSAGE)
    for field, value in (
        ("name", "Kim Sample"), ("reply_to", "Kim@example.com"), ("message", "call 845-555-0123, code 123456")
    ):
        assert await client.save_draft("c-1", field, value) is None
    view = await client.draft("c-1")
    assert (view.name, view.reply_to, view.missing) == ("K. S.", "k•••@example.com", ())
    assert view.message == "call •••-•••-0123, code [code]"
    async with portal.database.read() as connection:
        assert "Kim" not in repr((await connection.execute(select(contact_drafts))).all())
    reference = await client.file("c-1", include_transcript=True)
    await portal.deliver()
    mail = portal.backend.inbox.messages()[0]
    assert reference in mail.subject and "kim@example.com" in mail.body and "Patient: hello" in mail.body
    assert (await client.draft("c-1")).missing == (Field.NAME, Field.REPLY_TO, Field.MESSAGE)


async def test_what_is_refused_takes_the_place_of_what_was_wrong(portal: Portal) -> None:
    """A correction that cannot be taken leaves the field empty: nothing is filed to the number that was corrected."""
    client = portal.backend.contact_client
    assert await client.save_draft("c-1", "reply_to", "845-555-0123") is None
    assert await client.save_draft("c-1", "reply_to", "555-0142") is Problem.NOT_REACHABLE  # no area code
    assert (await client.draft("c-1")).reply_to is None
    for name in ("482913", "my code is 482 913", "???"):
        assert await client.save_draft("c-1", "name", name) is Problem.NOT_A_NAME, name


async def test_a_draft_can_be_discarded(portal: Portal) -> None:
    """A discarded draft is gone; another conversation's never shows."""
    client = portal.backend.contact_client
    await client.save_draft("c-1", "name", "Kim Sample")
    assert (await client.draft("c-2")).name is None
    await client.discard("c-1")
    assert (await client.draft("c-1")).name is None


def test_rules_of_single_fields() -> None:
    """Messages may have lines, names may not."""
    assert check(Field.MESSAGE, "a\nb", ()) is None
    assert check(Field.NAME, "a\nb", ()) is Problem.LINE_BREAK
    assert check(Field.REASON, "x", ("x",)) is None


@pytest.mark.parametrize(("text", "name"), [
    ("Ann Poe", "Ann Poe"), ("my name is Ann Poe", "Ann Poe"), ("Hi, I'm Ann Poe.", "Ann Poe"), ("it's Ann", "Ann"),
    ("Ann Poe, my number is ", "Ann Poe"), ("Ann Poe (", "Ann Poe"), ("Li Wei  and my phone ", "Li Wei"),
    ("Robert Hayes, that's my dad", "Robert Hayes"), ("I already told you, Peter Novak", "Peter Novak"),
    ("Ann Poe (she is my mother)", "Ann Poe"),
    ("Mary-Ann O'Brien", "Mary-Ann O'Brien"), ("Ismael", "Ismael"), ("Noah Hope", "Noah Hope"),
])
def test_a_name_is_found_among_the_words_around_it(text: str, name: str) -> None:
    """What is written around a name is no part of it, and no part of a name is taken for such words."""
    assert name_in(text) == name


@pytest.mark.parametrize(("text", "name"), [
    ("wait, my name is Ann Poe", "Ann Poe"), ("change my name to Ann Poe.", "Ann Poe"),
    ("no wait, the name is wrong, it's Josef Miller", "Josef Miller"), ("the name is just Ann Poe", "Ann Poe"),
    ("no the name should be Ann", "Ann"), ("the name is wrong", None), ("my name is not in the list", None),
    ("my name is on the old account and I cannot get into it since March", None), ("Ann Poe", None),
    ("what is my name?", None),
])
def test_a_name_is_corrected_by_words_that_say_so(text: str, name: str | None) -> None:
    """Only a text that says nothing but the new name is a correction."""
    assert corrected_name(text) == name


@pytest.mark.parametrize(("text", "corrects"), [
    ("•••-•••-0199", True), ("no wait, it is a•••@example.com", True), ("will •••-•••-0199 do?", False),
    ("my phone was stolen and the codes still go to •••-•••-0199 every day", False), ("the email is wrong", False),
])
def test_a_number_given_later_is_a_correction_where_little_else_is_said(text: str, corrects: bool) -> None:
    """A sentence about a number is none."""
    assert corrects_reply_to(text) is corrects
