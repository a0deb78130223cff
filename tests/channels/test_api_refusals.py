"""What the chat's HTTP contract refuses, through real HTTP on both databases: bad input, strangers, too much."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.channels.conftest import Chat, MakeChat, texts
from tests.conftest import RedisServer

pytestmark = pytest.mark.asyncio

JSON = {"content-type": "application/json"}

BAD_BODIES: list[tuple[bytes, dict[str, str], int]] = [
    (b"", JSON, 400),
    (b"{", JSON, 400),
    (b"[]", JSON, 400),
    (b"null", JSON, 400),
    (b'{"id": "x", "text": "hi"}', JSON, 400),
    (b'{"text": "hi"}', JSON, 400),
    (b'{"id": "ID", "text": ""}', JSON, 400),
    (b'{"id": "ID", "text": "   \\n "}', JSON, 400),
    (b'{"id": "ID", "text": "\\u0007\\u001b"}', JSON, 400),
    (b'{"id": "ID", "text": "a\\u0000b"}', JSON, 400),
    (b'{"id": "ID", "text": "\\ud83d"}', JSON, 400),
    (b'{"id": "ID", "text": 5}', JSON, 400),
    (b'{"id": "ID", "text": null}', JSON, 400),
    (b'{"id": "ID", "text": ["hi"]}', JSON, 400),
    (b'{"id": "ID", "text": "hi", "payload": "x"}', JSON, 400),
    (b'{"id": "ID"}', JSON, 400),
    (b'{"id": "ID", "text": "one", "text": "two"}', JSON, 400),
    (b'{"id": "ID", "text": NaN}', JSON, 400),
    (b'{"id": "ID", "text": "' + b"x" * 1001 + b'"}', JSON, 400),
    (b'{"id": "ID", "text": "' + b"x" * 10_000 + b'"}', JSON, 400),
    (b'{"id": "ID", "text": "' + b"x" * 20_000 + b'"}', JSON, 413),
    (bytes(range(256)), JSON, 400),
    (b'{"id": "ID", "text": "hi"}', {"content-type": "text/plain"}, 400),
    (b'{"id": "ID", "text": "hi"}', {}, 400),
    (b'{"id": "ID", "text": "hi"}', {"content-type": "application/json; charset=latin-1"}, 400),
    (b"id=ID&text=hi", {"content-type": "application/x-www-form-urlencoded"}, 400),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # refused before the database matters
@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("/affirm", "invalid"), ("99999999999-x", "invalid"), ("-", "invalid"), ("²-aaaaaaaaaaaaaaaa", "invalid"),
        ("1-aaaaaaaaaaaaaaaa", "not_found"), ("99999999-aaaaaaaaaaaaaaaa", "not_found"),
    ],
)
async def test_made_up_payload(chat: Chat, payload: str, code: str) -> None:
    """A payload that was not offered in this conversation is refused and does not reach the engine."""
    answer = await chat.press(payload)
    assert (answer.status_code, answer.json()["code"]) == (400 if code == "invalid" else 404, code)
    assert len(payload) == 1 or payload not in answer.text
    assert chat.engine.answered == []


async def test_payload_of_another_conversation(chat: Chat, make_chat: MakeChat) -> None:
    """One patient's button does nothing in another's conversation."""
    (prompt,) = (await chat.say("choose")).json()["messages"]
    other = await make_chat()
    await other.begin()
    await other.say("choose")
    assert (await other.press(prompt["buttons"][0]["payload"])).status_code == 404


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # refused before the database matters
@pytest.mark.parametrize("cookie", [None, "", "forged", "0" * 32 + "." + "0" * 64, "é", "a" * 5000])
async def test_no_or_forged_cookie(chat: Chat, cookie: str | None) -> None:
    """Without a cookie of ours every operation of a conversation is 401."""
    chat.client.cookies.clear()
    headers = {} if cookie is None else {"cookie": f"twostep_chat={cookie}".encode()}
    for method, path, body in (
        ("GET", "/chat/session", None),
        ("DELETE", "/chat/session", None),
        ("POST", "/chat/messages", {"id": str(uuid4()), "text": "x"}),
        ("POST", "/chat/feedback", {"message": str(uuid4()), "helpful": True}),
        ("PUT", "/chat/session/handoff", {"handoff": "good"}),
    ):
        answer = await chat.client.request(method, path, json=body, headers=headers)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path


async def test_client_does_not_choose_the_conversation(chat: Chat) -> None:
    """A sender, conversation or metadata in the body is refused."""
    for extra in ("sender", "sender_id", "conversation", "metadata", "session"):
        answer = await chat.client.post("/chat/messages", json={"id": str(uuid4()), "text": "x", extra: "y"})
        assert answer.status_code == 400


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # refused before the database matters
@pytest.mark.parametrize(("body", "headers", "status"), BAD_BODIES)
async def test_bad_body(chat: Chat, body: bytes, headers: dict[str, str], status: int) -> None:
    """A body that is not exactly as documented is refused with a code, and nothing happens."""
    body = body.replace(b"ID", str(uuid4()).encode())
    answer = await chat.client.post("/chat/messages", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == ("too_large" if status == 413 else "invalid")
    assert chat.engine.answered == []
    assert len((await chat.client.get("/chat/session")).json()["messages"]) == 1


@pytest.mark.parametrize(
    "typed", ["🔑🤷‍♀️", "мой код не пришёл", "لم يصل الرمز", "我没有收到验证码", "é" * 1000, "/restart", "a\tb\nc"]
)
async def test_any_text_is_welcome(chat: Chat, typed: str) -> None:
    """Emoji, any script, the full length and a leading slash are only text."""
    answer = await chat.say(typed)
    assert answer.status_code == 200
    assert texts(answer) == [f"echo: {typed}"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # refused before the database matters
@pytest.mark.parametrize("after", ["-1", "x", "1.5", "99999999999", "", "1&after=2", "1&more=2"])
async def test_bad_after(chat: Chat, after: str) -> None:
    """A number that is none, or given twice, is 400."""
    assert (await chat.client.get(f"/chat/session?after={after}")).status_code == 400


async def test_limit_per_session(make_chat: MakeChat) -> None:
    """Too many messages of a conversation are 429 with a wait; repeating an answered one is free."""
    chat = await make_chat(chat_per_session="3/60")
    await chat.begin()
    ids = [str(uuid4()) for _ in range(4)]
    assert [(await chat.say("x", message)).status_code for message in ids] == [200, 200, 200, 429]
    refused = await chat.say("x", ids[3])
    assert refused.json()["code"] == "limit"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (await chat.say("x", ids[0])).status_code == 200


async def test_limit_per_address_ignores_made_up_forwarding(make_chat: MakeChat) -> None:
    """New conversations count for the address; a made-up X-Forwarded-For changes nothing."""
    chat = await make_chat(chat_per_address="3/60")
    codes = []
    for n in range(4):
        chat.client.cookies.clear()
        answer = await chat.client.post("/chat/session", headers={"x-forwarded-for": f"203.0.113.{n}"})
        codes.append(answer.status_code)
    assert codes == [201, 201, 201, 429]


async def test_limit_per_address_behind_a_proxy(make_chat: MakeChat) -> None:
    """Behind a trusted proxy each client has its own count."""
    chat = await make_chat(chat_per_address="1/60", trusted_proxies="127.0.0.0/8")
    codes = []
    for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1", "2001:db8::1", "2001:db8::2"):
        chat.client.cookies.clear()
        codes.append((await chat.client.post("/chat/session", headers={"x-forwarded-for": address})).status_code)
    assert codes == [201, 201, 429, 201, 429]


async def test_limiter_away(make_chat: MakeChat, redis_server: RedisServer) -> None:
    """Without the shared store the chat goes on, counting in memory."""
    chat = await make_chat(redis_url=redis_server.url, chat_per_session="2/60")
    await chat.begin()
    assert (await chat.say("x")).status_code == 200
    redis_server.stop()
    assert [(await chat.say("x")).status_code for _ in range(3)] == [200, 200, 429]
