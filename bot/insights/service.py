"""Counts episodes as things happen, reports on them, and lets go of the conversations that they were."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.db import Clock, Database
from bot.events import CodeDelivery, Event, FeedbackGiven, SignInCompleted
from bot.insights.background import Background, background
from bot.insights.disclosure import hide
from bot.insights.figures import By, Report, summarise
from bot.insights.model import EPISODE_GAP, conversation_of, episodes
from bot.insights.store import InsightStore
from bot.insights.transcript import Line, NotThere, Transcript, no_transcript

Erase = Callable[[str], Awaitable[object]]
"""Deletes what another part keeps of a conversation."""


class Insights:
    """The use cases of insights. `record` is what `bot.app` passes to the topics.

    Args:
        zone: the practice's, in which an episode's day is told.
        minutes_per_contact: a person's time for one contact, for the estimate of hours saved.
        transcript: reads kept messages.
        erase: what else is to forget a conversation when it is forgotten here.
        names: what people call the topics.
    """

    def __init__(
        self, database: Database, clock: Clock, *, zone: ZoneInfo, minutes_per_contact: int = 6,
        transcript: Transcript = no_transcript, erase: Sequence[Erase] = (), names: Mapping[str, str] | None = None,
    ) -> None:
        self._database = database
        self._store = InsightStore(database)
        self._clock = clock
        self._zone = zone
        self._minutes = minutes_per_contact
        self._transcript = transcript
        self._erase = tuple(erase)
        self._names = dict(names or {})

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
                running=await self._store.running(connection, first, last, self._clock() - EPISODE_GAP),
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

    async def conversation(self, conversation: str) -> tuple[list[Any], Sequence[Line], dict[int, bool]]:
        """A conversation's episodes, its messages, redacted as they are kept, and the thumbs by a message's number.

        Raises:
            NotThere: nothing is kept of it.
        """
        async with self._database.read() as connection:
            found = await self._store.of_conversation(connection, conversation)
            events, _ = await self._store.events_since(connection, conversation, 0)
        lines = await self._transcript(conversation)
        if not found and not lines:
            raise NotThere
        return found, lines, {event.seq: event.helpful for event in events if isinstance(event, FeedbackGiven)}

    async def background(self, conversation: str) -> Background:
        """What a conversation was about and what was tried in it, without anybody's words."""
        async with self._database.read() as connection:
            return background(*await self._store.events_since(connection, conversation, 0))

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
