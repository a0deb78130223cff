"""A Sanic application from declared operations: guard, headers, problems, and serving it."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from secrets import token_hex
from typing import Any
from uuid import uuid4

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import MethodNotAllowed as SanicMethodNotAllowed
from sanic.exceptions import NotFound as SanicNotFound
from sanic.exceptions import PayloadTooLarge, RequestCancelled, SanicException, URITooLong
from sanic.response import BaseHTTPResponse
from sanic.signals import SignalRouter

from bot.audit.model import request_in_hand
from bot.db import UNAVAILABLE
from bot.http.api import RETRY_SECONDS, Api
from bot.http.client_address import client_address, is_trusted, parse_address
from bot.http.cross_site import check_cross_site, own_origins, plain_origin
from bot.http.headers import add_headers, preflight
from bot.http.openapi import docs_api
from bot.http.problem import Invalid, MethodNotAllowed, NotFound, Problem, TooLarge, Unavailable, problem_response
from bot.settings import Settings

log = logging.getLogger("twostep.http")

BODY_LIMIT = 16 * 1024  # bytes
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{16,64}")  # what a proxy of ours may call a request
DRAIN_SECONDS = 10  # for requests that are being answered when the server stops

Observe = Callable[[Request, int, float], None]
"""Told of each finished request: request, status, seconds."""


class _QuietSignals(SignalRouter):
    """Sanic tells of ten moments in each request, and looks for who might want to know each time: here nobody does.

    (Its own remedy, `TOUCHUP`, rewrites Sanic's methods at each start, for every application of the process at once.)
    """

    async def dispatch(self, event: str | Enum, **how: Any) -> Any:
        """As Sanic's, but for the moments of a request that nobody listens to."""
        ours = self.format_event(event).startswith("http.")
        if ours and not any(name.startswith("http.") for name in self.name_index):
            return None
        return await super().dispatch(event, **how)


def new_app(
    settings: Settings, apis: Sequence[Api], *, documented: bool = True, observe: Observe | None = None
) -> Sanic[Any, Any]:
    """An application with these operations. Any number of them may live in one process."""
    app: Sanic[Any, Any] = Sanic(
        f"twostep-{uuid4().hex}", configure_logging=False, signal_router=_QuietSignals()
    )
    Sanic.unregister_app(app)  # nobody looks it up by name, and a registry would keep it for ever
    app.config.update({
        "REQUEST_MAX_SIZE": BODY_LIMIT, "REQUEST_TIMEOUT": 30, "RESPONSE_TIMEOUT": 60, "KEEP_ALIVE_TIMEOUT": 75,
        "GRACEFUL_SHUTDOWN_TIMEOUT": 10.0, "ACCESS_LOG": False, "FALLBACK_ERROR_FORMAT": "json", "MOTD": False,
        "TOUCHUP": False,
    })
    allowed = frozenset(plain_origin(origin) for origin in settings.allowed_origins)

    def prepare(request: Request) -> None:
        if hasattr(request.ctx, "request_id"):
            return
        peer = request.conn_info.client_ip if request.conn_info else ""
        from_proxy = is_trusted(parse_address(peer), settings.trusted_proxies)
        given = request.headers.get("x-request-id", "") if from_proxy else ""
        request.ctx.request_id = given if REQUEST_ID.fullmatch(given) else token_hex(16)
        request_in_hand.set(request.ctx.request_id)
        forwarded = request.headers.getall("x-forwarded-for", [])
        request.ctx.client_address = client_address(peer, forwarded, settings.trusted_proxies)
        request.ctx.began = time.monotonic()

    def finish(request: Request, response: BaseHTTPResponse) -> None:
        prepare(request)
        add_headers(
            request, response, https=settings.https, allowed_origins=allowed, request_id=request.ctx.request_id
        )

    async def before(request: Request) -> HTTPResponse | None:
        prepare(request)
        answer = preflight(request, allowed)
        if answer is not None or request.route is None:
            return answer
        operation = getattr(request.route.ctx, "operation", None)
        if operation is None or operation.auth.from_browsers:
            ours = own_origins(settings, request.headers.get("host", ""))
            check_cross_site(request.method, request.path, request.headers, ours, allowed)
        return None

    async def after(request: Request, response: BaseHTTPResponse) -> None:
        finish(request, response)
        if observe is not None:
            observe(request, response.status, time.monotonic() - request.ctx.began)

    async def on_error(request: Request, error: Exception) -> HTTPResponse:
        prepare(request)
        problem = as_problem(error)
        if problem.status >= 500:
            # The type only: an exception's text may hold what a patient typed.
            log.error(
                "request failed", exc_info=_without_values(error),
                extra={"request_id": request.ctx.request_id, "error": type(error).__name__},
            )
        response = problem_response(problem, request.ctx.request_id)
        finish(request, response)
        return response

    app.register_middleware(before, "request")
    app.register_middleware(after, "response")
    app.error_handler.add(Exception, on_error)
    everything = [*apis]
    if documented:
        everything.append(docs_api(apis, settings.own_url))
    for api in everything:
        api.register(app)
    return app


def as_problem(error: BaseException) -> Problem:
    """What the caller is told of an error; whatever is not foreseen is a fault of ours, without details."""
    match error:
        case Problem():
            return error
        case SanicMethodNotAllowed():
            return MethodNotAllowed([*(error.headers.get("Allow", "").split(", "))])
        case SanicNotFound():
            return NotFound()
        case PayloadTooLarge() | URITooLong():
            return TooLarge(f"At most {BODY_LIMIT} bytes are read.")
        case RequestCancelled():
            return Unavailable()
        case SanicException() if 400 <= error.status_code < 500:
            return Invalid("The request is not readable.")
        case SanicException() if error.status_code == 503:
            return Unavailable(retry_after=RETRY_SECONDS)
    if isinstance(error, UNAVAILABLE):
        return Unavailable(retry_after=RETRY_SECONDS)
    return Unavailable("Something went wrong on our side.")


def _without_values(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """The error's traceback under its type alone: its text may hold what was sent."""
    return type(error), RuntimeError(type(error).__name__), error.__traceback__


@asynccontextmanager
async def serving(app: Sanic[Any, Any], *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve until the block ends, then let running requests finish; yields the port (`port=0`: a free one)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        server: Any = await app.create_server(
            sock=listener, return_asyncio_server=True, asyncio_server_kwargs={"start_serving": False}
        )
        if server is None:
            raise RuntimeError("the server did not start")
        try:
            await server.startup()
            await server.before_start()
            await server.start_serving()
            await server.after_start()
        except BaseException:
            server.close()  # or the loop cannot be closed, and says so instead of why nothing started
            await server.wait_closed()
            raise
        try:
            yield int(listener.getsockname()[1])
        finally:
            await server.before_stop()
            server.close()
            deadline = time.monotonic() + DRAIN_SECONDS
            while server.connections and time.monotonic() < deadline:
                for connection in list(server.connections):
                    connection.close_if_idle()
                await asyncio.sleep(0.01)
            for connection in list(server.connections):
                connection.abort()
            await server.after_stop()
    finally:
        listener.close()
