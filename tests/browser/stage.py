"""A portal to try the widget on: sign-in and code pages, a handoff, the chat with the echo engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sanic import HTTPResponse, Request, Sanic

from bot.app import Parts, create_app
from bot.db import Database
from bot.http.api import Api, page, reply
from bot.http.pages import Pages
from bot.privacy import Keys
from bot.settings import Settings
from tests.browser.served import Served
from tests.conftest import free_port
from tests.echo_engine import EchoEngine

KEYS = Keys(b"a master secret for the tests only")


class Handoff(BaseModel):
    """A token for a waiting sign-in."""

    handoff: str
    expires_in: int


class Stage:
    """A served portal; `restart` keeps the database and the address."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        port = settings.pop("port", None) or free_port()
        values = {
            "data_dir": folder, "port": port, "chat_per_session": "1000/60", "chat_per_address": "1000/60",
            "verification_url": "none", **settings,
        }
        no_file: dict[str, Any] = {"_env_file": None}
        self.settings = Settings(**no_file, **values)
        self.engine = EchoEngine()
        self.bound: list[str] = []
        self.served = Served(self._make, port)
        self.address = self.served.address

    def _make(self) -> Sanic[Any, Any]:
        self.engine = EchoEngine()

        async def bind(handoff: str, conversation: str) -> bool:
            self.bound.append(handoff)
            return True

        return create_app(
            self.settings,
            Parts(
                engine=self.engine, database=Database(self.settings.database), keys=KEYS, bind=bind,
                apis=[_portal(Pages(self.settings))],
            ),
        )

    def start(self) -> Stage:
        """Serve it."""
        self.served.start()
        return self

    def stop(self) -> None:
        """End it."""
        self.served.stop()

    def restart(self) -> None:
        """A deployment in the middle of a conversation."""
        self.stop()
        self.start()

    def hold(self) -> None:
        """Let slow turns wait for `release`."""
        self.served.call(self.engine.release.clear)

    def release(self) -> None:
        """Let slow turns go on, those to come too."""
        self.served.call(self.engine.release.set)


def _portal(pages: Pages) -> Api:
    api = Api("Portal of the tests")

    @api.page("GET", "/waiting")
    async def waiting(request: Request) -> HTTPResponse:
        """A page on which a sign-in waits for its code."""
        return pages.render("home.html", handoff_url="/v1/handoffs")

    @api.post("/v1/handoffs", replies={201: Handoff})
    async def hand_over(request: Request) -> HTTPResponse:
        """A token for the waiting sign-in."""
        return reply(Handoff(handoff="the-token", expires_in=300), 201)

    @api.page("GET", "/form")
    async def form(request: Request) -> HTTPResponse:
        """A page with a sign-in form, to see that the panel leaves it free."""
        return page(
            "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Sign in</title>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            "<link rel='stylesheet' href='/static/site.css'></head><body><main class='site-width'><h1>Sign in</h1>"
            "<div class='panel'><form><div class='field'><label for='user'>Username</label><input id='user'></div>"
            "<div class='field'><label for='pass'>Password</label><input id='pass' type='password'></div>"
            "<button type='submit'>Sign in</button></form></div></main>"
            "<script type='module' src='/widget.js'></script><twostep-chat></twostep-chat></body></html>"
        )

    return api
