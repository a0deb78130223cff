"""The chat's HTTP contract, through real HTTP on both databases."""

from __future__ import annotations

import asyncio
import re
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from bot.channels.service import ChatService
from bot.channels.store import ConversationStore
from bot.db import system_clock
from bot.engine.model import Reply
from bot.events import ConversationEnded, FeedbackGiven, TurnAnswered, TurnFailed
from bot.privacy import Keys
from tests.channels.conftest import Chat, MakeChat, texts

pytestmark = pytest.mark.asyncio


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
