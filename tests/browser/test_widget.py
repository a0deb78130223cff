"""The widget in a real Chromium: its size, its policies, what it shows, says and offers."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from bot.http.assets import STATIC
from tests.browser.conftest import NewTab, Tab
from tests.browser.stage import Stage


def packed(name: str) -> int:
    return len(gzip.compress((STATIC / name).read_bytes(), 9))


def test_size() -> None:
    """The launcher is at most 3 KB, everything at most 14 KB, as sent."""
    assert packed("widget.js") <= 3000
    assert packed("widget.js") + packed("widget-panel.js") <= 14_000


def test_sent_compressed(stage: Stage) -> None:
    """The modules are sent compressed, embeddable anywhere, and are revalidated by their content."""
    for name in ("widget.js", "widget-panel.js"):
        answer = httpx.get(f"{stage.address}/{name}", headers={"accept-encoding": "gzip"}, trust_env=False)
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        again = httpx.get(
            f"{stage.address}/{name}", headers={"if-none-match": answer.headers["etag"]}, trust_env=False
        )
        assert again.status_code == 304


def test_nothing_from_elsewhere() -> None:
    """No file of the pages names another host, builds HTML from a string, or evaluates one."""
    for file in [*STATIC.iterdir(), *(STATIC.parent / "templates").glob("*.html")]:
        text = file.read_text()
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)) - {"http://www.w3.org", "https://www.example.org"}
        assert not addresses, file.name
        if file.suffix == ".js":
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|document\.write", text)


def test_strict_policies(tab: Tab) -> None:
    """A whole conversation under the strict CSP with Trusted Types leaves the console empty."""
    answer = tab.page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    tab.open("/waiting")
    tab.say("links")
    tab.wait_for("contact form")
    tab.say("choose")
    tab.page.get_by_role("button", name="Yes, send it").click()
    tab.wait_for("button /affirm")
    tab.page.get_by_role("button", name="Did this help? Yes").last.click()
    expect(tab.page.get_by_role("button", name="Did this help? Yes").last).to_have_attribute("aria-pressed", "true")
    assert tab.complaints == []


def test_links_are_safe(tab: Tab) -> None:
    """Only https, tel and mailto become links, with rel=noopener; markup stays text."""
    tab.open()
    tab.say("links")
    tab.wait_for("contact form")
    links = tab.log.get_by_role("link")
    assert [link.get_attribute("href") for link in links.all()] == ["https://clinic.example/contact", "tel:8457036999"]
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener"}
    assert "<img src=x onerror=alert(1)>" in tab.bubbles()[-1]
    assert tab.page.locator("img").count() == 0


def test_choice_stays_and_is_marked(tab: Tab) -> None:
    """Quick replies stay; the one that was taken is marked in text, after a reload too."""
    tab.open()
    tab.say("choose")
    tab.page.get_by_role("button", name="No, thanks").click()
    tab.wait_for("button /deny")
    for _ in range(2):
        expect(tab.page.get_by_role("button", name="No, thanks (chosen)")).to_be_visible()
        expect(tab.page.get_by_role("button", name="Yes, send it", exact=True)).to_be_visible()
        tab.page.reload()
        tab.wait_for("button /deny")


def test_each_reply_is_announced_once(tab: Tab) -> None:
    """A polite region gets each reply once, without markup; the log itself is silent, and the focus does not move."""
    tab.page.add_init_script("""
        globalThis.heard = [];
        const attach = Element.prototype.attachShadow;
        Element.prototype.attachShadow = function (options) {
            const root = attach.call(this, options);
            new MutationObserver((records) => {
                for (const record of records) for (const node of record.addedNodes)
                    if (record.target.matches?.(".sr[aria-live=polite]")) heard.push(node.textContent);
            }).observe(root, {childList: true, subtree: true});
            return root;
        };
    """)
    tab.open()
    tab.say("links")
    tab.wait_for("contact form")
    tab.until("heard.length === 2")
    tab.say("hello")
    tab.until("heard.length === 3")
    heard = tab.page.evaluate("heard")
    assert heard[0].startswith("Assistant: Hello, I am")
    assert "Choices: My code has not come" in heard[0]
    assert "Use the contact form, call 845-703-6999" in heard[1]
    assert heard[2] == "Assistant: echo: hello"
    assert tab.log.get_attribute("aria-live") == "off"
    expect(tab.box).to_be_focused()


def test_waiting_sign_in_is_handed_over(tab: Tab, stage: Stage) -> None:
    """On a page where a sign-in waits the panel binds it and offers a new code; elsewhere it does not."""
    stage.bound.clear()
    tab.open("/")
    assert stage.bound == []
    tab.page.goto("/waiting")
    tab.wait_for("I see that a sign-in is waiting on this page. I can send a new code for it.")
    assert stage.bound == ["the-token"]
    tab.page.get_by_role("button", name="Send me a new code").click()
    tab.wait_for("echo: Send me a new code")
    expect(tab.page.get_by_role("button", name="Send me a new code (chosen)")).to_be_visible()


def test_what_is_sent_meanwhile_waits_for_the_sign_in_to_be_handed_over(tab: Tab) -> None:
    """Or a quick patient would hear that no sign-in is waiting."""
    tab.page.add_init_script(
        "const real = fetch; window.fetch = async (...request) => {"
        " if (String(request[0]).includes('/v1/handoffs')) await new Promise((done) => setTimeout(done, 1000));"
        " return real(...request); };"
    )
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition('/chat/')[2]}"))
    tab.open("/waiting")
    tab.say("I have no code")
    tab.wait_for("echo: I have no code")
    assert asked.index("PUT session/handoff") < asked.index("POST messages")


def test_sign_in_is_handed_over_again_once_the_token_has_expired(tab: Tab, stage: Stage) -> None:
    """However often the panel was opened, one token is asked for at a time; the offer is made once."""
    tab.page.clock.install()
    tab.open("/waiting")
    tab.wait_for("I see that a sign-in is waiting on this page. I can send a new code for it.")
    for _ in range(3):
        tab.page.keyboard.press("Escape")
        with tab.page.expect_response("**/chat/session/handoff"):
            tab.launcher.click()
    stage.bound.clear()
    with tab.page.expect_response("**/chat/session/handoff"):
        tab.page.clock.run_for(301_000)
    tab.page.evaluate("fetch('/chat/session')")
    assert stage.bound == ["the-token"]
    assert sum("waiting on this page" in text for text in tab.bubbles()) == 1


def test_transcript(tab: Tab, tmp_path: Path) -> None:
    """The chat can be saved as text."""
    tab.open()
    tab.say("hello")
    tab.wait_for("echo: hello")
    tab.page.get_by_role("button", name="Options").click()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Save chat").click()
    download.value.save_as(tmp_path / "chat.txt")
    assert (tmp_path / "chat.txt").read_text().endswith("You: hello\n\nAssistant: echo: hello")


def test_transcript_in_the_clipboard(new_tab: NewTab) -> None:
    """The chat can be copied, and where the browser forbids that the panel says what to do instead."""
    tab = new_tab(permissions=["clipboard-read", "clipboard-write"])
    tab.open()
    tab.say("hello")
    tab.wait_for("echo: hello")
    tab.page.get_by_role("button", name="Options").click()
    tab.page.get_by_role("button", name="Copy chat").click()
    expect(tab.page.locator(".status")).to_have_text("The chat was copied.")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Assistant: Hello, I am the automated assistant")
    assert copied.endswith("You: hello\n\nAssistant: echo: hello")
    tab.page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    tab.page.get_by_role("button", name="Copy chat").click()
    expect(tab.page.locator(".status")).to_have_text("Copying is not possible here. Please save the chat.")


def test_a_phone_is_filled_down_to_the_keyboard(new_tab: NewTab) -> None:
    """On a phone the panel fills the screen; when the keyboard comes up, all of it stays above."""
    tab = new_tab(viewport={"width": 390, "height": 780})
    tab.page.add_init_script("Object.defineProperty(visualViewport, 'height', {get: () => globalThis.left ?? 780})")
    tab.open()
    panel = tab.page.get_by_role("dialog")
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 780}
    tab.page.evaluate("globalThis.left = 440; visualViewport.dispatchEvent(new Event('resize'))")
    assert panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 440}
    for part in (tab.box, tab.page.get_by_role("button", name="Send", exact=True), tab.page.get_by_text("Not for")):
        box = part.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 440


@pytest.mark.parametrize("size", [(1280, 800), (1024, 768), (820, 1100)])
def test_sign_in_fields_stay_free(new_tab: NewTab, size: tuple[int, int]) -> None:
    """The open panel does not cover the sign-in fields."""
    tab = new_tab(viewport={"width": size[0], "height": size[1]})
    tab.page.goto("/form")
    tab.launcher.click()
    tab.greeting.wait_for()
    panel = tab.page.get_by_role("dialog").bounding_box()
    for label in ("Username", "Password"):
        field = tab.page.get_by_label(label).bounding_box()
        assert panel
        assert field
        apart = (
            field["x"] + field["width"] <= panel["x"] or field["y"] + field["height"] <= panel["y"]
        )
        assert apart, label
