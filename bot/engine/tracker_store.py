"""Keeps Rasa's trackers on the project's own engine, tables and migrations.

Two tables: `tracker_events`, an append-only log of all that happened in a conversation, and `tracker_states`, the one
row that a turn reads: the last few turns' events behind a snapshot of what came before. A turn therefore costs the
same at the start and at the end of a long conversation, and nothing blocks the event loop. What is rarely asked of the
whole conversation is asked of the log (`log_of`).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import islice
from typing import Any, NamedTuple

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionReverted,
    ActiveLoop,
    Event,
    Restarted,
    SessionStarted,
    UserUtteranceReverted,
)
from rasa.shared.core.slots import Slot
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses
from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, bindparam, delete, insert, select

from bot.db import Clock, Database, metadata, prepared

tracker_events = Table(
    "tracker_events",
    metadata,
    Column("conversation", String(64), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

tracker_states = Table(
    "tracker_states",
    metadata,
    Column("conversation", String(64), primary_key=True),
    Column("data", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)

TURNS_KEPT = 4  # rules look at the last turn; a few more are kept for "say it in other words" and for readers of dumps
TURNS_BEFORE_CUT = 5  # the policies look through all that is kept, for each prediction
TURNS_KEPT_FOR = 86_400_000  # milliseconds of silence after which nobody refers to earlier turns any more
SAID_ONCE = "utter_code_warning"  # must never be forgotten to have been said, or it would be said again
RANKING_KEPT = 3  # a message's intent ranking is the largest part of its event, and nobody reads its tail

REMEMBERED = 200  # conversations whose events are remembered as read; a state row has about thirty

JsonEvent = dict[str, Any]


class _Kept(NamedTuple):
    """An event as it stands in a state row, and what it says."""

    text: str
    data: JsonEvent


_Read = dict[str, tuple[_Kept, Event | None]]
"""Events by their text."""

_RETRIEVE = prepared(
    select(tracker_states.c.data, tracker_states.c.position, tracker_states.c.at)
    .where(tracker_states.c.conversation == bindparam("wanted"))
)
_APPEND = prepared(insert(tracker_events))
_LOG = prepared(
    select(tracker_events.c.data).where(tracker_events.c.conversation == bindparam("wanted"))
    .order_by(tracker_events.c.position)
)


async def log_of(database: Database, conversation: str) -> list[JsonEvent]:
    """All that happened in a conversation before the turn under way, in order; what retention deleted is missing."""
    async with database.read() as connection:
        return [json.loads(data) for data in (await connection.execute(_LOG, {"wanted": conversation})).scalars()]


# Kinds of events are compared, not asked with `isinstance`: Rasa's are abstract classes, where that takes long.
_TAKING_BACK = frozenset({ActionReverted, UserUtteranceReverted})
BEGINNING = frozenset({SessionStarted, Restarted})


def takes_back(events: Iterable[Event]) -> bool:
    """Whether something that happened counts as if it had not (forms fold their turns): Rasa replays the rest then."""
    return any(type(event) in _TAKING_BACK or (type(event) is ActiveLoop and event.name) for event in events)


class StoredTracker(DialogueStateTracker):
    """A tracker that knows what of it is stored already, and when: these events, up to this position of the log.

    `states` are what bot.engine.rules has seen of it: by the number of events there were, what rules go by.
    """

    def __init__(self, sender_id: str, slots: Iterable[Slot]) -> None:
        super().__init__(sender_id, ())
        self.slots = {slot.name: _twin(slot) for slot in slots}  # Rasa's way of copying them searches for how
        self.recent: list[_Kept] = []
        self.stored_events = 0
        self.next_position = 0
        self.stored_at = 0
        self.states: dict[int, dict[str, Any]] = {}

    def copy(self) -> DialogueStateTracker:
        """As Rasa's, which runs through all events again to come to the same."""
        twin = DialogueStateTracker.__new__(DialogueStateTracker)
        vars(twin).update({name: value for name, value in vars(self).items() if name not in _OURS})
        twin.events = self.events.copy()
        twin.slots = {name: _twin(slot) for name, slot in self.slots.items()}
        twin.active_loop = copy(self.active_loop)
        twin.model_id = twin.assistant_id = None
        return twin

    def applied_events(self) -> list[Event]:
        """As Rasa's, which asks each event for its kind five times."""
        if takes_back(self.events):
            return super().applied_events()
        applied: list[Event] = []
        for event in self.events:
            if type(event) in BEGINNING:
                applied = []
            else:
                applied.append(event)
        return applied


def _twin(slot: Slot) -> Slot:
    """As `copy.copy`, without its search for how."""
    twin = object.__new__(type(slot))
    vars(twin).update(vars(slot))
    return twin


_OURS = frozenset({"recent", "stored_events", "next_position", "stored_at", "states"})


