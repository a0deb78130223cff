"""The staff console as staff sees it: signed in over HTTP, and in a Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright
from sqlalchemy import text as sql

from bot.db import Database
from tests.insights.conftest import Enter, talk

PAGES = [
    "/staff", "/staff/topics", "/staff/questions", "/staff/requests", "/staff/conversations", "/staff/notice",
    "/staff/accounts",
]
FOR_ADMINS = ["/staff/notice", "/staff/accounts"]
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

Browse = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture
async def browse(chromium: str) -> AsyncIterator[Browse]:
    """`await browse(client)`: a Chromium's page, signed in as the client is; addresses are relative to its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)

        async def make(client: httpx.AsyncClient, **options: Any) -> Page:
            context = await browser.new_context(base_url=str(client.base_url), **options)
            await context.add_cookies([
                {"name": cookie.name, "value": str(cookie.value), "url": str(client.base_url)}
                for cookie in client.cookies.jar
            ])
            return await context.new_page()

        yield make
        await browser.close()


async def test_an_admin_sees_every_page_chart_and_table(enter: Enter) -> None:
    """Each page answers, and so does every chart, table and link on it."""
    morgan = await enter("morgan")
    await talk(await enter(""), "will they charge me", "fallback", "call 845-555-0142")
    seen: set[str] = set()
    waiting = list(PAGES)
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = await morgan.get(address)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            found = re.findall(r'(?:href|src)="(/staff[^"#]*)"', answer.text)
            waiting += [link.replace("&amp;", "&") for link in found]
    assert any("/staff/charts/" in address for address in seen)
    assert any("/staff/tables/" in address for address in seen)
    assert any(re.match(r"/staff/conversations/\w{32}", address) for address in seen)


async def test_the_viewer_shows_the_conversation_redacted(enter: Enter) -> None:
    """What the patient wrote is there, without number or code."""
    morgan = await enter("morgan")
    await talk(await enter(""), "call 845-555-0142, code 123456, my portal")
    listed = (await morgan.get("/staff/conversations")).text
    link = re.search(r'href="(/staff/conversations/\w{32})"', listed)
    assert link
    page = (await morgan.get(link[1])).text
    assert "my portal" in page
    assert "•••-•••-0142" in page
    assert "[code]" in page
    assert "845-555" not in page
    assert "123456" not in page


async def test_the_viewer_shows_what_was_judged(enter: Enter) -> None:
    """Each answer with a thumb says which; the others say nothing."""
    morgan, patient = await enter("morgan"), await enter("")
    await talk(patient, "is it free", helpful=True)
    await talk(patient, "is it free really", helpful=False)
    await talk(patient, "my landline")
    link = re.search(r'href="(/staff/conversations/\w{32})"', (await morgan.get("/staff/conversations")).text)
    assert link
    page = (await morgan.get(link[1])).text
    assert re.findall(r"thumb \w+", page) == ["thumb up", "thumb down"]
    assert page.index("is it free") < page.index("thumb up") < page.index("is it free really")


async def test_only_staff_comes_in_and_only_admins_see_admin_pages(enter: Enter, sqlite_database: Database) -> None:
    """Nobody is led to the sign-in, a patient is refused, an agent where an admin is needed; all is written down."""
    nobody, alex, casey = await enter(""), await enter("alex"), await enter("casey")
    for address in PAGES:
        assert (await nobody.get(address)).status_code == 303, address
        assert (await alex.get(address)).status_code == 403, address
        assert (await casey.get(address)).status_code == (403 if address in FOR_ADMINS else 200), address
    async with sqlite_database.read() as connection:
        rows = await connection.execute(sql("SELECT action FROM audit WHERE action LIKE 'staff.%'"))
        actions = [row[0] for row in rows]
    assert actions.count("staff.refused") == len(PAGES) + len(FOR_ADMINS)
    assert len(actions) == 2 * len(PAGES)


