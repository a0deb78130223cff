"""Topics declare their operations here; the declaration is the route and its documentation.

    class NewThing(Body):
        name: Annotated[str, Field(min_length=1, max_length=80)]

    def things_api(service: ThingService) -> Api:
        api = Api("Things")

        @api.post("/v1/things/<thing:str>", body=NewThing, replies={201: Thing}, problems=(Conflict,))
        async def make(request: Request, body: NewThing, thing: str) -> HTTPResponse:
            '''Make a thing.'''
            return reply(await service.make(thing, body.name), 201)

        return api

Problems are raised (`bot.http.problem`); `Invalid`, `TooLarge`, `CrossSite` and `Unavailable` are documented on
their own. `request.ctx.client_address` and `request.ctx.request_id` are there for every handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import Any

from pydantic import BaseModel
from sanic import HTTPResponse, Request, Sanic

from bot.http.bodies import read_json, read_query
from bot.http.problem import Problem, Unavailable

ANSWER_WITHIN = 9.0  # seconds; whatever is away, nobody waits longer for an answer
RETRY_SECONDS = 5  # what a caller is told to wait when a part of ours is away


class Auth(StrEnum):
    """What an operation wants to see; topics check it. Bot and Twilio are no browsers: no cross-site rule."""

    NONE = "none"
    CHAT = "chat"
    PRE_AUTH = "pre_auth"
    SESSION = "session"
    BOT = "bot"
    TWILIO = "twilio"
    METRICS = "metrics"

    @property
    def from_browsers(self) -> bool:
        """True when a browser could be made to send it, so that the cross-site rule holds."""
        return self not in (Auth.BOT, Auth.TWILIO)


Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: Sanic hashes what routes carry
class Operation:
    """One method of one address."""

    method: str
    path: str
    handler: Handler
    auth: Auth
    body: type[BaseModel] | None
    body_optional: bool
    query: type[BaseModel] | None
    replies: Mapping[int, type[BaseModel] | None]
    problems: Sequence[type[Problem]]
    headers: Mapping[str, str]
    page: bool
    name: str
    summary: str


Guard = Callable[[Request], None]
"""Raises a problem for who may not ask at all."""


class Api:
    """The operations of one topic.

    Args:
        title: the heading in the documentation.
        guard: asked before a body is read, so that who may not come in learns nothing of what is wanted there.
    """

    def __init__(self, title: str, *, guard: Guard | None = None) -> None:
        self.title = title
        self._guard = guard
        self.operations: list[Operation] = []

    def operation(
        self,
        method: str,
        path: str,
        *,
        auth: Auth = Auth.NONE,
        body: type[BaseModel] | None = None,
        body_optional: bool = False,
        query: type[BaseModel] | None = None,
        replies: Mapping[int, type[BaseModel] | None],
        problems: Sequence[type[Problem]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a JSON operation.

        Args:
            path: Sanic's form, such as `/v1/challenges/<challenge:str>/code`.
            body: read strictly and passed to the handler as `body`.
            body_optional: an absent body counts as `{}`.
            query: read and passed as `query`.
            replies: by status, the model of each good reply, None where it has no body.
            problems: what it can raise beside the usual ones.
            headers: request headers that it reads, with a description each (for the documentation).
        """

        def declare(handler: Handler) -> Handler:
            self._add(
                method, path, handler, auth=auth, body=body, body_optional=body_optional, query=query,
                replies=replies, problems=problems, headers=headers or {}, page=False,
            )
            return handler

        return declare

    def get(self, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """`operation` for GET."""
        return self.operation("GET", path, **declaration)

    def post(self, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """`operation` for POST."""
        return self.operation("POST", path, **declaration)

    def put(self, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """`operation` for PUT."""
        return self.operation("PUT", path, **declaration)

    def patch(self, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """`operation` for PATCH."""
        return self.operation("PATCH", path, **declaration)

    def delete(self, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
        """`operation` for DELETE."""
        return self.operation("DELETE", path, **declaration)

    def page(self, method: str, path: str, *, auth: Auth = Auth.NONE) -> Callable[[Handler], Handler]:
        """Declare a page for people, or the target of its form (`bot.http.bodies.read_form`); not in the OpenAPI."""

        def declare(handler: Handler) -> Handler:
            self._add(
                method, path, handler, auth=auth, body=None, body_optional=False, query=None, replies={},
                problems=(), headers={}, page=True,
            )
            return handler

        return declare

    def _add(self, method: str, path: str, handler: Handler, **rest: Any) -> None:
        summary = (handler.__doc__ or handler.__name__).strip().splitlines()[0]
        self.operations.append(
            Operation(method=method, path=path, handler=handler, name=handler.__name__, summary=summary, **rest)
        )

    def register(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to an application; may be done for any number of applications."""
        for number, operation in enumerate(self.operations):
            methods = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
            app.add_route(
                _route(operation, self._guard), operation.path, methods=methods,
                name=f"{'_'.join(self.title.lower().split())}_{operation.name}_{number}", ctx_operation=operation,
            )


def reply(model: BaseModel, status: int = 200) -> HTTPResponse:
    """A good reply with a JSON body."""
    return HTTPResponse(model.model_dump_json(by_alias=True), status=status, content_type="application/json")


def rfc3339(at: int) -> str:
    """Milliseconds since the epoch as every reply writes them: `2026-11-24T15:04:05.678Z`."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def no_content() -> HTTPResponse:
    """A good reply without a body."""
    return HTTPResponse(status=204)


def page(html: str, status: int = 200) -> HTTPResponse:
    """A page for people."""
    return HTTPResponse(html, status=status, content_type="text/html; charset=utf-8")


def see_other(path: str) -> HTTPResponse:
    """Lead a browser on after a form; only to an address of our own.

    Raises:
        ValueError: the path could lead elsewhere.
    """
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(c in path for c in "\r\n\\"):
        raise ValueError("only a path of our own")
    return HTTPResponse(status=303, headers={"Location": path})


def _route(operation: Operation, guard: Guard | None) -> Handler:
    @wraps(operation.handler)
    async def handle(request: Request, **path_parameters: Any) -> HTTPResponse:
        if guard is not None:
            guard(request)
        if operation.body is not None:
            path_parameters["body"] = read_json(request, operation.body, optional=operation.body_optional)
        if operation.query is not None:
            path_parameters["query"] = read_query(request, operation.query)
        return await _in_time(operation.handler(request, **path_parameters))

    return handle


async def _in_time(work: Coroutine[Any, Any, HTTPResponse]) -> HTTPResponse:
    # Not asyncio.timeout: that would wait for what is cancelled, and a driver whose server is frozen takes long to end.
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=ANSWER_WITHIN)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.add_done_callback(_forget)
        task.cancel()
        raise Unavailable(retry_after=RETRY_SECONDS)
    return task.result()


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # it was answered already
