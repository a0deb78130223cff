"""The widget on another site's page, with that site's own strict policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Tab
from tests.browser.stage import Stage


class Host:
    """Another site: one page on http://localhost:PORT that embeds a service's widget."""

    def __init__(self) -> None:
        host = self
        self.service = ""

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = (
                    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Another site</title></head>"
                    f"<body><h1>Another site</h1><script type='module' src='{host.service}/widget.js'></script>"
                    "<twostep-chat></twostep-chat></body></html>"
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header(
                    "Content-Security-Policy",
                    f"default-src 'none'; script-src {host.service}; connect-src {host.service}; "
                    "require-trusted-types-for 'script'; trusted-types 'none'",
                )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Another site."""
    made = Host()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Stage]:
    """A service that lets the other site in."""
    made = Stage(tmp_path_factory.mktemp("stage"), allowed_origins=host.origin).start()
    host.service = made.address
    yield made
    made.stop()


def test_conversation_on_another_site(browser: Browser, stage: Stage, host: Host) -> None:
    """An allow-listed site gets a conversation in a partitioned cookie, kept over a reload, under its strict policy."""
    context = browser.new_context()
    context.set_default_timeout(8000)
    tab = Tab(context.new_page())
    tab.open(host.origin)
    tab.say("hello")
    tab.wait_for("echo: hello")
    (cookie,) = [cookie for cookie in context.cookies() if "twostep_chat" in cookie["name"]]
    assert cookie["name"] == "__Host-twostep_chat"
    assert cookie["sameSite"] == "None"
    assert cookie["secure"]
    assert cookie["httpOnly"]
    assert cookie["partitionKey"] == "http://localhost"
    tab.page.reload()
    tab.wait_for("echo: hello")
    tab.start_over()
    expect(tab.log.get_by_text("echo: hello")).to_have_count(0)
    assert tab.complaints == []
    context.close()


def test_site_that_is_not_on_the_list(
    browser: Browser, host: Host, tmp_path: Path, stage: Stage
) -> None:
    """A site that is not on the list gets no conversation; the patient is told how to reach a person."""
    closed = Stage(tmp_path).start()
    host.service = closed.address
    context = browser.new_context()
    context.set_default_timeout(8000)
    tab = Tab(context.new_page())
    tab.page.goto(host.origin)
    tab.launcher.click()
    alert = tab.page.locator(".alert")
    expect(alert).to_contain_text("cannot be reached")
    expect(alert.get_by_role("link", name="845-703-6999")).to_be_visible()
    assert closed.engine.answered == []
    context.close()
    closed.stop()
    host.service = stage.address
