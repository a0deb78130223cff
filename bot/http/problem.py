"""Errors as the caller sees them: RFC 9457 problem details with a `code`.

    Problem                      a request that is not done
    ├── Invalid           400    body, parameter or header is not as documented
    │   └── MethodNotAllowed 405
    ├── WrongCode         400    wrong, expired, used, superseded: all alike
    ├── Unauthenticated   401
    ├── Forbidden         403
    │   └── CrossSite     403
    ├── NotFound          404
    ├── Conflict          409
    ├── TooLarge          413
    ├── Refused           429    not now: says when, where waiting helps
    │   ├── Wait
    │   └── Limit
    └── Unavailable       503    a part of ours is away, or failed in a way that was not foreseen

The rejected value is never part of a problem.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sanic.response import HTTPResponse

MEDIA_TYPE = "application/problem+json"


class FieldError(NamedTuple):
    """What is wrong with one field; `field` is a documented name (dots between levels), empty for the whole body."""

    field: str
    message: str


class Problem(Exception):
    """A request that is not done.

    Args:
        detail: one sentence for a person, without anything that the caller sent.
        retry_after: whole seconds after which trying again helps, where it does.
        errors: the fields at fault.
    """

    status: int
    code: str
    title: str

    def __init__(
        self, detail: str = "", *, retry_after: int | None = None, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.retry_after = retry_after
        self.errors = tuple(errors)


class Invalid(Problem):
    """The request is not as documented."""

    status, code, title = 400, "invalid", "The request is not valid"


class MethodNotAllowed(Invalid):
    """The address exists, but not with this method; `allowed` are those that it has."""

    status, title = 405, "This method is not available here"

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        super().__init__()
        self.allowed = tuple(sorted(allowed))


class WrongCode(Problem):
    """One answer for every code that does not open the door."""

    status, code, title = 400, "wrong_code", "That code did not work"


class Unauthenticated(Problem):
    """Nobody is signed in, or no conversation is open."""

    status, code, title = 401, "unauthenticated", "Please sign in or start again"


class Forbidden(Problem):
    """Known, but not allowed."""

    status, code, title = 403, "forbidden", "This is not allowed"


class CrossSite(Forbidden):
    """The request comes from another web site."""

    code, title = "cross_site", "This request comes from another web site"


class NotFound(Problem):
    """There is nothing here, or nothing that the caller may see."""

    status, code, title = 404, "not_found", "There is nothing here"


class Conflict(Problem):
    """The same id was used for something else."""

    status, code, title = 409, "conflict", "This was already used for something else"


class TooLarge(Problem):
    """More than the server reads."""

    status, code, title = 413, "too_large", "The request is too large"


class Refused(Problem):
    """Not now."""

    status = 429


class Wait(Refused):
    """Too soon: waiting `retry_after` seconds helps."""

    code, title = "wait", "Please wait a moment"


class Limit(Refused):
    """Too many."""

    code, title = "limit", "Too many requests"


class Unavailable(Problem):
    """A part of the service cannot be reached just now, or failed."""

    status, code, title = 503, "unavailable", "The service is not available just now"


PROBLEMS: tuple[type[Problem], ...] = (
    Invalid, MethodNotAllowed, WrongCode, Unauthenticated, Forbidden, CrossSite, NotFound, Conflict, TooLarge, Wait,
    Limit, Unavailable,
)


def problem_response(problem: Problem, request_id: str = "") -> HTTPResponse:
    """The problem as `application/problem+json`; `request_id` lets staff find the log line."""
    body: dict[str, object] = {
        "type": "about:blank", "title": problem.title, "status": problem.status, "code": problem.code,
    }
    if problem.detail:
        body["detail"] = problem.detail
    if problem.errors:
        body["errors"] = [error._asdict() for error in problem.errors]
    headers = {}
    if problem.retry_after is not None:
        body["retry_after"] = problem.retry_after
        headers["Retry-After"] = str(problem.retry_after)
    if request_id:
        body["request_id"] = request_id
    if isinstance(problem, MethodNotAllowed) and problem.allowed:
        headers["Allow"] = ", ".join(problem.allowed)
    return HTTPResponse(
        json.dumps(body, ensure_ascii=False), status=problem.status, headers=headers, content_type=MEDIA_TYPE
    )
