"""For everybody: axe-core in each state, the keyboard alone, small screens, dark, forced colours, no motion."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewTab, Tab
from tests.browser.stage import Stage

Axe = Callable[[Page], list[str]]

LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 320, "height": 640}},
    "forced": {"forced_colors": "active"},
}


FOUND = """
- dialog "Help with sign-in codes":
  - heading "Help with sign-in codes" [level=2]
  - button "Options" [expanded]
  - button "Close"
  - button "Start over"
  - button "Copy chat"
  - button "Save chat"
  - log "Conversation":
    - text: /^Assistant. Hello, I am the automated assistant/
    - group "Choices":
      - button "My code has not come"
      - button "Why do I need this?"
    - text: /^You. choose Sent Assistant. Shall I send a new code.$/
    - group "Choices":
      - button "Yes, send it"
      - button "No, thanks"
  - status
  - text: Your message
  - textbox "Your message"
  - button "Send"
  - paragraph:
    - text: "Automated assistant. Not for emergencies: call"
    - link "911"
    - text: .
"""


@pytest.mark.parametrize("look", LOOKS)
def test_no_violation_in_any_state(new_tab: NewTab, slow: Stage, axe: Axe, look: str) -> None:
    """axe-core finds nothing: closed, open, buttons, typing, answered, options, error, offline."""
    tab = new_tab(**LOOKS[look])
    found: dict[str, list[str]] = {}
    tab.page.goto("/waiting")
    found["closed"] = axe(tab.page)
    tab.launcher.click()
    tab.wait_for("I see that a sign-in is waiting on this page. I can send a new code for it.")
    found["open"] = axe(tab.page)
    tab.say("choose")
    tab.page.get_by_role("button", name="Yes, send it").click()
    tab.wait_for("button /affirm")
    tab.say("links")
    tab.wait_for("contact form")
    found["buttons"] = axe(tab.page)
    tab.say("slow")
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    found["typing"] = axe(tab.page)
    slow.release()
    tab.wait_for("echo: slow")
    tab.say("fail")
    tab.log.get_by_text("Sorry, something went wrong").wait_for()
    tab.page.get_by_role("button", name="Options").click()
    found["error"] = axe(tab.page)
    tab.page.context.set_offline(True)
    tab.say("hello")
    tab.page.get_by_role("button", name="Retry").wait_for()
    found["offline"] = axe(tab.page)
    assert not any(found.values()), found


@pytest.mark.parametrize("path", ["/", "/embedding", "/docs"])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_pages(new_tab: NewTab, axe: Axe, path: str, look: str) -> None:
    """The pages have no violation and nothing in the console."""
    tab = new_tab(**LOOKS[look])
    tab.page.goto(path)
    assert axe(tab.page) == []
    assert tab.complaints == []


def test_keyboard_alone(tab: Tab) -> None:
    """Open, choose, type, judge and close with the keyboard; Escape gives the focus back to the launcher."""
    tab.page.goto("/")
    for _ in range(30):
        tab.page.keyboard.press("Tab")
        if tab.launcher.evaluate("(node) => node.matches(':focus')"):
            break
    tab.page.keyboard.press("Enter")
    tab.greeting.wait_for()
    expect(tab.box).to_be_focused()
    tab.page.keyboard.type("choose")
    tab.page.keyboard.press("Enter")
    tab.wait_for("Shall I send a new code?")
    expect(tab.box).to_be_focused()
    for _ in range(4):
        tab.page.keyboard.press("Shift+Tab")
        if tab.page.get_by_role("button", name="Yes, send it").evaluate("(node) => node.matches(':focus')"):
            break
    tab.page.keyboard.press("Space")
    tab.wait_for("button /affirm")
    tab.page.get_by_role("button", name="Did this help? No").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("button", name="Did this help? No")).to_have_attribute("aria-pressed", "true")
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(tab.launcher).to_be_focused()


def test_the_page_stays_usable(tab: Tab) -> None:
    """The dialog is not modal: the page behind it can be used while it is open."""
    tab.open("/form")
    tab.page.get_by_label("Username").fill("alex")
    assert tab.page.get_by_role("dialog").get_attribute("aria-modal") == "false"
    expect(tab.page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("size", [(320, 640), (320, 256)])
def test_narrow_screens(new_tab: NewTab, size: tuple[int, int]) -> None:
    """At 320 pixels (and at 400 % zoom) nothing scrolls sideways, and the input stays reachable."""
    tab = new_tab(viewport={"width": size[0], "height": size[1]})
    tab.open()
    expect(tab.page.get_by_text("Not for emergencies")).to_be_in_viewport(ratio=1)
    tab.say("a-very-long-word-" * 12)
    tab.log.get_by_text("echo: a-very").wait_for()
    tab.say("choose")
    tab.wait_for("Shall I send a new code?")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for part in (".panel", ".log"):
        assert tab.page.locator(part).evaluate("(node) => node.scrollWidth <= node.clientWidth + 1"), part
    tab.box.scroll_into_view_if_needed()
    expect(tab.box).to_be_in_viewport()


def test_targets_are_large(tab: Tab) -> None:
    """Every button of the widget is at least 44 pixels in both directions."""
    tab.page.goto("/waiting")
    assert _sizes(tab)[0][1] >= 44
    tab.launcher.click()
    tab.wait_for("I see that a sign-in is waiting on this page. I can send a new code for it.")
    tab.say("hello")
    tab.wait_for("echo: hello")
    tab.page.get_by_role("button", name="Options").click()
    for width, height, name in _sizes(tab):
        assert width >= 44, name
        assert height >= 44, name


def _sizes(tab: Tab) -> list[tuple[float, float, str]]:
    buttons = tab.page.locator("twostep-chat").get_by_role("button").all()
    boxes = [(button.bounding_box(), button.inner_text()) for button in buttons]
    return [(box["width"], box["height"], name) for box, name in boxes if box]


def test_what_a_screen_reader_finds(tab: Tab) -> None:
    """The names, roles and order of everything in the panel; no landmark of the page's is repeated in it."""
    tab.page.clock.install()
    tab.open()
    tab.say("choose")
    tab.wait_for("Shall I send a new code?")
    tab.page.get_by_role("button", name="Options").click()
    said = tab.page.locator("[aria-live=polite]")
    expect(said).to_contain_text("Assistant: Shall I send a new code? Choices: Yes, send it, No, thanks.")
    tab.page.clock.run_for(6000)  # long enough for it to be read out, and gone for those who read on
    expect(said).to_be_empty()
    expect(tab.page.get_by_role("dialog")).to_match_aria_snapshot(FOUND)


