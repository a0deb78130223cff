"""Nobody waits for ever: a part that hangs ends in a problem, and what was begun is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sanic import HTTPResponse, Request

from bot.http import api as http_api
from bot.http.api import Api, no_content
from bot.http.server import new_app
from bot.settings import Settings
from tests.conftest import Serve


async def test_a_hanging_part_ends_in_a_problem(
    settings_for: Callable[..., Settings], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told to try again, although the work is slow to end when it is cancelled."""
    monkeypatch.setattr(http_api, "ANSWER_WITHIN", 0.1)
    api, cancelled, ended = Api("Hangs"), asyncio.Event(), asyncio.Event()

    @api.get("/hang", replies={204: None})
    async def hang(request: Request) -> HTTPResponse:
        """Hang, and be slow to end."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            await ended.wait()
            raise
        return no_content()

    client = await serve(new_app(settings_for(), [api]))
    answer = await client.get("/hang")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable" and answer.headers["retry-after"] == "5"
    assert cancelled.is_set() and not ended.is_set()
    ended.set()
