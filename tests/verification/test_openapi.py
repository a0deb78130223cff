"""schemathesis against our own OpenAPI: no 500, no answer that is not documented."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.db import Database
from bot.settings import Settings
from tests.portal import BEARER, CREDENTIAL, portal_on, served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def portal_at(sqlite_template: Path, tmp_path: Path, settings_for: Callable[..., Settings]) -> Iterator[list[Any]]:
    """A portal served by a thread, because schemathesis asks from this one."""
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    settings = settings_for(
        bot_credential=CREDENTIAL, failures_per_address="1000000/600", contact_per_address="1000000/600"
    )
    started, loop, found = threading.Event(), asyncio.new_event_loop(), []

    async def serve() -> None:
        database, stop = Database(f"sqlite+aiosqlite:///{path}"), asyncio.Event()
        async with portal_on(database, settings) as portal, served(portal):
            async with portal.browser() as browser:
                await portal.sign_in(browser)
                session = browser.cookies["twostep_session"]
                challenge = await portal.begin(browser)
                found.extend([portal.url, session, browser.cookies["twostep_preauth"], challenge])
            found.append(stop)
            started.set()
            await stop.wait()
        await database.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(30)
    yield found
    loop.call_soon_threadsafe(found[-1].set)
    thread.join(30)
    loop.close()


def test_every_operation_answers_as_documented(portal_at: list[Any]) -> None:
    """With and without credentials, good and odd input: documented answers only."""
    base, session, preauth, challenge, _ = portal_at
    schema = schemathesis.openapi.from_url(f"{base}/docs/openapi.json")
    tried, statuses = 0, set()
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:

            @examples(
                max_examples=12, deadline=None, database=None, derandomize=True,
                phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal tried
                if "challenge" in (case.path_parameters or {}):
                    case.path_parameters["challenge"] = challenge
                if "/bot/" in case.path:
                    case.headers.update(BEARER)
                if mode is GenerationMode.POSITIVE:  # noqa: B023  rules that a schema does not tell
                    if case.path.endswith("/redeem"):
                        case.headers["Idempotency-Key"] = str(uuid4())
                    if case.path == "/v1/contact" and isinstance(case.body, dict):
                        case.body.update(reason="Billing", reply_to="kim@example.com", name="Kim")
                cookies = {"twostep_session": session, "twostep_preauth": preauth}
                response = case.call(base_url=base, cookies={} if case.path == "/v1/sign-out" else cookies)
                statuses.add((case.path, response.status_code))
                case.validate_response(response, checks=CHECKS)
                tried += 1

            with contextlib.suppress(Unsatisfiable):  # an operation without input has no odd input
                ask()
    assert tried > 200
    reached = {path for path, status in statuses if status < 300}
    assert {"/v1/me", "/v1/handoffs", "/v1/contact", "/v1/bot/conversations/redeem"} <= reached