@pytest.mark.parametrize("look", ["light", "dark"])
def test_edges_and_focus_can_be_seen(new_tab: NewTab, look: str) -> None:
    """Rings and borders of what can be used differ from what is around them by 3 to 1, text on the bar by 4.5 to 1."""
    tab = new_tab(**LOOKS[look])
    tab.open()
    tab.page.keyboard.press("Shift+Tab")
    tab.page.keyboard.press("Tab")
    around = colour(tab.page.locator("form"), "background-color")
    assert contrast(colour(tab.box, "outline-color"), around) >= 3
    assert contrast(colour(tab.box, "border-top-color"), around) >= 3
    choice = tab.page.get_by_role("button", name="My code has not come")
    assert contrast(colour(choice, "border-top-color"), colour(tab.page.locator(".panel"), "background-color")) >= 3
    bar = colour(tab.page.locator(".bar"), "background-color")
    close = tab.page.get_by_role("button", name="Close")
    close.focus()
    assert contrast(colour(close, "outline-color"), bar) >= 3
    assert contrast(colour(tab.page.get_by_role("heading", name="Help with"), "color"), bar) >= 4.5


def colour(place: Locator, name: str) -> list[int]:
    value: str = place.evaluate("(node, name) => getComputedStyle(node).getPropertyValue(name)", name)
    return [int(part) for part in re.findall(r"\d+", value)][:3]


def contrast(one: list[int], other: list[int]) -> float:
    """WCAG 2.2's contrast ratio of two sRGB colours."""

    def luminance(parts: list[int]) -> float:
        linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_no_motion(new_tab: NewTab, slow: Stage) -> None:
    """Who wants no motion gets none."""
    tab = new_tab(reduced_motion="reduce")
    tab.open()
    tab.say("slow")
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    assert tab.page.evaluate("document.getAnimations().length") == 0
    slow.release()
    tab.wait_for("echo: slow")


def test_emergency_words_are_always_there(tab: Tab) -> None:
    """The words about emergencies stand by the input in an open panel."""
    tab.open()
    note = tab.page.get_by_text("Automated assistant. Not for emergencies: call")
    expect(note).to_be_in_viewport()
    expect(note.get_by_role("link", name="911")).to_have_attribute("href", "tel:911")
