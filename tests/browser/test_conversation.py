"""One conversation in a real Chromium, whatever happens to page, network and server: nothing lost, nothing doubled."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.conftest import Tab
from tests.browser.stage import Stage


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
    other = tab.beside()
    other.wait_for("echo: from the first")
    other.say("from the second")
    other.wait_for("echo: from the second")
    tab.look_again()
    tab.wait_for("echo: from the second")
    assert tab.bubbles() == other.bubbles()


def test_closed_and_opened_again(tab: Tab) -> None:
    """What was said in another tab while the panel was closed is there when it is opened."""
    tab.open()
    tab.say("here")
    tab.wait_for("echo: here")
    tab.page.keyboard.press("Escape")
    other = tab.beside()
    other.wait_for("echo: here")
    other.say("there")
    other.wait_for("echo: there")
    tab.page.bring_to_front()
    tab.launcher.click()
    tab.wait_for("echo: there")
    assert tab.bubbles()[1:] == ["here", "echo: here", "there", "echo: there"]


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


def test_late_answer(tab: Tab, slow: Stage) -> None:
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
    tab.page.get_by_role("button", name="Retry").click()  # before the answer, which takes Retry away by itself
    slow.release()
    tab.wait_for("echo: slow")
    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert tab.bubbles()[1:] == ["slow", "echo: slow"]


def test_retry_stays_until_the_answer_is_there(tab: Tab, slow: Stage) -> None:
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
    retry.click()
    slow.release()
    tab.wait_for("echo: slow")
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


@pytest.mark.parametrize(("seconds", "said"), [("1", "in 1 second, or call"), ("20", "in 20 seconds, or call")])
def test_too_many_messages(tab: Tab, seconds: str, said: str) -> None:
    """The message is kept with Retry, and the wait is said."""
    tab.open()
    tab.page.route("**/chat/messages", lambda route: route.fulfill(status=429, headers={"Retry-After": seconds}))
    tab.say("hello")
    expect(tab.page.get_by_role("alert").filter(has_text="at once")).to_contain_text(said)
    tab.page.unroute("**/chat/messages")
    tab.page.get_by_role("button", name="Retry").click()
    tab.wait_for("echo: hello")


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
    tab.start_over()
    expect(tab.log.get_by_text("echo: hello")).to_have_count(0)
    tab.greeting.wait_for()
    assert len(tab.bubbles()) == 1
    tab.page.reload()
    tab.greeting.wait_for()
    assert len(tab.bubbles()) == 1


def test_start_over_while_an_answer_is_awaited(tab: Tab, slow: Stage) -> None:
    """What was asked before "Start over" does not come back in the new conversation."""
    tab.open()
    tab.say("slow")
    expect(tab.page.locator(".status")).to_have_text("The assistant is typing…")
    tab.start_over()
    expect(tab.log.get_by_text("slow", exact=True)).to_have_count(0)
    slow.release()
    expect(tab.page.locator(".status")).to_be_empty()
    tab.say("hello")
    tab.wait_for("echo: hello")
    assert tab.bubbles()[1:] == ["hello", "echo: hello"]


def test_started_over_in_the_other_tab(tab: Tab) -> None:
    """Where one tab starts over the other one shows the new conversation, too, looked at or written in."""
    for then in ("looked at", "written in"):
        tab.open()
        for said in ("one", "two", "three"):
            tab.say(said)
            tab.wait_for(f"echo: {said}")
        other = tab.beside()
        other.wait_for("echo: three")
        other.start_over()
        expect(other.log.get_by_text("echo: three")).to_have_count(0)
        other.say("afresh")
        other.wait_for("echo: afresh")
        if then == "looked at":
            tab.look_again()
        else:
            tab.say("and on")
            tab.wait_for("echo: and on")
        tab.wait_for("echo: afresh")
        expect(tab.log.get_by_text("echo: three")).to_have_count(0)
        assert tab.bubbles()[1:3] == ["afresh", "echo: afresh"], then
        other.page.close()
        tab.start_over()
        expect(tab.log.get_by_text("echo: afresh")).to_have_count(0)
        tab.page.get_by_role("button", name="Close").click()


def test_conversation_that_was_deleted_elsewhere(tab: Tab) -> None:
    """A message to a conversation that is gone begins a new one and is answered there."""
    tab.open()
    tab.page.evaluate("fetch('/chat/session', {method: 'DELETE'})")
    tab.until("fetch('/chat/session').then(answer => answer.status === 401)")
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
    assert tab.bubbles()[1:] == ["hello", "echo: hello", "elsewhere", "echo: elsewhere"]
