"""Counts episodes as things happen, reports on them, and lets go of the conversations that they were.

A turn is kept at once and counted a moment later, together with those that follow it meanwhile: a patient's answer does
not wait for the figures. Whoever reads figures counts first what is due, so they never miss anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.db import UNAVAILABLE, Clock, Database
from bot.events import CodeDelivery, Event, FeedbackGiven, SignInCompleted, TurnAnswered, TurnFailed
from bot.insights.background import Background, background
from bot.insights.disclosure import hide
from bot.insights.figures import By, Report, summarise
from bot.insights.model import EPISODE_GAP, conversation_of, episodes
from bot.insights.store import InsightStore
from bot.insights.transcript import Line, NotThere, Transcript, no_transcript

log = logging.getLogger("twostep.insights")

PAUSE = 1.0  # seconds from a turn until it is counted, with the conversation's others of that time

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
        self._uncountable: set[str] = set()
        self._happened = asyncio.Event()
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- counting -------------------------------------------------------------------------------------------------

    async def record(self, event: Event) -> None:
        """Count an event, however late it comes and however often it is told."""
        if isinstance(event, CodeDelivery):
            return
        if isinstance(event, SignInCompleted):
            async with self._database.write() as connection:
                for waiting, asked in await self._store.keep_sign_in(connection, event):
                    due = await self._store.hold(connection, waiting, self._clock())
                    await self._count(connection, waiting, due, asked)
            return
        conversation = conversation_of(event)
        if conversation is None:
            return
        later = isinstance(event, TurnAnswered | TurnFailed)
        async with self._database.write() as connection:
            due = await self._store.hold(connection, conversation, self._clock(), event.at if later else None)
            if await self._store.keep(connection, event) and not later:
                seq = event.seq if isinstance(event, FeedbackGiven) else None
                await self._count(connection, conversation, due, event.at, seq)
        if later:
            self._happened.set()

    async def _count(
        self, connection: Any, conversation: str, due: int | None, at: int | None = None, seq: int | None = None
    ) -> None:
        """Count a conversation from where an event changes it, and from what is due; it is held."""
        starts = [await self._store.start_of(connection, conversation, at, seq)] if at is not None else []
        if due is not None:
            starts.append(await self._store.start_of(connection, conversation, due, None))
            await self._store.counted_all(connection, conversation)
        start = min(starts)
        events, passed = await self._store.events_since(connection, conversation, start)
        found = [(self.day(episode.began_at).isoformat(), episode) for episode in episodes(events, passed)]
        await self._store.replace(connection, conversation, start, found)

    async def settle(self) -> None:
        """Count what is due, here or left by a process that died. One conversation that cannot be counted keeps no
        other from it."""
        async with self._database.read() as connection:
            waiting = await self._store.due(connection)
        for conversation in waiting:
            try:
                async with self._database.write() as connection:
                    due = await self._store.hold(connection, conversation, self._clock())
                    if due is not None:  # else another process was faster
                        await self._count(connection, conversation, due)
            except UNAVAILABLE:
                raise
            except Exception as error:
                if conversation not in self._uncountable:  # it stays due, and would be told of every second
                    self._uncountable.add(conversation)
                    log.error("conversation not counted", extra={"error": type(error).__name__})

    async def start(self) -> None:
        """Begin to count what is due, whenever something is; returns at once."""
        self._happened.set()
        self._task = asyncio.create_task(self._run(), name="counting")

    async def stop(self) -> None:
        """End when all is counted, or cannot be: it stays due, for the next one to start or to be asked for figures."""
        self._ending.set()
        self._happened.set()
        if self._task is not None:
            await self._task
        await self._try_to_settle()

    async def _run(self) -> None:
        while True:
            await self._happened.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), PAUSE)
                return
            self._happened.clear()
            await self._try_to_settle()

    async def _try_to_settle(self) -> None:
        try:
            await self.settle()
        except Exception as error:  # the database is away, as a rule: again in a moment
            self._happened.set()
            log.warning("not counted yet", extra={"error": type(error).__name__})

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
        await self.settle()
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
        await self.settle()
        async with self._database.read() as connection:
            found = await self._store.first_day(connection)
        return date.fromisoformat(found) if found else None

    # --- conversations --------------------------------------------------------------------------------------------

    async def latest(
        self, *, outcome: str = "", topic: str = "", before: int | None = None, limit: int = 50
    ) -> list[Any]:
        """The newest episodes whose conversation is kept."""
        await self.settle()
        async with self._database.scan() as connection:
            return await self._store.latest(connection, outcome=outcome, topic=topic, before=before, limit=limit)

    async def conversation(self, conversation: str) -> tuple[list[Any], Sequence[Line], dict[int, bool]]:
        """A conversation's episodes, its messages, redacted as they are kept, and the thumbs by a message's number.

        Raises:
            NotThere: nothing is kept of it.
        """
        await self.settle()
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
        await self.settle()
        known = bool(await self._transcript(conversation))
        for erase in self._erase:
            known = bool(await erase(conversation)) or known
        async with self._database.write() as connection:
            known = bool(await self._store.detach(connection, conversation)) or known
        await self._database.wipe_log()
        return known

    async def prune(self, before: int) -> int:
        """Let go of conversations that ended before this time (ms); how many. Episodes and counts stay."""
        await self.settle()
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