class AsyncTrackerStore(TrackerStore):
    """Rasa's tracker store interface over `bot.db.Database`."""

    def __init__(self, domain: Domain | None, database: Database, clock: Clock) -> None:
        super().__init__(domain)
        self._database = database
        self._clock = clock
        upsert = database.insert(tracker_states)
        self._replace = prepared(upsert.on_conflict_do_update(
            index_elements=["conversation"],
            set_={name: upsert.excluded[name] for name in ("data", "position", "at")},
        ))
        self._kinds: dict[str, type[Event]] = {}
        for kind in all_subclasses(Event):
            self._kinds.setdefault(kind.type_name, kind)
        # A turn reads what the turns before it wrote. The same text is the same event, whoever wrote it and whenever:
        # so this needs no word from other replicas, and is never out of date.
        self._read: OrderedDict[str, _Read] = OrderedDict()

    def init_tracker(self, sender_id: str) -> StoredTracker:
        """A tracker without events."""
        return StoredTracker(sender_id, self.domain.slots)

    async def retrieve(self, sender_id: str) -> StoredTracker | None:
        """The tracker with its recent events; None for a conversation that is new or was forgotten."""
        async with self._database.read() as connection:
            row = (await connection.execute(_RETRIEVE, {"wanted": sender_id})).one_or_none()
        if row is None:
            return None
        tracker = self.init_tracker(sender_id)
        known = self._read.get(sender_id, {})
        read: _Read = {}
        for text in _texts(row.data):
            kept, event = read[text] = known.get(text) or self._read_event(text)
            tracker.recent.append(kept)
            if event is not None:
                tracker.update(event, self.domain)
        tracker.stored_events = len(tracker.events)
        tracker.next_position, tracker.stored_at = row.position, row.at
        self._remember(sender_id, read)
        return tracker

    def _remember(self, conversation: str, read: _Read) -> None:
        self._read[conversation] = read
        self._read.move_to_end(conversation)
        if len(self._read) > REMEMBERED:
            self._read.popitem(last=False)

    def _read_event(self, text: str) -> tuple[_Kept, Event | None]:
        """As Rasa's `deserialise_events`, which looks through all of its classes for each event."""
        kept = _Kept(text, json.loads(text))
        return kept, self._made(kept)

    def _made(self, kept: _Kept) -> Event | None:
        return self._kinds[kept.data["event"]]._from_parameters(kept.data)

    async def create_tracker(self, sender_id: str, append_action_listen: bool = True) -> DialogueStateTracker:
        """A new tracker. Nothing is written before its first turn is over."""
        return self.init_tracker(sender_id)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Append what is new and replace the conversation's one state row, in one transaction."""
        assert isinstance(tracker, StoredTracker)  # all come from this store
        recent, position = tracker.recent, tracker.next_position
        new = [_kept(_slim(event.as_dict())) for event in islice(tracker.events, tracker.stored_events, None)]
        if not new:
            return
        now = self._clock()
        if now - tracker.stored_at >= TURNS_KEPT_FOR:
            recent = _snapshot(recent)
        recent = _compact(recent + new)
        state = {"data": _together(recent), "position": position + len(new), "at": now}
        async with self._database.write() as connection:
            await connection.execute(
                _APPEND,
                [
                    {"conversation": tracker.sender_id, "position": position + i, "data": event.text, "at": now}
                    for i, event in enumerate(new)
                ],
            )
            await connection.execute(self._replace, {"conversation": tracker.sender_id, **state})
        known = self._read.get(tracker.sender_id, {})
        self._remember(
            tracker.sender_id, {event.text: known.get(event.text) or (event, self._made(event)) for event in recent}
        )

    async def forget(self, conversation: str) -> None:
        """Delete everything of a conversation."""
        self._read.pop(conversation, None)
        async with self._database.write() as connection:
            for table in (tracker_events, tracker_states):
                await connection.execute(delete(table).where(table.c.conversation == conversation))

    async def prune(self, before: int) -> None:
        """Delete the events from before this time (ms). No state row holds such: turns go from it with the first one
        after a day's silence, and a conversation that stays silent is forgotten whole."""
        self._read.clear()
        async with self._database.write() as connection:
            await connection.execute(delete(tracker_events).where(tracker_events.c.at < before))

    async def keys(self) -> list[str]:
        """The conversations there are."""
        async with self._database.read() as connection:
            return list((await connection.execute(select(tracker_states.c.conversation))).scalars())


def _slim(event: JsonEvent) -> JsonEvent:
    parse_data = event.get("parse_data")
    if parse_data and len(parse_data.get("intent_ranking") or ()) > RANKING_KEPT:
        event = {**event, "parse_data": {**parse_data, "intent_ranking": parse_data["intent_ranking"][:RANKING_KEPT]}}
    return event


def _kept(data: JsonEvent) -> _Kept:
    return _Kept(json.dumps(data), data)


def _together(events: Sequence[_Kept]) -> str:
    """A JSON list with an event a line (JSON keeps line breaks in texts escaped): what is not new is not made again."""
    return "[" + ",\n".join(event.text for event in events) + "]"


def _texts(stored: str) -> list[str]:
    """The events of such a list; of one without line breaks too, as releases before this wrote it."""
    return stored[1:-1].split(",\n") if "\n" in stored else [json.dumps(event) for event in json.loads(stored)]


def _compact(events: list[_Kept]) -> list[_Kept]:
    """Fold all but the last turns into a snapshot, once there are enough of them to make it worth while."""
    starts = [i for i, event in enumerate(events) if event.data["event"] == "user"]
    if len(starts) <= TURNS_BEFORE_CUT:
        return events
    cut = starts[-TURNS_KEPT]
    return _snapshot(events[:cut]) + events[cut:]


def _snapshot(events: Sequence[_Kept]) -> list[_Kept]:
    """The fewest events that leave a tracker as these do: its session, slots, active form, that it listens, and what
    is said once."""
    slots: dict[str, _Kept] = {}
    loop: _Kept | None = None
    session: _Kept | None = None
    said: _Kept | None = None
    listen: _Kept | None = None
    for event in events:
        match event.data["event"]:
            case "slot":
                slots[event.data["name"]] = event
            case "active_loop":
                loop = event if event.data.get("name") else None
            case "session_started":
                slots, loop, session = {}, None, event
            case "reset_slots" | "restart":
                slots, loop = {}, None
            case "bot" if (event.data.get("metadata") or {}).get("utter_action") == SAID_ONCE:
                said = event
            case "action" if event.data.get("name") == "action_listen":
                listen = event
    head = [session] if session else []
    return head + list(slots.values()) + [event for event in (loop, said, listen) if event]
