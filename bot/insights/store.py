"""Episodes and their daily counts in the database.

Events are kept as facts until retention; episodes are computed from them and replaced whole, and `insight_days` moves
by the difference in the same transaction, so that a report reads days and never a million episodes. A conversation
whose episodes do not tell of everything yet is `due`.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import events as facts
from bot.db import Database, metadata, prepared
from bot.insights.figures import Counted
from bot.insights.model import Episode, Outcome, conversation_of, key_of
from bot.insights.unanswered_store import QuestionStore, questions

lock = Table(
    "insight_conversations", metadata,
    Column("conversation", String(128), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("due", BigInteger),  # the time of the earliest event that its episodes do not tell of
)
_SOME_DUE = lock.c.due.is_not(None)
Index(None, lock.c.due, sqlite_where=_SOME_DUE, postgresql_where=_SOME_DUE)
events = Table(
    "insight_events", metadata,
    Column("conversation", String(128), primary_key=True),
    Column("key", String(160), primary_key=True),
    Column("name", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("challenge", String(64), index=True),
    Column("data", Text, nullable=False),
)
sign_ins = Table(
    "insight_sign_ins", metadata,
    Column("challenge", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
)
episodes = Table(
    "insight_episodes", metadata,
    Column("conversation", String(128), primary_key=True),
    Column("first_seq", Integer, primary_key=True, autoincrement=False),
    Column("channel", String(16), nullable=False),
    Column("began_at", BigInteger, nullable=False, index=True),
    Column("last_at", BigInteger, nullable=False, index=True),
    Column("day", String(10), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("outcome", String(24)),
    Column("reason", String(24), nullable=False),
    Column("messages", Integer, nullable=False),
    Column("fallbacks", Integer, nullable=False),
    Column("failed_actions", Integer, nullable=False),
    Column("up", Integer, nullable=False),
    Column("down", Integer, nullable=False),
)
days = Table(
    "insight_days", metadata,
    *(Column(name, String(size), nullable=False)
      for name, size in (("day", 10), ("channel", 16), ("topic", 64), ("outcome", 24), ("reason", 24))),
    *(Column(name, BigInteger, nullable=False)
      for name in ("episodes", "messages", "fallbacks", "failed_actions", "up", "down")),
    # SQLite adds up by sorting, unless the rows lie in order already: those of a report's days do.
    PrimaryKeyConstraint("day", "outcome", "reason", "channel", "topic"),
    sqlite_with_rowid=False,
)

KEYS = ("day", "channel", "topic", "outcome", "reason")
SUMS = ("messages", "fallbacks", "failed_actions", "up", "down")


# Statements of every message.
_WANTED: BindParameter[str] = bindparam("wanted")
_UNTIL = select(func.max(episodes.c.began_at)).where(
    episodes.c.conversation == _WANTED, episodes.c.began_at <= bindparam("time")
)
_START = prepared(_UNTIL)
_START_BEFORE = prepared(_UNTIL.where(episodes.c.first_seq <= bindparam("number")))
_SINCE = prepared(
    select(events.c.name, events.c.data, events.c.challenge)
    .where(events.c.conversation == _WANTED, events.c.at >= bindparam("start"))
)
_MINE = prepared(
    select(episodes).where(episodes.c.conversation == _WANTED, episodes.c.began_at >= bindparam("start"))
)
_DROP_EPISODE = prepared(
    delete(episodes).where(episodes.c.conversation == _WANTED, episodes.c.first_seq == bindparam("number"))
)
_ADD_EPISODES = prepared(episodes.insert())
_COUNTED = prepared(update(lock).where(lock.c.conversation == _WANTED).values(due=None))
_DUE = prepared(select(lock.c.conversation).where(_SOME_DUE))


class InsightStore:
    """Every method works in the caller's transaction; times are milliseconds UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database
        hold, keep, move = database.insert(lock), database.insert(events), database.insert(days)
        earlier = case((hold.excluded.due < lock.c.due, hold.excluded.due), else_=lock.c.due)
        self._hold = prepared(
            hold.on_conflict_do_update(
                index_elements=["conversation"],
                set_={"at": hold.excluded.at, "due": func.coalesce(earlier, hold.excluded.due)},
            ).returning(lock.c.due)
        )
        self._keep = prepared(keep.on_conflict_do_nothing(index_elements=["conversation", "key"]))
        self._keep_newer = keep.on_conflict_do_update(
            index_elements=["conversation", "key"], set_={"at": keep.excluded.at, "data": keep.excluded.data},
            where=events.c.at <= keep.excluded.at,
        )
        self._move = prepared(move.on_conflict_do_update(
            index_elements=list(KEYS), set_={name: days.c[name] + move.excluded[name] for name in ("episodes", *SUMS)}
        ))
        self._questions = QuestionStore(database)

    # --- facts ----------------------------------------------------------------------------------------------------

    async def hold(
        self, connection: AsyncConnection, conversation: str, now: int, due: int | None = None
    ) -> int | None:
        """Let one process at a time count a conversation, until the transaction ends.

        Args:
            due: when something happened that is not counted yet.

        Returns:
            The time of the earliest such event, None where all is counted.
        """
        held = await connection.execute(self._hold, {"conversation": conversation, "at": now, "due": due})
        earliest: int | None = held.scalar_one()
        return earliest

    async def due(self, connection: AsyncConnection) -> list[str]:
        """The conversations of which something is not counted yet."""
        return list(await connection.scalars(_DUE))

    async def counted_all(self, connection: AsyncConnection, conversation: str) -> None:
        """The conversation's episodes tell of all that happened."""
        await connection.execute(_COUNTED, {"wanted": conversation})

    async def keep(self, connection: AsyncConnection, event: facts.Event) -> bool:
        """Keep a conversation's event; False when it is known already (a newer thumb replaces an older one)."""
        row = {
            "conversation": conversation_of(event), "key": key_of(event), "name": type(event).__name__,
            "at": getattr(event, "at", 0), "challenge": getattr(event, "challenge", None),
            "data": json.dumps(_values(event)),
        }
        insert = self._keep_newer if isinstance(event, facts.FeedbackGiven) else self._keep
        return bool((await connection.execute(insert, row)).rowcount)

    async def keep_sign_in(
        self, connection: AsyncConnection, event: facts.SignInCompleted
    ) -> list[tuple[str, int]]:
        """Keep when a challenge was passed; the conversations in which a code for it was asked for, and when."""
        await connection.execute(
            self._database.insert(sign_ins).values(challenge=event.challenge, at=event.at)
            .on_conflict_do_nothing(index_elements=["challenge"])
        )
        rows = await connection.execute(
            select(events.c.conversation, func.min(events.c.at).label("asked"))
            .where(events.c.challenge == event.challenge).group_by(events.c.conversation)
        )
        return sorted((row.conversation, row.asked) for row in rows)

    async def start_of(self, connection: AsyncConnection, conversation: str, at: int, seq: int | None) -> int:
        """From when on an event can change episodes: the beginning of the one that it is in, or before."""
        statement = _START if seq is None else _START_BEFORE
        found = await connection.scalar(statement, {"wanted": conversation, "time": at, "number": seq})
        return int(found or 0)

    async def events_since(
        self, connection: AsyncConnection, conversation: str, start: int
    ) -> tuple[list[facts.Event], dict[str, int]]:
        """The conversation's events from then on, and when the challenges in them were passed."""
        rows = (await connection.execute(_SINCE, {"wanted": conversation, "start": start})).all()
        challenges = {row.challenge for row in rows if row.challenge}
        passed: dict[str, int] = {}
        if challenges:
            found = await connection.execute(select(sign_ins).where(sign_ins.c.challenge.in_(challenges)))
            passed = {row.challenge: row.at for row in found}
        return [_event(row.name, row.data) for row in rows], passed

    # --- episodes -------------------------------------------------------------------------------------------------

    async def replace(
        self, connection: AsyncConnection, conversation: str, start: int, found: Sequence[tuple[str, Episode]]
    ) -> None:
        """Put episodes, each with its day, in the place of the conversation's from then on; move the days' counts."""
        before = (await connection.execute(_MINE, {"wanted": conversation, "start": start})).mappings().all()
        rows = [_row(day, episode) for day, episode in found]
        old, new = {row["first_seq"]: dict(row) for row in before}, {row["first_seq"]: row for row in rows}
        changed = {seq for seq in old.keys() | new.keys() if old.get(seq) != new.get(seq)}
        if changed:
            gone = [{"wanted": conversation, "number": seq} for seq in changed & old.keys()]
            if gone:
                await connection.execute(_DROP_EPISODE, gone)
            added = [row for seq, row in new.items() if seq in changed]
            if added:
                await connection.execute(_ADD_EPISODES, added)
            await self._move_days(connection, [old[s] for s in changed & old.keys()], added)
        first_seq = min((episode.first_seq for _, episode in found), default=0)
        misses = [miss for _, episode in found for miss in episode.misses]
        await self._questions.replace(connection, conversation, first_seq, misses)

    async def _move_days(
        self, connection: AsyncConnection, gone: Iterable[dict[str, Any]], come: Iterable[dict[str, Any]]
    ) -> None:
        moved: dict[tuple[str, ...], Counter[str]] = {}
        for sign, rows in ((-1, gone), (1, come)):
            for row in rows:
                if row["outcome"] is not None:
                    sums = moved.setdefault(tuple(row[key] for key in KEYS), Counter())
                    sums["episodes"] += sign
                    for name in SUMS:
                        sums[name] += sign * row[name]
        # In one order everywhere, so that two processes cannot wait for each other.
        for key in sorted(moved):
            sums = moved[key]
            if any(sums.values()):
                values = dict(zip(KEYS, key, strict=True)) | {name: sums[name] for name in ("episodes", *SUMS)}
                await connection.execute(self._move, values)

    async def latest(
        self, connection: AsyncConnection, *, outcome: str = "", topic: str = "", before: int | None = None,
        limit: int = 50,
    ) -> list[Any]:
        """The newest episodes whose conversation can still be read, for the list."""
        query = select(episodes).where(episodes.c.conversation.not_like("-%"))
        if outcome:
            query = query.where(episodes.c.outcome == outcome)
        if topic:
            query = query.where(episodes.c.topic == topic)
        if before is not None:
            query = query.where(episodes.c.began_at < before)
        return list((await connection.execute(query.order_by(episodes.c.began_at.desc()).limit(limit))).all())

    async def of_conversation(self, connection: AsyncConnection, conversation: str) -> list[Any]:
        """A conversation's episodes, in order."""
        return list((await connection.execute(
            select(episodes).where(episodes.c.conversation == conversation).order_by(episodes.c.began_at)
        )).all())

    # --- reports --------------------------------------------------------------------------------------------------

    async def counted(self, connection: AsyncConnection, since: str, until: str, *ways: str) -> list[Counted]:
        """The days' counts, added up over everything but `ways` (of day, channel, topic, reason) and the outcome."""
        columns = [days.c[name] for name in (*ways, "outcome")]
        sums = [func.sum(days.c[name]).label(name) for name in ("episodes", *SUMS)]
        rows = await connection.execute(
            select(*columns, *sums).where(days.c.day >= since, days.c.day <= until).group_by(*columns)
        )
        empty = {"day": since, "channel": "", "topic": "", "reason": ""}
        counted = []
        for row in rows.mappings():
            values: dict[str, Any] = empty | {name: row[name] for name in ways}
            values |= {name: int(row[name]) for name in ("episodes", *SUMS)}
            counted.append(Counted(outcome=Outcome(row["outcome"]), **values))
        return counted

    async def running(self, connection: AsyncConnection, since: str, until: str, after: int) -> int:
        """Episodes that began on these days and had a message after this time: their outcome may change."""
        return int(await connection.scalar(
            select(func.count()).where(
                episodes.c.last_at > after, episodes.c.outcome.is_not(None),
                episodes.c.day >= since, episodes.c.day <= until,
            )
        ) or 0)

    async def first_day(self, connection: AsyncConnection) -> str | None:
        """The first day with an episode."""
        found: str | None = await connection.scalar(select(func.min(days.c.day)))
        return found

    # --- forgetting -----------------------------------------------------------------------------------------------

    async def detach(self, connection: AsyncConnection, conversation: str) -> int:
        """Delete everything about a conversation but its counts, which get a name that leads nowhere."""
        for table in (events, questions, lock):
            await connection.execute(delete(table).where(table.c.conversation == conversation))
        result = await connection.execute(
            update(episodes).where(episodes.c.conversation == conversation)
            .values(conversation=f"-{secrets.token_hex(16)}")
        )
        return int(result.rowcount)

    async def finished_before(self, connection: AsyncConnection, before: int, limit: int) -> list[str]:
        """Conversations whose last message is older than this and that are not detached yet."""
        rows = await connection.scalars(
            select(episodes.c.conversation)
            .where(episodes.c.conversation.not_like("-%"), episodes.c.last_at < before)
            .order_by(episodes.c.last_at).limit(limit)
        )
        return sorted(set(rows))

    async def detach_before(self, connection: AsyncConnection, conversation: str, before: int) -> None:
        """Detach the conversation's episodes that ended before this time; those after it stay."""
        old = and_(episodes.c.conversation == conversation, episodes.c.last_at < before)
        last = await connection.scalar(select(func.max(episodes.c.last_at)).where(old))
        if last is None:
            return
        first_kept = await connection.scalar(
            select(func.min(episodes.c.began_at))
            .where(episodes.c.conversation == conversation, episodes.c.last_at >= before)
        )
        if first_kept is None:
            await self.detach(connection, conversation)
            return
        await connection.execute(
            delete(events).where(events.c.conversation == conversation, events.c.at < first_kept)
        )
        await connection.execute(
            delete(questions).where(questions.c.conversation == conversation, questions.c.at < first_kept)
        )
        await connection.execute(update(episodes).where(old).values(conversation=f"-{secrets.token_hex(16)}"))

    async def prune_rest(self, connection: AsyncConnection, before: int) -> None:
        """Delete old facts that belong to no episode."""
        await connection.execute(delete(sign_ins).where(sign_ins.c.at < before))
        alone = ~select(episodes.c.conversation).where(episodes.c.conversation == events.c.conversation).exists()
        await connection.execute(delete(events).where(events.c.at < before, alone))
        await connection.execute(delete(lock).where(lock.c.at < before, or_(
            ~select(events.c.conversation).where(events.c.conversation == lock.c.conversation).exists()
        )))


def _row(day: str, episode: Episode) -> dict[str, Any]:
    row = _values(episode)
    del row["misses"]
    return row | {"day": day, "outcome": episode.outcome.value if episode.outcome else None}


def _values(entry: Any) -> dict[str, Any]:
    """The fields of a flat dataclass (`asdict` copies each value deeply)."""
    return {field.name: getattr(entry, field.name) for field in fields(entry)}


@lru_cache(4096)  # with each message the events of its whole episode are read again
def _event(name: str, data: str) -> facts.Event:
    values = json.loads(data)
    if "topics" in values:
        values["topics"] = tuple(values["topics"])
    made: facts.Event = getattr(facts, name)(**values)
    return made
