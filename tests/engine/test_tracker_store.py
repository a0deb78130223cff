"""Trackers on our own tables: complete, append-only, and as cheap at the end as at the start."""

from __future__ import annotations

import json

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from sqlalchemy import select

from bot.db import Database
from bot.engine.tracker_store import (
    TURNS_BEFORE_CUT,
    AsyncTrackerStore,
    StoredTracker,
    _compact,
    _kept,
    tracker_events,
    tracker_states,
)


async def _rows(database, table):
    async with database.read() as connection:
        return (await connection.execute(select(table).order_by(*table.primary_key.columns))).all()


async def test_every_event_is_kept_once_in_order(engine, database):
    """The log has each event of a long conversation exactly once, in order."""
    for _ in range(TURNS_BEFORE_CUT + 6):
        await engine.answer("c", "x", channel="web", command="/ask_landline")
    rows = await _rows(database, tracker_events)
    assert [row.position for row in rows] == list(range(len(rows)))
    users = [json.loads(row.data) for row in rows if json.loads(row.data)["event"] == "user"]
    assert len(users) == TURNS_BEFORE_CUT + 6


async def test_what_a_turn_reads_does_not_grow(engine, database):
    """The one row that a turn reads is no larger after forty turns than after ten."""
    sizes = []
    for _ in range(40):
        await engine.answer("c", "x", channel="web", command="/ask_landline")
        [state] = await _rows(database, tracker_states)
        sizes.append(len(state.data))
    assert max(sizes[20:]) <= max(sizes[:12])


def test_the_snapshot_keeps_session_slots_and_form():
    """What is folded away leaves its slots, its active form and its session behind."""
    turn = [{"event": "user", "text": "x"}, {"event": "action", "name": "action_listen"}]
    before = [
        {"event": "session_started"},
        {"event": "slot", "name": "a", "value": 1},
        {"event": "slot", "name": "a", "value": 2},
        {"event": "active_loop", "name": "contact_form"},
    ]
    folded = _compact([_kept(event) for event in [*before, *turn * (TURNS_BEFORE_CUT + 1)]])
    assert [event.data for event in folded[:3]] == [
        {"event": "session_started"},
        {"event": "slot", "name": "a", "value": 2},
        {"event": "active_loop", "name": "contact_form"},
    ]


async def test_words_of_yesterday_are_not_carried_on(database):
    """After a day's silence a turn leaves nothing of the earlier ones in the state row; after an hour it does."""
    now = [0]
    store = AsyncTrackerStore(Domain.empty(), database, lambda: now[0])
    kept = []
    for at, text in ((1, "one"), (3_600_001, "two"), (90_000_001, "three")):
        now[0] = at
        tracker = await store.retrieve("c") or store.init_tracker("c")
        tracker.update(UserUttered(text))
        await store.save(tracker)
        [state] = await _rows(database, tracker_states)
        kept.append([event["text"] for event in json.loads(state.data) if event["event"] == "user"])
    assert kept == [["one"], ["one", "two"], ["three"]]


async def test_pruning_deletes_old_events_alone(make_engine, database):
    """Events from before a time leave the log; what a turn reads stays."""
    engine = make_engine()
    await engine.answer("c", "x", channel="web", command="/ask_landline")
    await engine.prune(0)
    assert await _rows(database, tracker_events) != []
    await engine.prune(2**62)
    assert await _rows(database, tracker_events) == []
    assert len(await _rows(database, tracker_states)) == 1


async def test_forgetting_leaves_nothing(engine, database):
    """A forgotten conversation has no row left, and other conversations keep theirs."""
    await engine.answer("gone", "x", channel="web", command="/ask_landline")
    await engine.answer("kept", "x", channel="web", command="/ask_landline")
    await engine.forget("gone")
    for table in (tracker_events, tracker_states):
        assert {row.conversation for row in await _rows(database, table)} == {"kept"}


