"""`make screenshots`: a picture of each state of widget, pages and console, in light, dark and on a phone, to look at.

The conversation, the pages and the console are the real assistant's with a month of demo traffic; the states that
need a broken or slow assistant are the small engine's.

    python -m tests.browser.screenshots [FOLDER]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bot.engine.training import Project, train
from tests.browser.conftest import ARGUMENTS, Tab
from tests.browser.portal import Portal
from tests.browser.stage import Stage
from tests.browser.test_journeys import wait_until_a_send_is_allowed

DESK = {"viewport": {"width": 1280, "height": 800}}
SMALL = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2, "has_touch": True}
LOOKS: dict[str, dict[str, Any]] = {
    "light": DESK, "dark": {**DESK, "color_scheme": "dark"}, "phone": SMALL,
    "phone-dark": {**SMALL, "color_scheme": "dark"},
}
PAGES = ("/", "/sign-in", "/contact", "/embedding", "/docs", "/demo/outbox")
CONSOLE = ("", "topics", "questions", "requests", "conversations", "notice", "accounts")
PASSWORD = "correct horse battery staple"


def main(folder: Path) -> None:
    """Write every picture into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        raise SystemExit("screenshots need Chromium: apt-get install chromium")
    train(Project(Path(__file__).parents[2]), progress=lambda step: None)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        stage = Stage(Path(data) / "stage").start()
        portal = Portal(Path(data) / "portal", real=True)
        print("a month of conversations ...", flush=True)
        portal.fill()
        portal.served.start()
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        for look, options in LOOKS.items():
            print(f"{look} ...", flush=True)
            for address, draw in (
                (stage.address, lambda tab, look=look: _states(tab, stage, folder, look)),
                (portal.address, lambda tab, look=look: _stuck(tab, portal, folder, look)),
                (portal.address, lambda tab, look=look: _pages(tab, folder, look)),
                (portal.address, lambda tab, look=look: _console(tab, portal, folder, look)),
            ):
                context = browser.new_context(base_url=address, **options)
                draw(Tab(context.new_page()))
                context.close()
        browser.close()
        stage.stop()
        portal.served.stop()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


def _shot(page: Page, folder: Path, look: str, state: str, *, full: bool = False) -> None:
    page.mouse.move(1, 1)
    page.wait_for_timeout(350)  # until what is announced and animated has settled
    page.screenshot(path=folder / f"{look}-{state}.png", full_page=full)


def _begin(page: Page, username: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Send the code").wait_for()


def _finish(page: Page, portal: Portal, to: str, known: int) -> None:
    for _ in range(100):
        if len(portal.codes(to)) > known:
            break
        page.wait_for_timeout(50)
    page.get_by_label("Six-digit code").fill(portal.codes(to)[0])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Hello,").wait_for()


def _stuck(tab: Tab, portal: Portal, folder: Path, look: str) -> None:
    """Stuck at the code, helped by the assistant, signed in."""
    page, known = tab.page, len(portal.codes("+18455550142"))
    _begin(page, "alex")
    _shot(page, folder, look, "page-way")
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Six-digit code").wait_for()
    _shot(page, folder, look, "page-code", full=True)
    wait_until_a_send_is_allowed(page)
    tab.launcher.click()
    page.get_by_role("button", name="Send me a new code").wait_for()
    _shot(page, folder, look, "page-code-and-chat")
    tab.say("I still didn't get the code")
    page.get_by_role("button", name="Yes, send it").click()
    page.get_by_role("button", name="Yes, it's here").wait_for()
    _shot(page, folder, look, "chat-resent")
    page.get_by_role("button", name="Yes, it's here").click()
    tab.log.get_by_text("Enter it on the sign-in page").wait_for()
    page.keyboard.press("Escape")
    _finish(page, portal, "+18455550142", known + 1)
    _shot(page, folder, look, "page-me", full=True)
    tab.launcher.click()
    tab.say("I want to talk to a person")
    page.get_by_role("button", name="Write to them").click()
    tab.log.get_by_text("What is your name?").wait_for()
    for said, then in (("Alex Sample", "How can they reach you?"), ("alex@example.com", "I would choose the reason")):
        tab.say(said)
        tab.log.get_by_text(then).wait_for()
    _shot(page, folder, look, "chat-contact")
    page.get_by_role("button", name="Use this").last.click()
    page.get_by_role("button", name="No, leave it out").last.click()
    page.get_by_role("button", name="Send it", exact=True).click()
    tab.log.get_by_text("Your reference is").wait_for()
    _shot(page, folder, look, "chat-filed")


def _pages(tab: Tab, folder: Path, look: str) -> None:
    page = tab.page
    page.goto("/contact")
    page.evaluate("document.querySelector('form[action=\"/contact\"]').noValidate = true")
    page.locator("main").get_by_role("button", name="Send").click()
    page.get_by_role("alert").first.wait_for()
    _shot(page, folder, look, "page-contact-errors", full=True)
    for path in PAGES:
        page.goto(path)
        _shot(page, folder, look, f"page-{path.strip('/').replace('/', '-') or 'home'}", full=path != "/docs")


def _console(tab: Tab, portal: Portal, folder: Path, look: str) -> None:
    page, known = tab.page, len(portal.codes("morgan@example.com"))
    _begin(page, "morgan")
    page.get_by_role("button", name="Send the code").click()
    _finish(page, portal, "morgan@example.com", known)
    _shot(page, folder, look, "page-me-staff")
    for name in CONSOLE:
        page.goto(f"/staff/{name}".rstrip("/"))
        for picture in page.locator("main img").all():
            picture.scroll_into_view_if_needed()
            for _ in range(200):
                if picture.evaluate("(image) => image.complete"):
                    break
                page.wait_for_timeout(20)
        _shot(page, folder, look, f"staff-{name or 'overview'}", full=True)
    for listing, state in (("requests", "request"), ("conversations", "conversation")):
        page.goto(f"/staff/{listing}")
        page.locator("main tbody a").first.click()
        page.get_by_role("heading", level=1).wait_for()
        _shot(page, folder, look, f"staff-{state}", full=True)


def _states(tab: Tab, stage: Stage, folder: Path, look: str) -> None:
    """The widget's states with an assistant that is slow, fails, or is away."""
    tab.page.goto("/waiting")
    _shot(tab.page, folder, look, "chat-closed")
    tab.launcher.click()
    tab.wait_for("I see that a sign-in is waiting on this page. I can send a new code for it.")
    _shot(tab.page, folder, look, "chat-open")
    tab.say("choose")
    tab.page.get_by_role("button", name="Yes, send it").click()
    tab.wait_for("button /affirm")
    _shot(tab.page, folder, look, "chat-buttons")
    stage.hold()
    tab.say("slow")
    tab.page.get_by_text("The assistant is typing").wait_for()
    _shot(tab.page, folder, look, "chat-typing")
    stage.release()
    tab.wait_for("echo: slow")
    tab.say("fallback")
    tab.log.get_by_text("I did not understand that").wait_for()
    tab.say("fail")
    tab.log.get_by_text("Sorry, something went wrong").wait_for()
    tab.page.get_by_role("button", name="Options").click()
    _shot(tab.page, folder, look, "chat-error")
    tab.page.context.set_offline(True)
    tab.say("hello")
    tab.page.get_by_role("button", name="Retry").wait_for()
    _shot(tab.page, folder, look, "chat-offline")
    tab.page.context.set_offline(False)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
