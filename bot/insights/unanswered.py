"""The queue of what was not answered well: staff labels it, and what is labelled becomes training examples."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.db import Database
from bot.insights.model import UNKNOWN_TOPIC, Why
from bot.insights.transcript import NotThere, Transcript, no_transcript
from bot.insights.unanswered_store import QuestionStore

LONGEST = 500  # entries shown at once
NOT_YAML = {0xFFFE: " ", 0xFFFF: " "}  # YAML 1.2, 5.1: no reader takes a file with these; the door lets them in

Nearest = Callable[[str], Awaitable[str]]
"""The topic that a text is nearest to, however unsure."""


Settle = Callable[[], Awaitable[None]]
"""Counts what is due: what was not answered a moment ago is in the queue then."""


async def settle_nothing() -> None:
    """The null counter, where nothing is counted."""


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


class Outdated(Exception):
    """Somebody else has changed the entry since it was looked at."""


class Unanswered:
    """What staff does with the queue.

    Args:
        transcript: reads kept messages.
        nearest: names the nearest topic of an unanswered message.
        settle: brings the queue up to what has happened (`Insights.settle`).
    """

    def __init__(
        self, database: Database, *, transcript: Transcript = no_transcript, nearest: Nearest = nearest_nothing,
        settle: Settle = settle_nothing,
    ) -> None:
        self._database = database
        self._store = QuestionStore(database)
        self._transcript = transcript
        self._nearest = nearest
        self._settle = settle

    def judge_with(self, nearest: Nearest) -> None:
        """Name topics with this from now on, where the model is loaded after the counting began."""
        self._nearest = nearest

    async def questions(self, state: State = State.OPEN, limit: int | None = LONGEST) -> list[Question]:
        """The queue's newest entries in a state, grouped by the nearest topic, the fullest group first."""
        await self._settle()
        async with self._database.read() as connection:
            rows = await self._store.latest(connection, state, limit)
        texts: dict[str, dict[int, str]] = {}
        found: list[Question] = []
        for row in rows:
            if row.conversation not in texts:
                lines = await self._transcript(row.conversation)
                texts[row.conversation] = {line.seq: line.text for line in lines if line.sender == "patient"}
            text = texts[row.conversation].get(row.seq)
            if text is None:  # the conversation was deleted: nothing is left to learn from
                async with self._database.write() as connection:
                    await self._store.drop(connection, row.conversation, row.seq)
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
            await self._store.change(connection, row.conversation, row.seq, topic=topic)
        return topic

    async def groups(self, state: State = State.OPEN, limit: int | None = LONGEST) -> dict[str, list[Group]]:
        """The queue by nearest topic, equal words together: the fullest topic and the most frequent words first."""
        found: dict[str, dict[tuple[str, str], list[Question]]] = {}
        for question in await self.questions(state, limit):
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
            entry = await self._store.entry(connection, conversation, seq)
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
                await self._store.change(connection, owner, number, **values)
        return len(members)

    async def examples(self) -> str:
        """All labelled messages as Rasa training data (YAML), by intent."""
        by_intent: dict[str, dict[str, str]] = {}
        for question in await self.questions(State.LABELLED, None):
            # These brackets would be an entity to Rasa.
            example = " ".join(question.text.translate(NOT_YAML).split()).replace("](", "] (").replace("]{", "] {")
            by_intent.setdefault(question.intent, {}).setdefault(same_words(example), example)
        lines = ['version: "3.1"', "", "nlu:" if by_intent else "nlu: []"]
        for intent, texts in sorted(by_intent.items()):
            lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in texts.values())]
        return "\n".join(lines) + "\n"
