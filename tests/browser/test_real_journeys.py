"""The patient's two ways with the trained assistant: to a resent code and to a person, with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewTab, Tab
from tests.browser.portal import Portal
from tests.browser.test_journeys import (
    DESK,
    PASSWORD,
    PHONE,
    narrow_enough,
    reach,
    wait_until_a_send_is_allowed,
)
from tests.engine.conftest import model  # noqa: F401

Axe = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, model: Any) -> Iterator[Portal]:  # noqa: F811
    """A served portal with the trained assistant."""
    made = Portal(tmp_path_factory.mktemp("real"), real=True)
    made.served.start()
    yield made
    made.served.stop()


def choose(tab: Tab, title: str) -> None:
    """Go back from the input to a quick reply, and press it."""
    button = tab.page.get_by_role("button", name=title, exact=True).last
    button.wait_for()
    reach(tab, button, "Shift+Tab")
    tab.page.keyboard.press("Enter")


def type_and_send(tab: Tab, text: str) -> None:
    if not tab.box.evaluate("(node) => node.matches(':focus')"):
        reach(tab, tab.box)
    tab.page.keyboard.type(text)
    tab.page.keyboard.press("Enter")


def hear(tab: Tab, words: str) -> None:
    tab.log.get_by_text(words).last.wait_for()


def open_by_keyboard(tab: Tab) -> None:
    reach(tab, tab.launcher)
    tab.page.keyboard.press("Enter")
    expect(tab.box).to_be_focused()


@pytest.mark.parametrize(
    ("screen", "username", "to"), [(DESK, "alex", "+18455550142"), (PHONE, "robin", "+18455550143")],
)
def test_stuck_at_the_code_until_signed_in(
    new_tab: NewTab, stage: Portal, axe: Axe, screen: dict[str, Any], username: str, to: str
) -> None:
    """No code -> the assistant asks, is told yes, says where it went -> that code opens the portal."""
    tab = new_tab(**screen)
    page, keyboard = tab.page, tab.page.keyboard
    page.goto("/sign-in")
    reach(tab, page.get_by_label("Username"))
    keyboard.type(username)
    reach(tab, page.get_by_label("Password"))
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    page.get_by_role("button", name="Send the code").wait_for()
    reach(tab, page.get_by_role("button", name="Send the code"))
    keyboard.press("Enter")
    wait_until_a_send_is_allowed(page)
    open_by_keyboard(tab)
    type_and_send(tab, "i still didnt get the code")
    hear(tab, "Shall I send a new one to •••-•••-")
    choose(tab, "Yes, send it")
    hear(tab, f"on its way to •••-•••-{to[-4:]}")
    hear(tab, "Did it arrive?")
    assert axe(page) == []
    assert narrow_enough(page)
    for _ in range(300):
        if len(stage.codes(to)) == 2:
            break
        page.wait_for_timeout(20)
    newest, first = stage.codes(to)
    choose(tab, "Yes, it's here")
    hear(tab, "Please do not type it here")
    keyboard.press("Escape")
    field = page.get_by_label("Six-digit code")
    reach(tab, field, "Shift+Tab")
    keyboard.type(newest)
    keyboard.press("Enter")
    page.get_by_role("heading", name="Hello,").wait_for()
    assert newest != first
    assert tab.complaints == []


@pytest.mark.parametrize("screen", [DESK, PHONE])
def test_contact_request_from_the_chat(new_tab: NewTab, stage: Portal, axe: Axe, screen: dict[str, Any]) -> None:
    """The form in the chat, filled in with the keyboard; in its middle the network drops, the server restarts and the
    page is loaded again: nothing is lost and nothing doubled."""
    tab = new_tab(**screen)
    tab.page.goto("/")
    open_by_keyboard(tab)
    type_and_send(tab, "i want to talk to a person")
    choose(tab, "Write to them from here")
    hear(tab, "What is your name?")
    tab.page.context.set_offline(True)
    type_and_send(tab, "Pat Sample")
    tab.page.get_by_role("button", name="Retry").wait_for()
    tab.page.context.set_offline(False)
    stage.served.stop()
    stage.served.start()
    reach(tab, tab.page.get_by_role("button", name="Retry"), "Shift+Tab")
    tab.page.keyboard.press("Enter")
    hear(tab, "How can they reach you?")
    tab.page.reload()
    hear(tab, "How can they reach you?")
    assert tab.bubbles().count("Pat Sample") == 1
    other = Tab(tab.page.context.new_page())
    other.page.goto("/")  # a second tab of the same patient takes over
    open_by_keyboard(other)
    hear(other, "How can they reach you?")
    type_and_send(other, "pat@example.com")
    choose(other, "Use this")
    choose(other, "No, leave it out")
    hear(other, "Answer to: p•••@example.com")
    assert axe(other.page) == []
    assert narrow_enough(other.page)
    choose(other, "Send it")
    hear(other, "Your reference is")
    tab.look_again()
    hear(tab, "Your reference is")
    # What was typed in the second tab stands there as it was typed, and masked everywhere else.
    assert [text.replace("pat@", "p•••@") for text in other.bubbles()] == tab.bubbles()
