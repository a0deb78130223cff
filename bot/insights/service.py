"""Counts episodes as things happen, reports on them, and lets staff work on what was not answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from bot.db import Clock, Database
from bot.events import CodeDelivery, Event, FeedbackGiven, SignInCompleted
from bot.insights.disclosure import hide
from bot.insights.figures import By, Report, summarise
from bot.insights.model import EPISODE_GAP, UNKNOWN_TOPIC, Background, Why, background, conversation_of, episodes
from bot.insights.store import InsightStore

QUEUE_LENGTH = 500  # entries shown at once
NOTICE_LENGTH = 200  # characters
NOT_YAML = {0xFFFE: " ", 0xFFFF: " "}  # YAML 1.2, 5.1: no reader takes a file with these; the door lets them in


class Line(Protocol):
    """A message as it was kept, redacted."""

    @property
    def seq(self) -> int: ...
    @property
    def sender(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> int: ...


Transcript = Callable[[str], Awaitable[Sequence[Line]]]
"""The kept messages of a conversation, in order; none where it was deleted."""

Nearest = Callable[[str], Awaitable[str]]
"""The topic that a text is nearest to, however unsure."""

Erase = Callable[[str], Awaitable[object]]
"""Deletes what another part keeps of a conversation."""


async def no_transcript(conversation: str) -> Sequence[Line]:
    """The null reader, where nothing is kept."""
    return ()


async def nearest_nothing(text: str) -> str:
    """The null judge, where no model is at hand."""
    return UNKNOWN_TOPIC


class State(StrEnum):
    """Where an entry of the unanswered queue stands."""

    OPEN = "open"
    LABELLED = "labelled"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Question:
    """An entry of the unanswered queue, with the patient's redacted words."""

    conversation: str
    seq: int
    at: int
    why: Why
    topic: str
    state: State
    intent: str
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """Entries of the queue whose words are the same but for case, blanks and marks at the end; the newest first."""

    entries: tuple[Question, ...]

    @property
    def first(self) -> Question:
        """The entry that stands for the group."""
        return self.entries[0]

    @property
    def count(self) -> int:
        """How often it was written."""
        return len(self.entries)

    @property
    def whys(self) -> tuple[Why, ...]:
        """Why its entries are in the queue."""
        return tuple(dict.fromkeys(entry.why for entry in self.entries))


def same_words(text: str) -> str:
    """A text by which entries are grouped: "No code!" and "no  code" are one question."""
    return " ".join(text.casefold().split()).rstrip(" .!?…") or text


class NotThere(Exception):
    """The entry or conversation does not exist (any more)."""


class Outdated(Exception):
    """Somebody else has changed the entry since it was looked at."""


