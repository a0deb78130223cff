"""The widget in a real Chromium: one conversation, whatever happens to page, network and server."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Request, Route, expect

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


def test_reload_keeps_everything(tab: Tab) -> None:
    """After a reload the panel is open again with the same conversation, greeted once, and the focus stays."""
    tab.open()
    tab.say("hello")
    tab.wait_for("echo: hello")
    before = tab.bubbles()
    tab.page.reload()
    tab.wait_for("echo: hello")
    assert tab.bubbles() == before
    assert tab.page.evaluate("document.activeElement === document.body")


def test_second_tab(tab: Tab) -> None:
    """A second tab shows the same conversation, and the first catches up when it is looked at again."""
    tab.open()
    tab.say("from the first")
    tab.wait_for("echo: from the first")
    other = Tab(tab.page.context.new_page())
    other.page.goto("/")
    other.launcher.click()
    other.wait_for("echo: from the first")
    other.say("from the second")
    other.wait_for("echo: from the second")
    tab.page.bring_to_front()
    tab.page.evaluate("dispatchEvent(new Event('focus'))")
    tab.wait_for("echo: from the second")
    assert tab.bubbles() == other.bubbles()


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


def test_dropped_network(tab: Tab) -> None:
    """Without a network the message is kept with Retry, phone and contact link; it is sent once when it is back."""
    tab.open()
    tab.page.context.set_offline(True)
    tab.say("hello")
    tab.page.get_by_role("button", name="Retry").wait_for()
    alert = tab.page.locator(".alert")
    expect(alert).to_contain_text("cannot be reached")
    expect(alert.get_by_role("link", name="845-703-6999")).to_be_visible()
    expect(alert.get_by_role("link", name="contact form")).to_be_visible()
    tab.page.context.set_offline(False)
    tab.page.get_by_role("button", name="Retry").click()
    tab.wait_for("echo: hello")
    expect(alert).to_be_empty()
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]


def test_offline_before_the_panel_was_loaded(tab: Tab) -> None:
    """When the panel cannot be loaded the launcher still tells phone and contact form, and works later."""
    tab.page.goto("/")
    tab.page.context.set_offline(True)
    tab.launcher.click()
    lost = tab.page.get_by_role("alert").filter(has_text="cannot be reached")
    expect(lost.get_by_role("link", name="845-703-6999")).to_be_visible()
    tab.page.context.set_offline(False)
    tab.launcher.click()
    tab.greeting.wait_for()


def test_reply_lost_on_the_way(tab: Tab) -> None:
    """When the server answered but the reply was lost, the panel fetches it; nothing is said or done twice."""
    tab.open()
    lost: list[str] = []

    def lose(route: Route) -> None:
        route.fetch()
        lost.append(route.request.url)
        route.abort()

    tab.page.route("**/chat/messages", lose)
    tab.say("hello")
    tab.wait_for("echo: hello")
    expect(tab.page.get_by_role("button", name="Retry")).to_have_count(0)
    expect(tab.page.locator(".alert")).to_be_empty()
    assert len(lost) == 1
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]
    tab.page.reload()
    tab.wait_for("echo: hello")
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]


def test_late_answer(tab: Tab, stage: Stage) -> None:
    """Typing shows at once, "still working" after 5 s, an error with Retry after 15 s; Retry uses the same id."""
    tab.page.clock.install()
    tab.open()
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/messages"):
            sent.append(json.loads(request.post_data or "")["id"])

    tab.page.on("request", note)
    tab.say("slow")
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    tab.page.clock.run_for(5100)
    expect(tab.page.locator(".status")).to_have_text("Still working on it…")
    tab.page.clock.run_for(10_000)
    expect(tab.page.get_by_text("No answer came.")).to_contain_text("845-703-6999")
    stage.release()
    tab.page.get_by_role("button", name="Retry").click()
    tab.wait_for("echo: slow")
    stage.served.call(stage.engine.release.clear)
    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert tab.bubbles()[1:] == ["slow", "echo: slow"]


def test_retry_stays_until_the_answer_is_there(tab: Tab, stage: Stage) -> None:
    """A look at the tab while the late answer is still being made takes Retry away from nobody."""
    tab.page.clock.install()
    tab.open()
    tab.say("slow")
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    tab.page.clock.run_for(15_100)
    retry = tab.page.get_by_role("button", name="Retry")
    retry.wait_for()
    with tab.page.expect_response(lambda answer: "/chat/session?after" in answer.url):
        tab.page.evaluate("dispatchEvent(new Event('focus'))")
    tab.page.evaluate("fetch('/chat/session')")  # what was fetched has been drawn by now
    expect(retry).to_be_visible()
    expect(tab.page.get_by_text("Not answered")).to_be_visible()
    stage.release()
    retry.click()
    tab.wait_for("echo: slow")
    stage.served.call(stage.engine.release.clear)
    assert tab.bubbles()[1:] == ["slow", "echo: slow"]


def test_server_that_takes_and_never_answers(tab: Tab) -> None:
    """Also a conversation that does not begin ends in an error with Retry after 15 s, not in typing for ever."""
    tab.page.clock.install()
    tab.page.route("**/chat/session", lambda route: None)
    tab.page.goto("/")
    tab.launcher.click()
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    tab.say("hello")
    tab.page.clock.run_for(5100)
    expect(tab.page.locator(".status")).to_have_text("Still working on it…")
    tab.page.clock.run_for(10_100)
    expect(tab.page.get_by_role("button", name="Retry")).to_be_visible()
    expect(tab.page.locator(".alert")).to_contain_text("cannot be reached")
    tab.page.unroute("**/chat/session")
    tab.page.get_by_role("button", name="Retry").click()
    tab.wait_for("echo: hello")
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]


def test_started_over_in_the_other_tab(tab: Tab) -> None:
    """Where one tab starts over the other one shows the new conversation, too, looked at or written in."""
    for then in ("looked at", "written in"):
        tab.open()
        for said in ("one", "two", "three"):
            tab.say(said)
            tab.wait_for(f"echo: {said}")
        other = Tab(tab.page.context.new_page())
        other.page.goto("/")
        other.launcher.click()
        other.wait_for("echo: three")
        other.page.get_by_role("button", name="Options").click()
        other.page.get_by_role("button", name="Start over").click()
        expect(other.log.get_by_text("echo: three")).to_have_count(0)
        other.say("afresh")
        other.wait_for("echo: afresh")
        if then == "looked at":
            tab.page.bring_to_front()
            tab.page.evaluate("dispatchEvent(new Event('focus'))")
        else:
            tab.say("and on")
            tab.wait_for("echo: and on")
        tab.wait_for("echo: afresh")
        expect(tab.log.get_by_text("echo: three")).to_have_count(0)
        assert tab.bubbles()[1:3] == ["afresh", "echo: afresh"], then
        other.page.close()
        tab.page.get_by_role("button", name="Options").click()
        tab.page.get_by_role("button", name="Start over").click()
        expect(tab.log.get_by_text("echo: afresh")).to_have_count(0)
        tab.page.get_by_role("button", name="Close").click()


def test_closed_and_opened_again(tab: Tab) -> None:
    """What was said in another tab while the panel was closed is there when it is opened."""
    tab.open()
    tab.say("here")
    tab.wait_for("echo: here")
    tab.page.keyboard.press("Escape")
    other = Tab(tab.page.context.new_page())
    other.page.goto("/")
    other.launcher.click()
    other.wait_for("echo: here")
    other.say("there")
    other.wait_for("echo: there")
    tab.page.bring_to_front()
    tab.launcher.click()
    tab.wait_for("echo: there")


def test_start_over_while_an_answer_is_awaited(tab: Tab, stage: Stage) -> None:
    """What was asked before "Start over" does not come back in the new conversation."""
    tab.open()
    tab.say("slow")
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    tab.page.get_by_role("button", name="Options").click()
    tab.page.get_by_role("button", name="Start over").click()
    expect(tab.log.get_by_text("slow", exact=True)).to_have_count(0)
    stage.release()
    expect(tab.page.locator(".status")).to_be_empty()
    stage.served.call(stage.engine.release.clear)
    tab.say("hello")
    tab.wait_for("echo: hello")
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]


def test_element_that_the_page_moves(tab: Tab) -> None:
    """A page that puts the element elsewhere, as some frameworks do, leaves it in order."""
    tab.open()
    tab.say("hello")
    tab.wait_for("echo: hello")
    tab.page.evaluate("document.querySelector('main').append(document.querySelector('twostep-chat'))")
    tab.page.evaluate("fetch('/chat/messages', {method: 'POST', headers: {'Content-Type': 'application/json'},"
                      " body: JSON.stringify({id: crypto.randomUUID(), text: 'elsewhere'})})")
    tab.page.evaluate("dispatchEvent(new Event('focus'))")
    tab.wait_for("echo: elsewhere")


def test_server_restart(tab: Tab, stage: Stage) -> None:
    """A restart of the server in the middle of a conversation loses and doubles nothing."""
    tab.open()
    tab.say("before")
    tab.wait_for("echo: before")
    stage.stop()
    tab.say("during")
    tab.page.get_by_role("button", name="Retry").wait_for()
    stage.start()
    tab.page.get_by_role("button", name="Retry").click()
    tab.wait_for("echo: during")
    tab.say("after")
    tab.wait_for("echo: after")
    expected = ["before", "echo: before", "during", "echo: during", "after", "echo: after"]
    assert tab.bubbles()[1:] == expected
    tab.page.reload()
    tab.wait_for("echo: after")
    assert tab.bubbles()[1:] == expected


def test_start_over(tab: Tab) -> None:
    """Start over clears client and server, and greets anew."""
    tab.open()
    tab.say("hello")
    tab.wait_for("echo: hello")
    tab.page.get_by_role("button", name="Options").click()
    tab.page.get_by_role("button", name="Start over").click()
    expect(tab.log.get_by_text("echo: hello")).to_have_count(0)
    tab.greeting.wait_for()
    assert len(tab.bubbles()) == 1
    tab.page.reload()
    tab.greeting.wait_for()
    assert len(tab.bubbles()) == 1


def test_conversation_that_was_deleted_elsewhere(tab: Tab) -> None:
    """A message to a conversation that is gone begins a new one and is answered there."""
    tab.open()
    tab.page.evaluate("fetch('/chat/session', {method: 'DELETE'})")
    tab.until("fetch('/chat/session').then(answer => answer.status === 401)")
    tab.say("hello")
    tab.wait_for("echo: hello")
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]


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
