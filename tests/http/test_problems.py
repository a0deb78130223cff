"""Bad requests of every kind end in a problem with a code, never in a 500, and never repeat what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import httpx
import pytest
import pytest_asyncio
from pydantic import Field, ValidationError
from sanic import HTTPResponse, Request
from sqlalchemy.exc import OperationalError

from bot.http.api import Api, Auth, page, reply
from bot.http.bodies import FORM_FIELDS, Body, Query, invalid_fields, read_form, validate_json, validate_values
from bot.http.problem import PROBLEMS, Conflict, Invalid, Problem, Wait, problem_response
from bot.http.server import as_problem, new_app
from bot.settings import Settings
from tests.conftest import Serve

pytestmark = pytest.mark.asyncio

SECRET = "482913"


class Thing(Body):
    """A thing."""

    name: Annotated[str, Field(min_length=1, max_length=10)]
    count: int = 0


class Filter(Query):
    """Which things."""

    after: Annotated[int, Field(ge=0)] = 0


def things() -> Api:
    api = Api("Things")

    @api.post("/v1/things", body=Thing, replies={201: Thing}, problems=(Conflict,))
    async def make(request: Request, body: Thing) -> HTTPResponse:
        """Make a thing."""
        if body.name == "used":
            raise Conflict
        return reply(body, 201)

    @api.get("/v1/things/<thing:str>", query=Filter, replies={200: Thing}, problems=(Wait,))
    async def read(request: Request, thing: str, query: Filter) -> HTTPResponse:
        """Read a thing."""
        if thing == "soon":
            raise Wait(retry_after=7)
        if thing == "broken":
            raise RuntimeError(SECRET)
        if thing == "database":
            raise OperationalError("SELECT", {}, Exception(SECRET))
        return reply(Thing(name=thing[:10], count=query.after))

    @api.post("/v1/bot/things", auth=Auth.BOT, body=Thing, replies={200: Thing})
    async def from_bot(request: Request, body: Thing) -> HTTPResponse:
        """Called by no browser."""
        return reply(body)

    @api.page("POST", "/form")
    async def form(request: Request) -> HTTPResponse:
        """A form's target."""
        return page(",".join(f"{name}={value}" for name, value in read_form(request).items()))

    return api


@pytest_asyncio.fixture
async def client(serve: Serve, settings_for: Callable[..., Settings]) -> httpx.AsyncClient:
    """A client of a served application with a few operations."""
    return await serve(new_app(settings_for(allowed_origins="https://a.example"), [things()]))


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text


async def test_routing(client: httpx.AsyncClient) -> None:
    """An unknown address is 404, a wrong method 405 with Allow."""
    assert_problem(await client.get("/nowhere"), 404, "not_found")
    assert_problem(await client.post("/nowhere", content=b"\xff"), 404, "not_found")
    wrong = await client.delete("/v1/things")
    assert_problem(wrong, 405, "invalid")
    assert wrong.headers["allow"] == "POST"


async def test_too_large(client: httpx.AsyncClient) -> None:
    """More than 16 KiB is 413, announced or in pieces; a very long address too."""
    json = {"content-type": "application/json"}
    assert_problem(await client.post("/v1/things", content=b"x" * 1_000_000, headers=json), 413, "too_large")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1024

    assert_problem(await client.post("/v1/things", content=pieces(), headers=json), 413, "too_large")


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\x00\xff\xfe\r\n\r\n",
        b"POST /v1/things HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
    ],
)
async def test_malformed(client: httpx.AsyncClient, raw: bytes) -> None:
    """What is no HTTP at all is a 400 or 404 problem and the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(raw)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.split(b" ")[1] in (b"400", b"404", b"413"), answer
    assert b"application/problem+json" in answer


async def test_retry_after(client: httpx.AsyncClient) -> None:
    """Where waiting helps the seconds stand in Retry-After and in the body."""
    answer = await client.get("/v1/things/soon")
    assert_problem(answer, 429, "wait")
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["retry_after"] == 7


async def test_fault_of_ours(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error is 503 without details; neither reply nor log holds its text. A lost database is 503."""
    assert_problem(await client.get("/v1/things/broken"), 503, "unavailable")
    assert_problem(await client.get("/v1/things/database"), 503, "unavailable")
    assert SECRET not in caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b'"x"', b"null", b'{"name": 5}', b'{"name": null}', b'{"name": "x", "count": "1"}',
        b'{"name": "x", "count": 1.5}', b'{"name": "x", "count": true}', b'{"name": "x", "name": "y"}',
        b'{"name": "x", "count": NaN}', b'{"name": "x", "count": Infinity}', b'{"name": "x", "482913": 1}',
        b'{"name": "482913482913"}', b'{"name": "a\\u0000"}', b'{"name": "\\udc00"}', b'{"name": "\xff"}',
        b'{"name": "x", "more": {"a": {"a": 1, "a": 2}}}', b"[" * 10_000,
        b'{"name": "x", "count": ' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"name": "x"}', b'{"name": "x"} {}',
    ],
)
async def test_strict_json(client: httpx.AsyncClient, raw: bytes) -> None:
    """A body with more than one meaning, or with none, is 400; its values and unknown names are not repeated."""
    answer = await client.post("/v1/things", content=raw, headers={"content-type": "application/json"})
    assert_problem(answer, 400, "invalid")


