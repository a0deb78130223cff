"""The engine's promise: every message is answered, in order, and a failure ends with the contact route."""

from __future__ import annotations

import asyncio
import logging

import pytest
from rasa_sdk.interfaces import Action

from bot.engine.model import Kind
from bot.engine.processor import TurnProcessor


class Unwell(Action):
    """Stands in for an action of the resend path: raises, hangs or says nothing."""

    def __init__(self, behave) -> None:
        self._behave = behave
        self.finished = asyncio.Event()

    def name(self) -> str:
        return "action_resend"

    async def run(self, dispatcher, tracker, domain):
        await self._behave(dispatcher)
        self.finished.set()
        return []


async def test_a_pressed_button_gets_the_topic_s_answer(engine):
    """A button's command is answered with the topic's own words and kind."""
    answer = await engine.answer("c", "Using a landline", channel="web", command="/ask_landline")
    [reply] = answer.replies
    assert "landline cannot be used" in reply.text
    assert (reply.kind, reply.topic) == (Kind.ANSWER, "ask_landline")
    assert answer.understanding.intent == "ask_landline"


async def test_the_same_question_twice_gets_other_words(engine):
    """A question that is asked again is answered in other words, and a third time in the first ones."""
    said = [
        (await engine.answer("c", "x", channel="web", command="/ask_landline")).replies[0].text for _ in range(3)
    ]
    assert said[0] != said[1]
    assert said[2] == said[0]


async def test_a_typed_intent_is_plain_text(engine):
    """A leading slash never chooses an intent, however it is wrapped."""
    wrapped = (
        "/request_resend", "  /request_resend", "//request_resend", '/request_resend{"channel": "email"}', "/",
        "/restart",
    )
    for typed in wrapped:
        answer = await engine.answer("slash", typed, channel="web")
        assert answer.understanding.decision != "answer", typed
        assert answer.replies


async def test_a_number_chooses_among_what_was_offered(engine):
    """"2", typed after a message with buttons, is the second button."""
    await engine.answer("c", "x", channel="web", command="/ask_what_is")
    answer = await engine.answer("c", "2", channel="web")
    assert answer.understanding.intent == "ask_delivery_options"


@pytest.mark.parametrize("reason", ["exception", "no_reply", "timeout"])
async def test_a_failing_action_ends_in_the_contact_route(make_engine, reason, caplog):
    """An action that raises, stays silent or hangs gives the failure answer, and the log names the request only."""

    async def behave(dispatcher):
        if reason == "exception":
            raise RuntimeError("secret words of a patient")
        if reason == "timeout":
            await asyncio.sleep(0.6)

    engine = make_engine(actions=[Unwell(behave)], turn_timeout=0.3)
    with caplog.at_level(logging.ERROR, logger="bot"):
        answer = await engine.answer(
            "c", "x", channel="web", command="/request_resend", metadata={"request_id": "r-1"}
        )
    assert answer.failure == reason
    [reply] = answer.replies
    assert reply.kind is Kind.ERROR
    assert "845-703-6999" in reply.text
    assert "Contact form" in reply.text
    ours = [record for record in caplog.records if record.name.startswith("bot")]
    assert [record.request_id for record in ours] == ["r-1"]
    assert "secret words" not in " ".join(record.getMessage() for record in ours)


async def test_a_turn_that_ran_out_of_time_is_finished_before_the_next(make_engine):
    """After a timeout the side effect still happens, and the next message waits for it."""
    order = []

    async def slow(dispatcher):
        await asyncio.sleep(0.5)
        order.append("sent")
        dispatcher.utter_message(response="utter_arrived")

    engine = make_engine(actions=[Unwell(slow)], turn_timeout=0.2)
    first = await engine.answer("c", "x", channel="web", command="/request_resend")
    second = await engine.answer("c", "x", channel="web", command="/ask_landline")
    order.append("answered")
    assert first.failure == "timeout"
    assert not second.failure
    assert order == ["sent", "answered"]


async def test_a_caller_that_goes_away_does_not_stop_the_turn(make_engine):
    """A cancelled request leaves a finished, recorded turn behind."""
    began = asyncio.Event()

    async def slow(dispatcher):
        began.set()
        await asyncio.sleep(0.2)
        dispatcher.utter_message(response="utter_arrived")

    action = Unwell(slow)
    engine = make_engine(actions=[action])
    caller = asyncio.create_task(engine.answer("c", "x", channel="web", command="/request_resend"))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await engine.answer("c", "x", channel="web", command="/ask_landline")
    assert action.finished.is_set()


