"""Web conversations in the database: both sides' messages, and which of the patient's are answered."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.channels.model import CHOICE_PATTERN, Choice, Claim, Draft, Message, Sender, Turn
from bot.db import Database, metadata, prepared

LEASE = 3000  # milliseconds after which an unanswered turn's process counts as dead; renewed while it runs


def _conversation() -> Column[str]:
    return Column(
        "conversation", String(64), ForeignKey("chat_conversations.id", ondelete="CASCADE"), primary_key=True
    )


conversations = Table(
    "chat_conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("language", String(8), nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("active_at", BigInteger, nullable=False),
    Index(None, "active_at"),
)
messages = Table(
    "chat_messages",
    metadata,
    _conversation(),
    Column("seq", Integer, primary_key=True),
    Column("id", String(36), nullable=False),
    Column("turn", String(36)),
    Column("sender", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("topic", String(64)),
    Column("choices", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "conversation", "id", unique=True),
)
turns = Table(
    "chat_turns",
    metadata,
    _conversation(),
    Column("id", String(36), primary_key=True),
    Column("content", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("lease", BigInteger, nullable=False),
)
feedback = Table(
    "chat_feedback",
    metadata,
    _conversation(),
    Column("seq", Integer, primary_key=True),
    Column("helpful", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
)


# Statements of every turn.
_WANTED: BindParameter[str] = bindparam("wanted")
_LANGUAGE = prepared(select(conversations.c.language).where(conversations.c.id == _WANTED))
_LOCK = prepared(select(conversations.c.id).where(conversations.c.id == _WANTED).with_for_update())
_OF_TURN = turns.c.conversation == _WANTED, turns.c.id == bindparam("turn")
_TURN = prepared(select(turns).where(*_OF_TURN))
_STANDING = prepared(
    select(turns.c.content, turns.c.seq, turns.c.done, turns.c.lease)
    .select_from(conversations.outerjoin(turns, (turns.c.conversation == conversations.c.id) & _OF_TURN[1]))
    .where(conversations.c.id == _WANTED)
)
_TAKEN = prepared(
    select(messages.c.seq).where(messages.c.conversation == _WANTED, messages.c.id == bindparam("turn"))
)
_NUMBER = prepared(
    update(conversations).where(conversations.c.id == _WANTED)
    .values(last_seq=conversations.c.last_seq + bindparam("count"), active_at=bindparam("now"))
    .returning(conversations.c.last_seq)
)
_BEFORE = prepared(
    select(turns.c.id)
    .where(
        turns.c.conversation == _WANTED, turns.c.seq < bindparam("number"), turns.c.done.is_(False),
        turns.c.lease >= bindparam("now"),
    )
    .order_by(turns.c.seq.desc()).limit(1)
)
_DONE = prepared(update(turns).where(*_OF_TURN, turns.c.done.is_(False)).values(done=True))
_RENEW = prepared(update(turns).where(*_OF_TURN).values(lease=bindparam("until")))
_CHOICES = prepared(
    select(messages.c.choices).where(messages.c.conversation == _WANTED, messages.c.seq == bindparam("number"))
)
_BEGIN = prepared(conversations.insert())
_ADD_TURN = prepared(turns.insert())
_ADD_MESSAGES = prepared(messages.insert())


class ConversationStore:
    """Every method is one transaction; times are milliseconds UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, conversation: str, language: str, greeting: Sequence[Draft], now: int) -> list[Message]:
        """Begin a conversation with the bot's first words."""
        async with self._database.write() as connection:
            await connection.execute(
                _BEGIN, {"id": conversation, "language": language, "last_seq": 0, "at": now, "active_at": now}
            )
            return await _append(connection, conversation, None, Sender.BOT, greeting, now)

    async def ensure(self, conversation: str, language: str, now: int) -> None:
        """Begin a conversation whose id follows from its sender, without words; nothing where there is one."""
        async with self._database.write() as connection:
            await connection.execute(
                self._database.insert(conversations)
                .values(id=conversation, language=language, last_seq=0, at=now, active_at=now)
                .on_conflict_do_nothing()
            )

    async def language(self, conversation: str) -> str | None:
        """The conversation's language, None when there is no such conversation."""
        async with self._database.read() as connection:
            found = await connection.scalar(_LANGUAGE, {"wanted": conversation})
            return str(found) if found is not None else None

    async def history(self, conversation: str, after: int = 0) -> list[Message]:
        """Both sides' messages with a greater number than `after`, in order."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(messages)
                .where(messages.c.conversation == conversation, messages.c.seq > after)
                .order_by(messages.c.seq)
            )
            return [_message(row) for row in rows]

    async def replies(self, conversation: str, turn: str) -> list[Message]:
        """The bot's answers to the patient's message with this id."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(messages)
                .where(
                    messages.c.conversation == conversation, messages.c.turn == turn,
                    messages.c.sender == Sender.BOT.value,
                )
                .order_by(messages.c.seq)
            )
            return [_message(row) for row in rows]

    async def choice(self, conversation: str, payload: str) -> Choice | None:
        """The button that was offered in this conversation under this payload."""
        if not re.match(CHOICE_PATTERN, payload):
            return None
        number = payload.partition("-")[0]
        async with self._database.read() as connection:
            found = await connection.scalar(_CHOICES, {"wanted": conversation, "number": int(number)})
        return next((choice for choice in _choices(found or "[]") if choice.payload == payload), None)

    async def turn(self, conversation: str, turn: str, content: str, now: int) -> Claim | None:
        """Where a turn stands, without claiming it; None when its id is new in a conversation that there is."""
        async with self._database.read() as connection:
            found = (await connection.execute(_STANDING, {"wanted": conversation, "turn": turn})).one_or_none()
        if found is None:
            return Claim(Turn.GONE)
        return None if found.content is None else _claim(found, content, now)

    async def claim(self, conversation: str, turn: str, content: str, text: str, now: int) -> Claim:
        """Take a patient's message for answering: it is recorded once, however often it arrives.

        Args:
            turn: the client's id of the message.
            content: a keyed hash of what the client sent.
            text: what may be kept of it.
        """
        async with self._database.write() as connection:
            exists = await connection.scalar(_LOCK, {"wanted": conversation})
            if exists is None:
                return Claim(Turn.GONE)
            known = await _look(connection, conversation, turn, content, now)
            if known is None:
                draft = Draft(turn, text, "message")
                taken = await connection.scalar(_TAKEN, {"wanted": conversation, "turn": turn})
                if taken is not None:
                    return Claim(Turn.CONFLICT)  # the id of a message of the bot's
                (message,) = await _append(connection, conversation, turn, Sender.PATIENT, [draft], now)
                await connection.execute(_ADD_TURN, {
                    "conversation": conversation, "id": turn, "content": content, "seq": message.seq, "done": False,
                    "lease": now + LEASE,
                })
                return Claim(Turn.CLAIMED, message.seq, await _before(connection, conversation, message.seq, now))
            if known.turn is Turn.CLAIMED:
                await connection.execute(_RENEW, {"wanted": conversation, "turn": turn, "until": now + LEASE})
                return Claim(known.turn, known.seq, await _before(connection, conversation, known.seq, now))
            return known

    async def before(self, conversation: str, seq: int, now: int) -> str | None:
        """The id of the nearest earlier message that is still being answered by a process that lives."""
        async with self._database.read() as connection:
            return await _before(connection, conversation, seq, now)

    async def renew(self, conversation: str, turn: str, now: int) -> None:
        """Say that the turn is still being answered."""
        async with self._database.write() as connection:
            await connection.execute(_RENEW, {"wanted": conversation, "turn": turn, "until": now + LEASE})

    async def finish(self, conversation: str, turn: str, drafts: Sequence[Draft], now: int) -> list[Message] | None:
        """Record the answer to a turn; None when the conversation was deleted meanwhile."""
        async with self._database.write() as connection:
            exists = await connection.scalar(_LOCK, {"wanted": conversation})
            if exists is None:
                return None
            done = await connection.execute(_DONE, {"wanted": conversation, "turn": turn})
            if done.rowcount:
                return await _append(connection, conversation, turn, Sender.BOT, drafts, now)
        return await self.replies(conversation, turn)  # another process was faster: its answer counts

    async def judge(self, conversation: str, message: str, helpful: bool, now: int) -> int | None:
        """Keep the patient's thumb on a message of the bot's, the last one; its number, None when there is none."""
        async with self._database.write() as connection:
            seq = await connection.scalar(
                select(messages.c.seq).where(
                    messages.c.conversation == conversation, messages.c.id == message,
                    messages.c.sender == Sender.BOT.value,
                )
            )
            if seq is None:
                return None
            row = {"conversation": conversation, "seq": seq, "helpful": helpful, "at": now}
            await connection.execute(
                self._database.insert(feedback)
                .values(row)
                .on_conflict_do_update(index_elements=["conversation", "seq"], set_={"helpful": helpful, "at": now})
            )
            return int(seq)

    async def delete(self, conversation: str) -> bool:
        """Forget a conversation with all that belongs to it; False when there was none."""
        async with self._database.write() as connection:
            gone = await connection.execute(delete(conversations).where(conversations.c.id == conversation))
            return gone.rowcount > 0

    async def delete_before(self, before: int) -> None:
        """Delete what was said before this time in conversations that go on (a number's, for years)."""
        async with self._database.write() as connection:
            for table, at in ((feedback, feedback.c.at), (turns, turns.c.lease), (messages, messages.c.at)):
                await connection.execute(delete(table).where(at < before))

    async def idle_since(self, before: int, limit: int = 500) -> list[str]:
        """Conversations without a message since then, for the retention job."""
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(conversations.c.id).where(conversations.c.active_at < before).limit(limit)
            )
            return [str(row) for row in rows]