async def test_good_json(client: httpx.AsyncClient) -> None:
    """A body as documented is taken, with or without a charset."""
    for media_type in ("application/json", "Application/JSON; charset=UTF-8"):
        answer = await client.post("/v1/things", content='{"name": "ä"}', headers={"content-type": media_type})
        assert answer.status_code == 201
        assert answer.json() == {"name": "ä", "count": 0}


async def test_compressed_json(client: httpx.AsyncClient) -> None:
    """A body that says it is compressed is refused, whatever it is; one that says it is not is taken."""

    async def post(encoding: str) -> httpx.Response:
        headers = {"content-type": "application/json", "content-encoding": encoding}
        return await client.post("/v1/things", content='{"name": "x"}', headers=headers)

    for encoding in ("gzip", "br", "identity, gzip", "x"):
        assert_problem(await post(encoding), 400, "invalid")
    assert (await post("identity")).status_code == 201


async def test_fields_are_named(client: httpx.AsyncClient) -> None:
    """The problem names the documented fields at fault and what they must be."""
    answer = await client.post("/v1/things", json={"name": "", "count": "x"})
    assert answer.json()["errors"] == [
        {"field": "name", "message": "needs at least 1 character(s)"},
        {"field": "count", "message": "must be a whole number"},
    ]


async def test_forms(client: httpx.AsyncClient) -> None:
    """A page's form is read as text; a repeated field, another type or broken text is 400."""
    assert (await client.post("/form", data={"name": "Ä & B", "empty": ""})).text == "name=Ä & B,empty="
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for raw in (b"a=1&a=2", b"a=%ff", b"a=%00", b"\xff", b"a", b"&".join(b"f%d=" % n for n in range(FORM_FIELDS + 1))):
        assert_problem(await client.post("/form", content=raw, headers=kind), 400, "invalid")
    assert_problem(await client.post("/form", files={"a": b"x"}), 400, "invalid")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"sec-fetch-site": "none"}, 201),
        ({"origin": "OWN"}, 201),
        ({"origin": "OWN", "sec-fetch-site": "cross-site"}, 201),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://a.example", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "OWN.evil.example"}, 403),
        ({"sec-fetch-site": "nonsense"}, 403),
    ],
)
async def test_cross_site(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    """Only our own pages, and what is no browser, may do unsafe things (the allow-list is for the chat alone)."""
    headers = {name: value.replace("OWN", "http://127.0.0.1:8000") for name, value in headers.items()}
    answer = await client.post("/v1/things", json={"name": "x"}, headers=headers)
    if status == 403:
        assert_problem(answer, 403, "cross_site")
    assert answer.status_code == status
    assert (await client.get("/v1/things/x", headers=headers)).status_code == 200
    assert (await client.post("/v1/bot/things", json={"name": "x"}, headers=headers)).status_code == 200


async def test_every_problem_is_as_documented() -> None:
    """Codes and statuses are the contract's."""
    assert {(problem.code, problem.status) for problem in PROBLEMS} == {
        ("invalid", 400), ("invalid", 405), ("too_large", 413), ("unauthenticated", 401), ("forbidden", 403),
        ("cross_site", 403), ("not_found", 404), ("conflict", 409), ("wrong_code", 400), ("wait", 429),
        ("limit", 429), ("unavailable", 503),
    }
    for problem in PROBLEMS:
        assert problem_response(problem()).status == problem.status
        assert as_problem(problem()).status == problem.status


async def test_all_problems_are_listed() -> None:
    """No problem is left out of the list that the documentation is made from."""

    def below(kind: type[Problem]) -> set[type[Problem]]:
        return {kind, *(found for sub in kind.__subclasses__() for found in below(sub))}

    assert {kind for kind in below(Problem) if "code" in vars(kind) or "status" in vars(kind)} - {Problem} <= {
        *PROBLEMS, *(kind for kind in below(Problem) if kind.__name__ == "Refused")
    }


async def test_messages_hold_no_value() -> None:
    """Whatever pydantic says of a value, our message does not hold it."""
    for raw in (b'{"name": "482913482913"}', b'{"name": "x", "count": "482913"}', b'{"482913": "x"}'):
        with pytest.raises(Invalid) as caught:
            validate_json(raw, Thing)
        assert SECRET not in repr(caught.value.errors)
    with pytest.raises(Invalid) as caught:
        validate_values({"after": SECRET + "x"}, Filter)
    assert SECRET not in repr(caught.value.errors)
    with pytest.raises(ValidationError) as raised:
        Thing.model_validate({"name": SECRET * 3})
    assert SECRET not in repr(invalid_fields(raised.value).errors)