async def test_the_notice_reaches_the_record_and_the_page(enter: Enter) -> None:
    """An admin's line is kept and shown again; the form leads on instead of answering itself."""
    morgan = await enter("morgan")
    answer = await morgan.post("/staff/notice", data={"text": "Texts are delayed today."})
    assert answer.status_code == 303
    assert "Texts are delayed today." in (await morgan.get("/staff/notice")).text


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_console_is_accessible(enter: Enter, browse: Browse, scheme: Any) -> None:
    """axe finds nothing on any page, nothing runs against the policy, and each chart is drawn."""
    morgan = await enter("morgan")
    patient = await enter("")
    await talk(patient, "hello there", "fallback")
    await talk(await enter(""), "Fallback", "is it free", "is it FREE?", helpful=False)
    request = {"name": "Pat", "reply_to": "pat@example.com", "reason": "Patient Portal", "message": "Locked out."}
    reference = (await patient.post("/v1/contact", json=request)).json()["reference"]
    link = re.search(r"/staff/conversations/\w{32}", (await morgan.get("/staff/conversations")).text)
    assert link
    page = await browse(morgan, color_scheme=scheme)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    for address in [*PAGES, f"/staff/requests/{reference}", link[0]]:
        await page.goto(address)
        faults = [fault["id"] for fault in (await Axe().run(page)).response["violations"]]
        assert faults == [], address
        for picture in await page.locator("main img").all():
            await picture.scroll_into_view_if_needed()
            await page.wait_for_function("image => image.complete", arg=await picture.element_handle())
            assert await picture.evaluate("image => image.naturalWidth") > 0, address
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, address
        await page.set_viewport_size({"width": 1280, "height": 800})
    assert errors == []


TOO_WIDE = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth).map(node => node.ariaLabel)"


async def test_tables_fit_a_laptop_and_records_fit_a_phone(enter: Enter, browse: Browse) -> None:
    """At 1200 pixels no table scrolls sideways; at 320 every button and link of a list is inside the screen."""
    morgan = await enter("morgan")
    patient = await enter("")
    await talk(patient, "hello there", "fallback")
    request = {"name": "Pat", "reply_to": "pat@example.com", "reason": "Patient Portal", "message": "Locked out."}
    await patient.post("/v1/contact", json=request)
    page = await browse(morgan)
    for address in PAGES:
        await page.goto(address)
        await page.set_viewport_size({"width": 1200, "height": 800})
        assert await page.locator(".scroll:has(table)").evaluate_all(TOO_WIDE) == [], address
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.locator(".scroll:has(.records)").evaluate_all(TOO_WIDE) == [], address
        assert [fault["id"] for fault in (await Axe().run(page)).response["violations"]] == [], address
    for name in ("Let codes of alex work again", "Disable alex"):
        box = await page.get_by_role("row", name="alex").get_by_role("button", name=name).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 320, name


async def test_an_agent_works_with_the_keyboard_alone(enter: Enter, browse: Browse) -> None:
    """From the overview to the queue, through its topics, to a label: Tab, arrows and Enter are enough."""
    casey = await enter("casey")
    await talk(await enter(""), "is it free", helpful=False)
    page = await browse(casey)

    async def reach(place: Any) -> None:
        for _ in range(60):
            await page.keyboard.press("Tab")
            if await place.evaluate("node => node.matches(':focus')"):
                assert await place.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
                return
        raise AssertionError("cannot be reached with the keyboard")

    await page.goto("/staff")
    await reach(page.get_by_role("link", name="Unanswered"))
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Unanswered messages").wait_for()
    topic = page.get_by_label("Topic")
    await reach(topic)
    await page.keyboard.type("Cost of")
    await reach(page.get_by_role("button", name="Label"))
    await page.keyboard.press("Enter")
    await page.get_by_role("status").get_by_text("Labelled.").wait_for()
    assert "intent: ask_text_charges" in (await casey.get("/staff/examples.yml")).text