def test_events_are_read_as_rasa_reads_them(tmp_path):
    """Every kind of event becomes what Rasa's own `deserialise_events` makes of it."""
    from rasa.shared.core import events as rasa_events
    from rasa.shared.core.domain import Domain

    store = AsyncTrackerStore(Domain.empty(), Database(f"sqlite+aiosqlite:///{tmp_path}/x.sqlite3"), lambda: 0)
    stored = [
        rasa_events.SessionStarted(1.0), rasa_events.ActionExecuted("action_listen", "RulePolicy", 1.0, timestamp=2.0),
        rasa_events.UserUttered("hello", {"name": "greet", "confidence": 1.0}, [], {"text": "hello"}, timestamp=3.0),
        rasa_events.SlotSet("contact_name", "given", timestamp=4.0),
        rasa_events.BotUttered("hi", {"buttons": None}, {"utter_action": "utter_greet"}, timestamp=5.0),
        rasa_events.ActiveLoop("contact_form", timestamp=6.0), rasa_events.AllSlotsReset(7.0),
        rasa_events.Restarted(8.0), rasa_events.ActionExecutionRejected("contact_form", timestamp=9.0),
        rasa_events.LoopInterrupted(True, timestamp=10.0), rasa_events.ConversationPaused(11.0),
        rasa_events.DefinePrevUserUtteredFeaturization(False, timestamp=12.0),
        rasa_events.FollowupAction("action_listen", timestamp=13.0), rasa_events.UserUtteranceReverted(14.0),
    ]
    as_json = [event.as_dict() for event in stored]
    ours = [store._read_event(json.dumps(event))[1] for event in as_json]
    theirs = rasa_events.deserialise_events(as_json)
    assert [type(event) for event in ours] == [type(event) for event in theirs]
    assert [event.as_dict() for event in ours] == [event.as_dict() for event in theirs] == as_json


@pytest.mark.parametrize(
    "kinds", ["SULBL", "SULBLULBLRULBL", "LULBLSULBL", "SULALALXALBL", "SULALAUVL", "SULALACLULBL"]
)
def test_the_events_that_count_are_those_that_count_for_rasa(kinds):
    """With a session or a restart in the midst, in a form, after it, and where something is taken back."""
    from rasa.shared.core import events as rasa_events
    from rasa.shared.core.trackers import DialogueStateTracker

    made = {
        "S": lambda: rasa_events.SessionStarted(), "U": lambda: rasa_events.UserUttered("hello"),
        "L": lambda: rasa_events.ActionExecuted("action_listen"), "B": lambda: rasa_events.BotUttered("hi"),
        "R": lambda: rasa_events.Restarted(), "A": lambda: rasa_events.ActionExecuted("contact_form"),
        "X": lambda: rasa_events.ActiveLoop("contact_form"), "C": lambda: rasa_events.ActiveLoop(None),
        "V": lambda: rasa_events.UserUtteranceReverted(),
    }
    tracker = StoredTracker("somebody", [])
    tracker.events.extend(made[kind]() for kind in kinds)
    assert tracker.applied_events() == DialogueStateTracker.applied_events(tracker)
    assert 0 < len(tracker.applied_events()) < len(kinds)


async def test_what_is_remembered_is_what_stands_in_the_row(engine, database):
    """After each turn, with answers, two questions, the form and its end, a replica that has read nothing yet finds the
    same events, slots and form as the one that wrote them."""
    ours = engine._processor._store
    for words in (
        "is it free?", "how do I change my email and is it free to get the text?", "i want to talk to a person",
        "Alex Example", "hold on", "never mind", "xyzzy plugh", "i didnt get a code", "yes", "thanks", "ok bye",
    ):
        await engine.answer("c", words, channel="web")
        theirs = AsyncTrackerStore(ours.domain, database, lambda: 0)
        found = [await store.retrieve("c") for store in (ours, theirs)]
        events, slots, forms = zip(
            *(
                ([event.as_dict() for event in one.events], one.current_slot_values(), one.active_loop_name)
                for one in found
            ),
            strict=True,
        )
        assert events[0] == events[1]
        assert slots[0] == slots[1]
        assert forms[0] == forms[1]
        assert [kept.text for kept in found[0].recent] == [kept.text for kept in found[1].recent]


async def test_a_row_of_an_earlier_release_is_read(engine, database):
    """A state row that is one line of JSON, as it once was written, is gone on from, and the line break in a patient's
    words breaks nothing."""
    await engine.answer("c", "hello,\nis it free?", channel="web")
    [state] = await _rows(database, tracker_states)
    async with database.write() as connection:
        await connection.execute(tracker_states.update().values(data=json.dumps(json.loads(state.data))))
    await engine.answer("c", "x", channel="web", command="/ask_landline")
    [after] = await _rows(database, tracker_states)
    texts = [event["text"] for event in json.loads(after.data) if event["event"] == "user"]
    assert texts == ["hello,\nis it free?", "x"]
    assert json.loads(after.data)[: len(json.loads(state.data))] == json.loads(state.data)
