"""The wired application: health, metrics, files, OpenAPI, logs."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
import schemathesis

from bot.accounts.demo import PASSWORD
from bot.app import Parts, create_app, welcome
from bot.db import Database
from bot.http.logs import JsonLines
from bot.http.server import new_app
from bot.privacy import Keys
from bot.settings import Settings
from tests.conftest import RedisServer, Serve
from tests.echo_engine import EchoEngine

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def application(
    sqlite_database: Database, keys: Keys, settings_for: Callable[..., Settings], serve: Serve
) -> Callable[..., Any]:
    """Serves the wired application."""

    async def make(parts: dict[str, Any] | None = None, only: str = "", **settings: Any) -> httpx.AsyncClient:
        # Each application has connections of its own: one that stops closes them under nobody else.
        own = Database(sqlite_database.url.render_as_string(hide_password=False))
        chosen = {"engine": EchoEngine(), "database": own, "keys": keys, "migrate": False, **(parts or {})}
        values = {"verification_url": "none", **settings}
        return await serve(create_app(settings_for(**values), Parts(**chosen), only=only))

    return make


async def test_health(application: Callable[..., Any], redis_server: RedisServer) -> None:
    """Ready names the parts; a lost limiter is told while the service goes on, a lost needed part makes it 503."""
    broken = False

    async def check() -> None:
        if broken:
            raise ConnectionError

    client = await application({"checks": {"model": check}}, redis_url=redis_server.url)
    assert (await client.get("/health/live")).json()["status"] == "ok"
    assert (await client.get("/health/ready")).json()["parts"] == {
        "database": "ok", "model": "ok", "limiter": "ok"
    }
    redis_server.stop()
    assert (await client.get("/health/ready")).json()["parts"]["limiter"] == "unavailable"
    broken = True
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await client.get("/health/live")).status_code == 200


async def test_metrics(application: Callable[..., Any]) -> None:
    """Turns, failures and fallbacks are counted, without a word of what was said."""
    client = await application()
    await client.post("/chat/session")
    for n, text in enumerate(("my secret", "fallback", "fail")):
        message = f"00000000-0000-4000-8000-00000000000{n}"
        await client.post("/chat/messages", json={"id": message, "text": text})
    metrics = (await client.get("/metrics")).text
    assert 'twostep_turns_total{channel="web",decision="answer",kind="answer"} 1.0' in metrics
    assert 'twostep_fallbacks_total{channel="web"} 1.0' in metrics
    assert 'twostep_turns_failed_total{channel="web",reason="exception"} 1.0' in metrics
    assert 'route="/chat/messages",status="200"} 3.0' in metrics
    assert "secret" not in metrics


async def test_metrics_are_not_for_everybody(application: Callable[..., Any]) -> None:
    """From elsewhere, or through a proxy on this machine, metrics need the token."""
    client = await application(metrics_token="a token of the tests")
    through = {"x-forwarded-for": "203.0.113.9"}
    assert (await client.get("/metrics", headers=through)).status_code == 403
    good = {**through, "authorization": "Bearer a token of the tests"}
    assert (await client.get("/metrics", headers=good)).status_code == 200
    for odd in ("Bearer é".encode(), b"Bearer \xff"):
        assert (await client.get("/metrics", headers={**through, "authorization": odd})).status_code == 403
    for header in ("forwarded", "x-real-ip", "via"):
        assert (await client.get("/metrics", headers={header: "203.0.113.9"})).status_code == 403
    without = await application()
    assert (await without.get("/metrics", headers={**through, "authorization": "Bearer x"})).status_code == 403


async def test_openapi(application: Callable[..., Any]) -> None:
    """The document is valid OpenAPI 3.1 and describes the chat with its problems."""
    client = await application()
    document = (await client.get("/docs/openapi.json")).json()
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"] == "3.1.0"
    say = document["paths"]["/chat/messages"]["post"]
    assert set(say["responses"]) == {
        "200", "400", "401", "403", "404", "409", "413", "429", "503"
    }
    assert "/chat/session/handoff" in document["paths"]
    message = document["components"]["schemas"]["MessageView"]["properties"]
    assert set(message) == {"id", "seq", "from", "text", "kind", "buttons", "at"}
    shown = (await client.get("/docs")).text
    assert "/chat/messages" in shown
    assert "http://" not in shown.replace("http://127.0.0.1", "")


async def test_pages_and_files(application: Callable[..., Any]) -> None:
    """The pages and their files are served with a type, and nothing outside their folder."""
    client = await application()
    for path, kind in (
        ("/", "text/html"), ("/embedding", "text/html"), ("/static/site.css", "text/css"),
        ("/static/icon.svg", "image/svg+xml"), ("/widget.js", "text/javascript"),
    ):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith(kind)
    assert '"845-703-6999"' in (await client.get("/widget.js")).text
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/", "/static/none.js"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(("only", "verification_url", "signs_in", "chats"), [
    ("", "", True, True), ("verification", "", True, False), ("", "http://127.0.0.1:9", False, True),
    ("", "none", False, True),
])
async def test_what_is_printed_and_linked_is_served(
    application: Callable[..., Any], settings_for: Callable[..., Settings], only: str, verification_url: str,
    signs_in: bool, chats: bool,
) -> None:
    """However it runs, each address that is printed at the start and each link of the first page leads somewhere; the
    assistant is offered where it is served."""
    client = await application(only=only, verification_url=verification_url)
    settings = settings_for(verification_url=verification_url)
    lines = welcome(settings, only)
    first = (await client.get("/")).text
    printed = [line.partition(settings.own_url)[2] for line in lines[1:] if settings.own_url in line]
    for path in {*printed, *re.findall(r'(?:href|src|action)="(/[^"]*)"', first)}:
        assert (await client.get(path)).status_code in (200, 303), path
    assert ("/demo/outbox" in printed) == (verification_url != "none")
    assert (PASSWORD in "".join(lines), "/sign-in" in first) == (signs_in, signs_in)
    assert ("<twostep-chat" in first, "Ask the assistant" in first) == (chats, chats)


async def test_log_lines(application: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """A request is one JSON line with its id and route, and without what was said, even when the turn failed."""
    client = await application()
    caplog.set_level(logging.INFO, "twostep")
    await client.post("/chat/session")
    message = "00000000-0000-4000-8000-000000000000"
    answer = await client.post("/chat/messages", json={"id": message, "text": "fail"})
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name.startswith("twostep")]
    (request,) = [line for line in lines if line.get("route") == "/chat/messages"]
    assert request["request_id"] == answer.headers["x-request-id"]
    assert request["status"] == 200
    assert any(line["message"] == "turn failed" and line["error"] == "RuntimeError" for line in lines)
    assert "broken by" not in "".join(json.dumps(line) for line in lines)


async def test_head(application: Callable[..., Any]) -> None:
    """What can be read can be asked for without its body (load balancers do)."""
    client = await application()
    for path in ("/health/live", "/", "/widget.js"):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


async def test_hooks_run_in_order(application: Callable[..., Any]) -> None:
    """Start hooks run before the first request."""
    order: list[str] = []

    async def first() -> None:
        order.append("first")

    async def second() -> None:
        order.append("second")

    await application({"before": [first, second]})
    assert order == ["first", "second"]


async def test_who_listens_to_a_moment_of_a_request_hears_of_it(
    settings_for: Callable[..., Settings], serve: Serve
) -> None:
    """Sanic's signals are left out only where nobody has asked for them."""
    app, heard = new_app(settings_for(), []), []

    async def listen(**context: object) -> None:
        heard.append(sorted(context))

    app.add_signal(listen, "http.lifecycle.response")
    client = await serve(app)
    await client.get("/nowhere")
    assert heard == [["request", "response"]]
