"""`make screenshots`: a picture of each state of widget and pages, in light, dark and on a phone, to be looked at.

    python -m tests.browser.screenshots [FOLDER]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, Tab
from tests.browser.portal import Portal
from tests.browser.stage import Stage

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2, "has_touch": True},
}
PAGES = ("/", "/sign-in", "/contact", "/embedding", "/docs", "/demo/outbox")


def main(folder: Path) -> None:
    """Write every picture into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        raise SystemExit("screenshots need Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        stage = Stage(Path(data) / "stage").start()
        portal = Portal(Path(data) / "portal")
        portal.served.start()
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        for look, options in LOOKS.items():
            print(f"{look} ...", flush=True)
            context = browser.new_context(base_url=stage.address, **options)
            _widget(Tab(context.new_page()), stage, folder, look)
            context.close()
            context = browser.new_context(base_url=portal.address, **options)
            _pages(Tab(context.new_page()), portal, folder, look)
            context.close()
        browser.close()
        stage.stop()
        portal.served.stop()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


def _pages(tab: Tab, portal: Portal, folder: Path, look: str) -> None:
    page = tab.page

    def shot(state: str) -> None:
        page.screenshot(path=folder / f"{look}-page-{state}.png")

    page.goto("/sign-in")
    page.get_by_label("Username").fill("sam")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Send the code").wait_for()
    shot("way")
    before = len(portal.codes("sam@example.com"))
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Six-digit code").wait_for()
    shot("code")
    tab.launcher.click()
    page.get_by_role("button", name="Send me a new code").wait_for()
    shot("code-and-chat")
    page.keyboard.press("Escape")
    while len(portal.codes("sam@example.com")) == before:
        page.wait_for_timeout(50)
    page.get_by_label("Six-digit code").fill(portal.codes("sam@example.com")[0])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Hello,").wait_for()
    shot("me")
    page.goto("/contact")
    page.evaluate("document.querySelector('form[action=\"/contact\"]').noValidate = true")
    page.locator("main").get_by_role("button", name="Send").click()
    page.get_by_role("alert").first.wait_for()
    shot("contact-errors")
    for path in PAGES:
        page.goto(path)
        shot(path.strip("/").replace("/", "-") or "home")


def _widget(tab: Tab, stage: Stage, folder: Path, look: str) -> None:
    def shot(state: str) -> None:
        tab.page.wait_for_timeout(350)  # until what is announced and animated has settled
        tab.page.screenshot(path=folder / f"{look}-chat-{state}.png")

    tab.page.goto("/waiting")
    shot("closed")
    tab.launcher.click()
    tab.wait_for("I see that a sign-in is waiting on this page. I can send a new code for it.")
    shot("open")
    tab.say("choose")
    tab.page.get_by_role("button", name="Yes, send it").click()
    tab.wait_for("button /affirm")
    shot("buttons")
    tab.say("slow")
    tab.page.get_by_text("The assistant is typing").wait_for()
    shot("typing")
    stage.release()
    tab.wait_for("echo: slow")
    stage.served.call(stage.engine.release.clear)
    tab.say("fallback")
    tab.log.get_by_text("I did not understand that").wait_for()
    tab.say("fail")
    tab.log.get_by_text("Sorry, something went wrong").wait_for()
    tab.page.get_by_role("button", name="Options").click()
    shot("error")
    tab.page.context.set_offline(True)
    tab.say("hello")
    tab.page.get_by_role("button", name="Retry").wait_for()
    shot("offline")
    tab.page.context.set_offline(False)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