class Insights:
    """The use cases of insights. `record` is what `bot.app` passes to the topics.

    Args:
        zone: the practice's, in which an episode's day is told.
        minutes_per_contact: a person's time for one contact, for the estimate of hours saved.
        transcript: reads kept messages.
        nearest: names the nearest topic of an unanswered message.
        erase: what else is to forget a conversation when it is forgotten here.
        names: what people call the topics.
    """

    def __init__(
        self, database: Database, clock: Clock, *, zone: ZoneInfo, minutes_per_contact: int = 6,
        transcript: Transcript = no_transcript, nearest: Nearest = nearest_nothing, erase: Sequence[Erase] = (),
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._database = database
        self._store = InsightStore(database)
        self._clock = clock
        self._zone = zone
        self._minutes = minutes_per_contact
        self._transcript = transcript
        self._nearest = nearest
        self._erase = tuple(erase)
        self._names = dict(names or {})

    def judge_with(self, nearest: Nearest) -> None:
        """Name topics with this from now on, where the model is loaded after the counting began."""
        self._nearest = nearest

    # --- counting -------------------------------------------------------------------------------------------------

    async def record(self, event: Event) -> None:
        """Count an event, however late it comes and however often it is told."""
        if isinstance(event, CodeDelivery):
            return
        if isinstance(event, SignInCompleted):
            async with self._database.write() as connection:
                for waiting, asked in await self._store.keep_sign_in(connection, event):
                    await self._store.hold(connection, waiting, self._clock())
                    await self._count(connection, waiting, asked, None)
            return
        conversation = conversation_of(event)
        if conversation is None:
            return
        async with self._database.write() as connection:
            await self._store.hold(connection, conversation, self._clock())
            if await self._store.keep(connection, event):
                seq = event.seq if isinstance(event, FeedbackGiven) else None
                await self._count(connection, conversation, event.at, seq)

    async def _count(self, connection: Any, conversation: str, at: int, seq: int | None) -> None:
        start = await self._store.start_of(connection, conversation, at, seq)
        events, passed = await self._store.events_since(connection, conversation, start)
        found = [(self.day(episode.began_at).isoformat(), episode) for episode in episodes(events, passed)]
        await self._store.replace(connection, conversation, start, found)

    def day(self, at: int) -> date:
        """The day of a time, at the practice."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone).date()

    def today(self) -> date:
        """The practice's day."""
        return self.day(self._clock())

    def local(self, at: int) -> str:
        """A time as the practice's staff reads it."""
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    # --- reporting ------------------------------------------------------------------------------------------------

    async def report(self, since: date, until: date, by: By = By.WEEK) -> Report:
        """The figures of the episodes that began on these days, both included."""
        first, last = since.isoformat(), until.isoformat()
        async with self._database.scan() as connection:
            groups = await self._store.counted(connection, first, last, "channel", "topic", "reason")
            found = summarise(
                since, until, by, self._minutes,
                by_day=await self._store.counted(connection, first, last, "day", "reason"),
                by_channel=groups, by_topic=groups,
                running=await self._store.running(connection, self._clock() - EPISODE_GAP),
                names=self._names,
            )
        await asyncio.to_thread(hide, found)  # a second, for years by day
        return found

    async def first_day(self) -> date | None:
        """The first day with an episode."""
        async with self._database.read() as connection:
            found = await self._store.first_day(connection)
        return date.fromisoformat(found) if found else None

    # --- conversations --------------------------------------------------------------------------------------------

    async def latest(
        self, *, outcome: str = "", topic: str = "", before: int | None = None, limit: int = 50
    ) -> list[Any]:
        """The newest episodes whose conversation is kept."""
        async with self._database.scan() as connection:
            return await self._store.latest(connection, outcome=outcome, topic=topic, before=before, limit=limit)

    async def conversation(self, conversation: str) -> tuple[list[Any], Sequence[Line]]:
        """A conversation's episodes and its messages, redacted as they are kept.

        Raises:
            NotThere: nothing is kept of it.
        """
        async with self._database.read() as connection:
            found = await self._store.of_conversation(connection, conversation)
        lines = await self._transcript(conversation)
        if not found and not lines:
            raise NotThere
        return found, lines

    async def background(self, conversation: str) -> Background:
        """What a conversation was about and what was tried in it, without anybody's words."""
        async with self._database.read() as connection:
            return background(*await self._store.events_since(connection, conversation, 0))

    # --- the unanswered queue -------------------------------------------------------------------------------------

    async def questions(self, state: State = State.OPEN) -> list[Question]:
        """The queue's entries in a state, grouped by the nearest topic, the fullest group first."""
        async with self._database.read() as connection:
            rows = await self._store.questions(connection, state, QUEUE_LENGTH)
        texts: dict[str, dict[int, str]] = {}
        found: list[Question] = []
        for row in rows:
            if row.conversation not in texts:
                lines = await self._transcript(row.conversation)
                texts[row.conversation] = {line.seq: line.text for line in lines if line.sender == "patient"}
            text = texts[row.conversation].get(row.seq)
            if text is None:  # the conversation was deleted: nothing is left to learn from
                async with self._database.write() as connection:
                    await self._store.drop_question(connection, row.conversation, row.seq)
                continue
            topic = row.topic or await self._name(row, text)
            found.append(Question(
                row.conversation, row.seq, row.at, Why(row.why), topic, State(row.state), row.intent, text
            ))
        sizes: dict[str, int] = {}
        for question in found:
            sizes[question.topic] = sizes.get(question.topic, 0) + 1
        return sorted(found, key=lambda q: (-sizes[q.topic], q.topic, -q.at))

    async def _name(self, row: Any, text: str) -> str:
        topic = await self._nearest(text)
        async with self._database.write() as connection:
            await self._store.set_question(connection, row.conversation, row.seq, topic=topic)
        return topic

    async def groups(self, state: State = State.OPEN) -> dict[str, list[Group]]:
        """The queue by nearest topic, equal words together: the fullest topic and the most frequent words first."""
        found: dict[str, dict[tuple[str, str], list[Question]]] = {}
        for question in await self.questions(state):
            words = found.setdefault(question.topic, {})
            words.setdefault((same_words(question.text), question.intent), []).append(question)
        return {
            topic: sorted((Group(tuple(entries)) for entries in words.values()), key=lambda g: (-g.count, -g.first.at))
            for topic, words in found.items()
        }

    async def label(self, conversation: str, seq: int, intent: str, seen: State | None = None) -> int:
        """Say which topic an entry, and every other of its group, is an example of; how many that are.

        Raises:
            NotThere
            Outdated: it is not in the state in which it was `seen`.
        """
        return await self._set(conversation, seq, seen, state=State.LABELLED.value, intent=intent)

    async def dismiss(self, conversation: str, seq: int, seen: State | None = None) -> int:
        """Take an entry and its group out of the queue; how many that are. Raises as `label` does."""
        return await self._set(conversation, seq, seen, state=State.DISMISSED.value, intent="")

    async def reopen(self, conversation: str, seq: int, seen: State | None = None) -> int:
        """Put an entry and its group back; how many that are. Raises as `label` does."""
        return await self._set(conversation, seq, seen, state=State.OPEN.value, intent="")

    async def _set(self, conversation: str, seq: int, seen: State | None, **values: str) -> int:
        async with self._database.read() as connection:
            entry = await self._store.question(connection, conversation, seq)
        if entry is None:
            raise NotThere
        if seen is not None and entry.state != seen:
            raise Outdated
        members = {(conversation, seq)}
        for group in (group for topic in (await self.groups(State(entry.state))).values() for group in topic):
            named = {(each.conversation, each.seq) for each in group.entries}
            if (conversation, seq) in named:
                members = named
        async with self._database.write() as connection:
            for owner, number in sorted(members):
                await self._store.set_question(connection, owner, number, **values)
        return len(members)

    async def examples(self) -> str:
        """The labelled messages as Rasa training data (YAML), by intent."""
        by_intent: dict[str, dict[str, str]] = {}
        for question in await self.questions(State.LABELLED):
            # These brackets would be an entity to Rasa.
            example = " ".join(question.text.translate(NOT_YAML).split()).replace("](", "] (").replace("]{", "] {")
            by_intent.setdefault(question.intent, {}).setdefault(same_words(example), example)
        lines = ['version: "3.1"', "", "nlu:" if by_intent else "nlu: []"]
        for intent, texts in sorted(by_intent.items()):
            lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in texts.values())]
        return "\n".join(lines) + "\n"

    # --- the notice line ------------------------------------------------------------------------------------------

    async def notice(self) -> str | None:
        """The line that staff set for greetings and missing codes; None where nobody did, empty to show none."""
        async with self._database.read() as connection:
            return await self._store.notice(connection)

    async def set_notice(self, text: str) -> None:
        """Replace the line.

        Raises:
            ValueError: too long, or more than one line.
        """
        text = text.strip()
        if len(text) > NOTICE_LENGTH or not text.isprintable():
            raise ValueError(f"The notice is one line of at most {NOTICE_LENGTH} characters.")
        async with self._database.write() as connection:
            await self._store.set_notice(connection, text, self._clock())

    # --- forgetting -----------------------------------------------------------------------------------------------

    async def forget(self, conversation: str) -> bool:
        """Erase a conversation here and in every part that was named; its episodes stay as counts of nobody.

        True when anything was known of it here or its messages were kept.
        """
        known = bool(await self._transcript(conversation))
        for erase in self._erase:
            known = bool(await erase(conversation)) or known
        async with self._database.write() as connection:
            known = bool(await self._store.detach(connection, conversation)) or known
        await self._database.wipe_log()
        return known

    async def prune(self, before: int) -> int:
        """Let go of conversations that ended before this time (ms); how many. Episodes and counts stay."""
        count = 0
        while True:
            async with self._database.write() as connection:
                found = await self._store.finished_before(connection, before, 200)
                for conversation in found:
                    await self._store.detach_before(connection, conversation, before)
                if not found:
                    await self._store.prune_rest(connection, before)
                    return count
            count += len(found)
