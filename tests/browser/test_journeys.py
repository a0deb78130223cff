"""Whole ways through the portal, at a desk and on a small phone, with the keyboard alone, axe-core at every stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewTab, Tab
from tests.browser.portal import Portal

Axe = Callable[[Page], list[str]]

DESK: dict[str, Any] = {}
PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A served portal."""
    made = Portal(tmp_path_factory.mktemp("portal"))
    made.served.start()
    yield made
    made.served.stop()


def reach(tab: Tab, place: Locator, key: str = "Tab") -> None:
    """Press a key until the place has the focus."""
    for _ in range(60):
        tab.page.keyboard.press(key)
        if place.count() and place.first.evaluate("(node) => node.matches(':focus')"):
            return
    raise AssertionError(f"{place} cannot be reached with the keyboard")


def narrow_enough(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(
    ("screen", "username", "to"), [(DESK, "alex", "+18455550142"), (PHONE, "robin", "+18455550143")],
)
def test_stuck_at_the_code(
    new_tab: NewTab, stage: Portal, axe: Axe, screen: dict[str, Any], username: str, to: str
) -> None:
    """From "stuck at the code" to "signed in with a resent code", with the keyboard alone."""
    tab = new_tab(**screen)
    page, keyboard = tab.page, tab.page.keyboard
    page.goto("/sign-in")
    assert axe(page) == []
    reach(tab, page.get_by_label("Username"))
    keyboard.type(username)
    reach(tab, page.get_by_label("Password"))
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    send = page.get_by_role("button", name="Send the code")
    send.wait_for()
    assert axe(page) == []
    reach(tab, send)
    keyboard.press("Enter")
    field = page.get_by_label("Six-digit code")
    field.wait_for()
    assert field.get_attribute("autocomplete") == "one-time-code"
    assert field.get_attribute("inputmode") == "numeric"
    assert axe(page) == []
    assert narrow_enough(page)
    reach(tab, tab.launcher)
    keyboard.press("Enter")
    offer = page.get_by_role("button", name="Send me a new code")
    offer.wait_for()
    assert axe(page) == []
    wait_until_a_send_is_allowed(page)
    reach(tab, offer, "Shift+Tab")
    keyboard.press("Enter")
    tab.log.get_by_text("accepted: •••-•••-").wait_for()
    for _ in range(200):
        if len(stage.codes(to)) == 2:
            break
        page.wait_for_timeout(20)
    newest, oldest = stage.codes(to)
    keyboard.press("Escape")
    expect(tab.launcher).to_be_focused()
    reach(tab, field, "Shift+Tab")
    keyboard.type(newest)
    keyboard.press("Enter")
    page.get_by_role("heading", name="Hello,").wait_for()
    assert newest != oldest
    assert axe(page) == []
    assert narrow_enough(page)
    assert tab.complaints == []


def wait_until_a_send_is_allowed(page: Page) -> None:
    """The page's own countdown says when: a second in these settings, which may be over before a slow page is there."""
    expect(page.get_by_label("Six-digit code")).to_be_visible(timeout=15_000)
    countdown = page.locator("[data-countdown]")
    if countdown.count():
        expect(countdown).to_have_text("You can ask for another one now.", timeout=15_000)


@pytest.mark.parametrize("screen", [DESK, PHONE])
def test_contact_request(new_tab: NewTab, axe: Axe, screen: dict[str, Any]) -> None:
    """From a chat to "contact request filed": what was said is there already, errors are named, nothing is lost."""
    tab = new_tab(**screen)
    page, keyboard = tab.page, tab.page.keyboard
    tab.open("/")
    tab.say("my landline rings and nothing comes")
    tab.wait_for("echo: my landline rings and nothing comes")
    page.goto("/contact")
    message = page.get_by_label("How can we help you?")
    expect(message).to_have_value("What I asked in the chat:\nmy landline rings and nothing comes")
    keyboard.press("Escape")
    page.reload()  # the panel was open in this tab, and is again: closing it is the patient's choice
    page.get_by_role("button", name="Close").click()
    expect(message).to_have_value("What I asked in the chat:\nmy landline rings and nothing comes")
    assert axe(page) == []
    assert narrow_enough(page)
    assert tab.complaints == []
    page.evaluate("document.querySelector('form[action=\"/contact\"]').noValidate = true")
    page.get_by_label("Your name").focus()
    keyboard.type("Pat Sample")
    keyboard.press("Enter")
    summary = page.get_by_role("alert").get_by_role("link")
    summary.wait_for()  # the one thing that is wrong, with a way to its place
    expect(summary).to_have_attribute("href", "#reply_to")
    expect(page.locator("#reply_to-error")).to_contain_text("Please give a phone number or an email address")
    reply_to = page.get_by_label("Phone number or email address")
    assert reply_to.get_attribute("aria-invalid") == "true"
    expect(page.get_by_label("Your name")).to_have_value("Pat Sample")
    assert axe(page) == []
    tab.complaints.clear()  # Chromium notes the 400 of a form that was not complete
    reply_to.focus()
    keyboard.type("pat@example.com")
    keyboard.press("Enter")
    page.wait_for_url("**/contact/**")
    page.get_by_role("heading").first.wait_for()
    assert axe(page) == []
    assert tab.complaints == []


def test_simulated_phone_shows_new_messages(new_tab: NewTab, axe: Axe, stage: Portal) -> None:
    """The simulated phone shows a new code by itself."""
    tab = new_tab()
    tab.page.goto("/demo/outbox")
    assert axe(tab.page) == []
    before = tab.page.locator(".messages li").count()
    other = new_tab()
    other.page.goto("/sign-in")
    other.page.get_by_label("Username").fill("sam")
    other.page.get_by_label("Password").fill(PASSWORD)
    other.page.keyboard.press("Enter")
    other.page.get_by_role("button", name="Send the code").click()
    expect(tab.page.locator(".messages li")).to_have_count(before + 1, timeout=10_000)


def test_contact_form_of_a_visitor_without_a_chat(new_tab: NewTab) -> None:
    """The form is empty then, and nothing complains in the console."""
    tab = new_tab()
    tab.page.goto("/contact")
    tab.launcher.wait_for()
    tab.page.wait_for_load_state("networkidle")
    expect(tab.page.get_by_label("How can we help you?")).to_have_value("")
    assert tab.complaints == []


def test_the_wait_for_another_code_counts_down_in_words(new_tab: NewTab) -> None:
    """Three seconds, one second, now: what the page says at last is announced."""
    page = new_tab().page
    page.clock.install(time=0)
    page.clock.pause_at(1)  # or the time of a slow machine would count
    html = (
        '<p data-countdown="3" data-then="Now.">In <strong>3 seconds</strong>.</p>'
        '<script type="module" src="/static/site.js"></script>'
    )
    page.route("**/code", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/code")
    wait = page.locator("p")
    for milliseconds, said in ((300, "In 3 seconds."), (1000, "In 2 seconds."), (1000, "In 1 second."), (1000, "Now.")):
        page.clock.run_for(milliseconds)
        expect(wait).to_have_text(said)
    expect(wait).to_have_attribute("role", "status")


def test_the_launcher_covers_no_field_that_is_written_in(new_tab: NewTab) -> None:
    """WCAG 2.2, 2.4.11: on a small phone the code's field is scrolled clear of what floats over the page."""
    tab = new_tab(viewport={"width": 360, "height": 620}, has_touch=True)
    page = tab.page
    page.goto("/sign-in")
    page.get_by_label("Username").fill("alex")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Send the code").click()
    field = page.get_by_label("Six-digit code")
    field.tap(position={"x": 10, "y": 10})
    covered = "([field, button]) => field.getBoundingClientRect().bottom > button.getBoundingClientRect().top"
    assert not page.evaluate(covered, [field.element_handle(), tab.launcher.element_handle()])


def test_pages_without_javascript(new_tab: NewTab, stage: Portal) -> None:
    """Signing in works without JavaScript."""
    tab = new_tab(java_script_enabled=False)
    tab.page.goto("/sign-in")
    tab.page.get_by_label("Username").fill("sam")
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Continue").click()
    before = len(stage.codes("sam@example.com"))
    tab.page.get_by_role("button", name="Send the code").click()
    for _ in range(200):
        if len(stage.codes("sam@example.com")) > before:
            break
        tab.page.wait_for_timeout(20)
    tab.page.get_by_label("Six-digit code").fill(stage.codes("sam@example.com")[0])
    tab.page.get_by_role("button", name="Sign in").click()
    expect(tab.page.get_by_role("heading", name="Hello,")).to_be_visible()
