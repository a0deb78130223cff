"""Two processes on one database answer a conversation's messages in the order of their numbers."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from bot.channels.service import ChatService
from bot.channels.store import ConversationStore
from bot.db import Database
from bot.engine.model import Reply
from bot.privacy import Keys
from tests.echo_engine import EchoEngine


@pytest.fixture
def processes(database: Database, keys: Keys) -> list[ChatService]:
    """Two chats with engines of their own, as two replicas have them."""
    return [ChatService(ConversationStore(database), EchoEngine(), keys, Reply("sorry")) for _ in range(2)]


async def test_the_second_message_waits_for_the_first(processes: list[ChatService]) -> None:
    """A message that another process is still answering comes first, though its answer takes long."""
    one, other = processes
    conversation, _, _ = await one.begin(None)
    slow = asyncio.create_task(one.say(conversation, str(uuid4()), "slow", None, request_id="r"))
    await one._engine.started.wait()
    quick = asyncio.create_task(other.say(conversation, str(uuid4()), "quick", None, request_id="r"))
    await asyncio.sleep(0.2)
    assert not quick.done() and not other._engine.answered
    one._engine.release.set()
    await asyncio.gather(slow, quick)
    said = [message.text for message in await one.history(conversation)]
    assert said[1:] == ["slow", "quick", "echo: slow", "echo: quick"]


async def test_a_dead_process_holds_nobody_up(processes: list[ChatService], database: Database) -> None:
    """A message whose process died is passed over after its lease, and answered when it is sent again."""
    one, other = processes
    conversation, _, _ = await one.begin(None)
    store, lost = ConversationStore(database), str(uuid4())
    # Claimed by a process that died: its lease ran out.
    await store.claim(conversation, lost, one._hash("first", None), "first", one._clock() - 60_000)
    await other.say(conversation, str(uuid4()), "second", None, request_id="r")
    assert [m.text for m in await other.say(conversation, lost, "first", None, request_id="r")] == ["echo: first"]
    said = [message.text for message in await one.history(conversation)]
    assert said[1:] == ["first", "second", "echo: second", "echo: first"]