async def _look(connection: AsyncConnection, conversation: str, turn: str, content: str, now: int) -> Claim | None:
    row = (await connection.execute(_TURN, {"wanted": conversation, "turn": turn})).one_or_none()
    return None if row is None else _claim(row, content, now)


def _claim(row: Any, content: str, now: int) -> Claim:
    if row.content != content:
        return Claim(Turn.CONFLICT, row.seq)
    if row.done:
        return Claim(Turn.DONE, row.seq)
    return Claim(Turn.CLAIMED if row.lease < now else Turn.RUNNING, row.seq)


async def _before(connection: AsyncConnection, conversation: str, seq: int, now: int) -> str | None:
    found = await connection.scalar(_BEFORE, {"wanted": conversation, "number": seq, "now": now})
    return str(found) if found is not None else None


async def _append(
    connection: AsyncConnection, conversation: str, turn: str | None, sender: Sender, drafts: Sequence[Draft], now: int
) -> list[Message]:
    if not drafts:
        return []
    numbered = await connection.execute(_NUMBER, {"wanted": conversation, "count": len(drafts), "now": now})
    last = numbered.scalar_one()
    made = []
    for seq, draft in enumerate(drafts, start=last - len(drafts) + 1):
        choices = tuple(
            Choice(title, f"{seq}-{secrets.token_urlsafe(12)}", command) for title, command in draft.choices
        )
        made.append(Message(draft.id, seq, sender, draft.text, draft.kind, now, choices, draft.topic))
    await connection.execute(
        _ADD_MESSAGES,
        [
            {
                "conversation": conversation, "seq": message.seq, "id": message.id, "turn": turn,
                "sender": sender.value, "text": message.text, "kind": message.kind, "topic": message.topic,
                "choices": json.dumps([[c.title, c.payload, c.command] for c in message.choices]), "at": now,
            }
            for message in made
        ],
    )
    return made


def _message(row: object) -> Message:
    return Message(
        row.id, row.seq, Sender(row.sender), row.text, row.kind, row.at, _choices(row.choices), row.topic  # type: ignore[attr-defined]
    )


def _choices(stored: str) -> tuple[Choice, ...]:
    return tuple(Choice(*parts) for parts in json.loads(stored))