async def test_messages_of_a_conversation_keep_their_order_and_others_do_not_wait(make_engine):
    """Ten messages at once are answered one after another, while another conversation's are not held up."""
    running = 0
    most = 0
    gate = asyncio.Event()

    async def watched(dispatcher):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        dispatcher.utter_message(response="utter_arrived")

    engine = make_engine(actions=[Unwell(watched)], turn_timeout=5)
    held = [
        asyncio.create_task(engine.answer("one", "x", channel="web", command="/request_resend")) for _ in range(10)
    ]
    other = await engine.answer("two", "x", channel="web", command="/ask_landline")
    gate.set()
    answers = await asyncio.gather(*held)
    assert other.replies[0].topic == "ask_landline"
    assert most == 1
    assert all(not answer.failure for answer in answers)


async def test_a_code_is_warned_about_once(engine):
    """The first masked code brings a notice; the next one does not scold again."""
    first = await engine.answer("c", "my code is [code], how long does it last?", channel="web")
    second = await engine.answer("c", "and [code], how long is that good for?", channel="web")
    assert [r.kind for r in first.replies].count(Kind.NOTICE) <= 1
    assert any("never share a code" in r.text.lower() for r in first.replies)
    assert not any(r.kind is Kind.NOTICE for r in second.replies)


async def test_what_may_be_an_emergency_hears_whom_to_call_first(engine, monkeypatch):
    """Then comes the answer; the next time in other words, and nothing of it where there is no danger."""
    plain = await engine.answer("c", "does a landline work?", channel="web")
    assert not any("988" in reply.text for reply in plain.replies)
    parse = TurnProcessor._parse

    async def doubtful(self, text, context=None):
        found = await parse(self, text, context)
        return {**found, "understanding": {**found["understanding"], "danger": True}}

    monkeypatch.setattr(TurnProcessor, "_parse", doubtful)
    first, second = [await engine.answer("c", "does a landline work?", channel="web") for _ in range(2)]
    for answer in (first, second):
        assert "911" in answer.replies[0].text
        assert "988" in answer.replies[0].text
        assert answer.replies[1].topic == "ask_landline"
        assert answer.understanding.intent == "ask_landline"
    assert first.replies[0].text != second.replies[0].text


async def test_danger_told_in_the_midst_of_a_question_is_heard(engine):
    """The message as a whole is about charges and gets their answer; one clause of it is not."""
    answer = await engine.answer(
        "c", "Is there a charge for the text messages on a prepaid plan, my husband has slid off his chair and stares "
        "at nothing, and how do I see my plan", channel="web",
    )
    assert "911" in answer.replies[0].text
    assert answer.replies[1].topic == "ask_text_charges"


async def test_who_was_warned_beside_an_answer_and_denies_danger_is_believed(engine, monkeypatch):
    """The engine tells the understanding that whom to call stood before the last answer, and only before the last."""
    seen = []
    parse = TurnProcessor._parse

    async def doubtful(self, text, context=None):
        found = await parse(self, text, context)
        seen.append(context["warned"])
        return {**found, "understanding": {**found["understanding"], "danger": text.startswith("ow")}}

    monkeypatch.setattr(TurnProcessor, "_parse", doubtful)
    for text in ("can i use my landline", "ow, does a landline work?", "nobody is hurt. is a text free?", "and email?"):
        answer = await engine.answer("c", text, channel="web")
        assert ("911" in answer.replies[0].text) == text.startswith("ow")
    assert seen == [False, False, True, False]


async def test_start_over_forgets(make_engine, database):
    """After "start over" nothing of the conversation is kept."""
    from sqlalchemy import func, select

    from bot.engine.tracker_store import tracker_events, tracker_states

    engine = make_engine()
    await engine.answer("c", "x", channel="web", command="/ask_landline")
    await engine.answer("c", "x", channel="web", command="/start_over")
    async with database.read() as connection:
        for table in (tracker_events, tracker_states):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar() == 0


async def test_a_conversation_survives_a_restart(make_engine):
    """Another process that opens the same database goes on where the first one stopped."""
    await make_engine().answer("c", "x", channel="web", command="/update_phone")
    answer = await make_engine().answer("c", "no", channel="web", command="/deny")
    assert "I cannot change it here" in answer.replies[0].text


async def test_a_database_that_is_away_gives_the_failure_answer(make_engine, database, monkeypatch):
    """The patient still gets a reply with the contact route when nothing can be stored."""
    from sqlalchemy.exc import OperationalError

    engine = make_engine()

    def away():
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(database, "read", away)
    answer = await engine.answer("c", "x", channel="web", command="/ask_landline")
    assert answer.failure == "unavailable"
    assert "845-703-6999" in answer.replies[0].text
