"""The chat's HTTP contract, through real HTTP on both databases."""

from __future__ import annotations

import asyncio
import re
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from bot.channels.service import ChatService
from bot.channels.store import ConversationStore
from bot.db import system_clock
from bot.engine.model import Reply
from bot.events import ConversationEnded, FeedbackGiven, TurnAnswered, TurnFailed
from bot.privacy import Keys
from tests.channels.conftest import Chat, MakeChat
from tests.conftest import RedisServer

pytestmark = pytest.mark.asyncio

JSON = {"content-type": "application/json"}


def texts(answer: httpx.Response) -> list[str]:
    return [message["text"] for message in answer.json()["messages"]]


async def everything_stored(chat: Chat) -> str:
    rows: list[str] = []
    async with chat.database.read() as connection:
        for table in ("chat_conversations", "chat_messages", "chat_turns", "chat_feedback"):
            rows += [str(row) for row in await connection.execute(text(f"SELECT * FROM {table}"))]
    return "\n".join(rows)


async def test_session_begins_with_a_greeting(make_chat: MakeChat) -> None:
    """A new conversation answers 201 with the greeting, message number 1, and a cookie that scripts cannot read."""
    chat = await make_chat()
    answer = await chat.client.post("/chat/session", json={})
    assert answer.status_code == 201
    body = answer.json()
    assert body["language"] == "en"
    (greeting,) = body["messages"]
    assert set(greeting) == {"id", "seq", "from", "text", "kind", "buttons", "at"}
    assert (greeting["seq"], greeting["from"]) == (1, "bot")
    assert UUID(greeting["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", greeting["at"])
    assert set(greeting["buttons"][0]) == {"title", "payload"}
    assert "/report" not in answer.text
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("twostep_chat=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_live_session_is_continued(chat: Chat) -> None:
    """Beginning again with a live cookie gives 200 and the history, and no second greeting."""
    await chat.say("hello")
    again = await chat.client.post("/chat/session")
    assert again.status_code == 200
    assert [m["from"] for m in again.json()["messages"]] == ["bot", "patient", "bot"]
    assert [m["seq"] for m in again.json()["messages"]] == [1, 2, 3]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # refused before the database matters
@pytest.mark.parametrize("language", ["xx", "de-AT", "tlh", "", "日本"])
async def test_unknown_language_becomes_english(make_chat: MakeChat, language: str) -> None:
    """A language that the assistant does not speak becomes English."""
    chat = await make_chat()
    assert (await chat.client.post("/chat/session", json={"language": language})).json()["language"] == "en"


async def test_replies_are_the_bots_alone(chat: Chat) -> None:
    """Saying something gives the bot's replies only."""
    answer = await chat.say("hello")
    assert answer.status_code == 200
    assert texts(answer) == ["echo: hello"]
    assert answer.json()["messages"][0]["from"] == "bot"


async def test_history_after_a_number(chat: Chat) -> None:
    """`after` gives the messages of both sides that came later, and nothing when there are none."""
    await chat.say("one")
    await chat.say("two")
    later = await chat.client.get("/chat/session", params={"after": 3})
    assert texts(later) == ["two", "echo: two"]
    assert (await chat.client.get("/chat/session", params={"after": 5})).json() == {"messages": []}
    assert len((await chat.client.get("/chat/session")).json()["messages"]) == 5


async def test_same_id_again_is_answered_once(chat: Chat) -> None:
    """The same message again gets the same bytes, and the engine saw it once."""
    first, second = str(uuid4()), None
    one = await chat.say("hello", first)
    second = await chat.say("hello", first)
    assert one.content == second.content
    assert len(chat.engine.answered) == 1


async def test_other_content_under_the_same_id(chat: Chat) -> None:
    """Another text under a used id is a conflict, and the first answer stands."""
    message = str(uuid4())
    await chat.say("hello", message)
    other = await chat.say("goodbye", message)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert texts(await chat.say("hello", message)) == ["echo: hello"]


async def test_same_id_in_progress_waits(chat: Chat) -> None:
    """While a message is being answered, its repetition waits for the same answer."""
    message = str(uuid4())
    first = asyncio.create_task(chat.say("slow", message))
    await chat.engine.started.wait()
    second = asyncio.create_task(chat.say("slow", message))
    third = await chat.client.get("/chat/session")
    assert texts(third)[-1] == "slow"
    chat.engine.release.set()
    one, two = await asyncio.gather(first, second)
    assert one.content == two.content
    assert len(chat.engine.answered) == 1


async def test_answer_survives_a_dropped_connection(chat: Chat) -> None:
    """When the browser goes away in the middle of a turn, the turn finishes and is in the history."""
    first = asyncio.create_task(chat.say("slow", str(uuid4())))
    await chat.engine.started.wait()
    first.cancel()
    await asyncio.wait([first])
    chat.engine.release.set()
    for _ in range(200):
        if texts(await chat.client.get("/chat/session"))[-1] == "echo: slow":
            return
    pytest.fail("the turn did not finish")


async def test_same_answer_after_a_restart(chat: Chat, make_chat: MakeChat) -> None:
    """Another process over the same database gives the same answer to the same message, without doing it again."""
    message = str(uuid4())
    first = await chat.say("hello", message)
    restarted = await make_chat()
    restarted.client.cookies.update(chat.client.cookies)
    assert (await restarted.say("hello", message)).content == first.content
    assert restarted.engine.answered == []


async def test_message_whose_process_died_is_answered(chat: Chat, make_chat: MakeChat) -> None:
    """A message that a dead process left unanswered is answered when it comes again, and recorded once."""
    message = str(uuid4())
    task = asyncio.create_task(chat.say("slow", message))
    await chat.engine.started.wait()
    now = system_clock() + 60_000  # the lease of the other process has run out, retention is far away
    restarted = await make_chat(parts={"clock": lambda: now})
    restarted.client.cookies.update(chat.client.cookies)
    restarted.engine.release.set()
    answer = await restarted.say("slow", message)
    assert texts(answer) == ["echo: slow"]
    chat.engine.release.set()
    assert (await task).json()["messages"][0]["id"] == answer.json()["messages"][0]["id"]
    assert texts(await chat.client.get("/chat/session")).count("echo: slow") == 1


async def test_button(chat: Chat) -> None:
    """A button's payload is mapped to the engine's command by the server, and the history shows its title."""
    (prompt,) = (await chat.say("choose")).json()["messages"]
    assert prompt["kind"] == "prompt"
    pressed = await chat.press(prompt["buttons"][0]["payload"])
    assert texts(pressed) == ["button /affirm"]
    history = (await chat.client.get("/chat/session")).json()["messages"]
    assert history[3]["text"] == "Yes, send it"
    assert history[2]["buttons"] == prompt["buttons"]


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


@pytest.mark.parametrize("typed", ["my code is 123456", "1 2 3 4 5 6", "１２３４５６", "one two three four five six"])
async def test_code_is_masked_and_reported(chat: Chat, typed: str) -> None:
    """A typed code reaches neither engine nor database, and is reported once."""
    message = str(uuid4())
    answer = await chat.say(typed, message)
    await chat.say(typed, message)
    (_, seen, _, metadata) = chat.engine.answered[0]
    assert "[code]" in seen
    assert metadata["codes_seen"] == 1
    assert "code_may_live" not in metadata
    assert "[code]" in texts(answer)[0]
    assert [code for _, code in chat.exposed] == ["123456"]
    stored = await everything_stored(chat)
    assert "[code]" in stored
    assert typed not in stored
    assert "123456" not in stored


async def test_report_of_a_code_fails(make_chat: MakeChat) -> None:
    """A backend that cannot be told of a typed code does not break the turn."""

    async def exposed(conversation: str, code: str) -> None:
        raise ConnectionError

    chat = await make_chat(parts={"exposed": exposed})
    await chat.begin()
    assert texts(await chat.say("123456")) == ["echo: [code]"]
    assert chat.engine.answered[0][3]["code_may_live"] is True


async def test_contacts_are_masked(chat: Chat) -> None:
    """A typed number or address is masked before the engine and in the database."""
    await chat.say("call +1 845 555 0142 or alex@example.com")
    stored = await everything_stored(chat)
    for place in (stored, chat.engine.answered[0][1]):
        assert "•••-•••-0142" in place
        assert not re.search(r"845\D{0,3}555|555\D{0,3}0142", place)  # "555" alone may stand in a random id
        assert "alex@" not in place


async def test_intake_decides_what_the_engine_sees(make_chat: MakeChat) -> None:
    """The intake hook may let a number through to the engine; what is stored stays masked."""

    async def intake(conversation: str, text: str) -> str:
        return text

    chat = await make_chat(parts={"intake": intake})
    await chat.begin()
    await chat.say("call alex@example.com")
    assert chat.engine.answered[0][1] == "call alex@example.com"
    history = (await chat.client.get("/chat/session")).json()["messages"]
    assert history[1]["text"] == "call a•••@example.com"


@pytest.mark.parametrize("typed", ["fail", "silence"])
async def test_engine_that_breaks_its_promise(chat: Chat, typed: str) -> None:
    """An engine that raises or says nothing still ends in a reply with the contact route."""
    (reply,) = (await chat.say(typed)).json()["messages"]
    assert reply["kind"] == "error"
    assert "845-703-6999" in reply["text"]
    assert isinstance(chat.events[-1], TurnFailed)


async def test_ten_messages_at_once(chat: Chat) -> None:
    """Ten messages at once are all answered, each once, with numbers without gaps."""
    answers = await asyncio.gather(*(chat.say(f"message {n}") for n in range(10)))
    assert sorted(texts(answer)[0] for answer in answers) == sorted(f"echo: message {n}" for n in range(10))
    history = (await chat.client.get("/chat/session")).json()["messages"]
    assert [message["seq"] for message in history] == list(range(1, 22))


async def test_same_message_ten_times_at_once(chat: Chat) -> None:
    """Ten copies of one message at once are answered once."""
    message = str(uuid4())
    answers = await asyncio.gather(*(chat.say("hello", message) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(chat.engine.answered) == 1


async def test_feedback(chat: Chat) -> None:
    """A thumb on a message of the bot's is kept, the last one wins, and both are told."""
    (reply,) = (await chat.say("hello")).json()["messages"]
    for helpful in (False, True):
        answer = await chat.client.post("/chat/feedback", json={"message": reply["id"], "helpful": helpful})
        assert answer.status_code == 204
    given = [event for event in chat.events if isinstance(event, FeedbackGiven)]
    assert [(event.seq, event.helpful) for event in given] == [(3, False), (3, True)]
    async with chat.database.read() as connection:
        rows = (await connection.execute(text("SELECT helpful FROM chat_feedback"))).all()
    assert [bool(row.helpful) for row in rows] == [True]


async def test_feedback_on_nothing(chat: Chat) -> None:
    """A thumb on an unknown message, or on the patient's own, is 404."""
    mine = str(uuid4())
    await chat.say("hello", mine)
    for message in (mine, str(uuid4()), "no id at all"):
        answer = await chat.client.post("/chat/feedback", json={"message": message, "helpful": True})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_forgetting(chat: Chat) -> None:
    """Deleting forgets the conversation here and in the engine, and the cookie opens nothing any more."""
    await chat.say("hello")
    cookie = dict(chat.client.cookies)
    gone = await chat.client.delete("/chat/session")
    assert gone.status_code == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert await everything_stored(chat) == ""
    assert len(chat.engine.forgotten) == 1
    assert isinstance(chat.events[-1], ConversationEnded)
    chat.client.cookies.update(cookie)
    for method, path in (("GET", "/chat/session"), ("DELETE", "/chat/session")):
        assert (await chat.client.request(method, path)).status_code == 401
    assert (await chat.say("hello")).status_code == 401


async def test_forgetting_while_a_turn_runs(chat: Chat) -> None:
    """A conversation deleted in the middle of a turn stays deleted, in the engine too."""
    task = asyncio.create_task(chat.say("slow"))
    await chat.engine.started.wait()
    await chat.client.delete("/chat/session")
    chat.engine.release.set()
    assert (await task).status_code == 401
    assert await everything_stored(chat) == ""
    assert len(chat.engine.forgotten) == 2


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


async def test_handoff(chat: Chat) -> None:
    """A good token is bound to the server's conversation and kept nowhere; another one is 403."""
    assert (await chat.client.put("/chat/session/handoff", json={"handoff": "good"})).status_code == 204
    answer = await chat.client.put("/chat/session/handoff", json={"handoff": "used"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    await chat.say("hello")
    assert chat.bound[0][1] == chat.engine.answered[0][0]
    assert "good" not in await everything_stored(chat)


async def test_handoff_with_the_backend_away(make_chat: MakeChat) -> None:
    """A backend that cannot be reached is 503, not a refusal of the token."""

    async def bind(handoff: str, conversation: str) -> bool:
        raise ConnectionError

    chat = await make_chat(parts={"bind": bind})
    await chat.begin()
    answer = await chat.client.put("/chat/session/handoff", json={"handoff": "good"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


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


async def test_turn_is_told(chat: Chat) -> None:
    """An answered message is told with its topic, and without a word of the patient's."""
    await chat.say("my secret words")
    (event,) = [event for event in chat.events if isinstance(event, TurnAnswered)]
    assert (event.channel, event.seq, event.intent, event.decision, event.kind) == (
        "web", 2, "ask_what_is", "answer", "answer",
    )
    assert "secret" not in repr(event)


async def test_forgetting_idle_conversations(make_chat: MakeChat) -> None:
    """The retention job deletes what was idle before a time, and nothing later."""
    clock: dict[str, int] = {"now": 1_000}
    chat = await make_chat(parts={"clock": lambda: clock["now"]})
    await chat.begin()
    old = dict(chat.client.cookies)
    clock["now"] = 5_000
    chat.client.cookies.clear()
    await chat.begin()
    service = ChatService(ConversationStore(chat.database), chat.engine, Keys(b"x" * 32), Reply("sorry"))
    assert await service.forget_idle(3_000) == 1
    assert (await chat.client.get("/chat/session")).status_code == 200
    chat.client.cookies.clear()
    chat.client.cookies.update(old)
    assert (await chat.client.get("/chat/session")).status_code == 401

