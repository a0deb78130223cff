"""Texts at once: each number's in the order of arrival, none lost, none doubled. On both databases.

Those about order and replays were seen to fail without the queue of a sender's texts (`SmsService._queue`). The store
takes its time, a different one each time, so that texts surely overtake each other where nothing keeps them in order.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict

from sqlalchemy import func, select

from bot.audit.store import audit
from bot.channels.sms import Inbound, SmsService
from bot.engine.tracker_store import tracker_events
from bot.settings import Rate
from tests.channels.patient import HELP, Patient, texting_app, texts
from tests.echo_engine import EchoEngine
from tests.engine.conftest import make_engine, model  # noqa: F401  # the real engine


def unsteady(service: SmsService) -> SmsService:
    """Make the look at what was answered before take up to 10 ms; and wait for an answer however long it takes."""
    reply = service._store.reply

    async def slowly(sid: str) -> list[str] | None:
        answered = await reply(sid)
        await asyncio.sleep(random.random() / 100)
        return answered

    service._store.reply = slowly  # type: ignore[method-assign]
    service._patience = 60  # these tests are about order, not time
    return service


async def test_replays_at_once_are_answered_once(settings_for, database, keys, serve):
    """Ten copies of one text in parallel are one turn, one answer, and one text for the limit."""
    engine = EchoEngine()
    app = texting_app(settings_for, engine, database, keys, sms_per_sender=Rate(2, 60))
    unsteady(app.ctx.texting.service)
    patient = Patient(await serve(app))
    form = patient.form("hello")
    answers = await asyncio.gather(*(patient.post(form) for _ in range(10)))
    (answer,) = {tuple(texts(answer)) for answer in answers}
    assert answer[0].endswith("echo: hello")
    assert len(engine.answered) == 1
    assert await patient.text("and another") == ["echo: and another"]


async def test_replays_of_a_keyword_at_once_count_once(settings_for, database, keys, serve):
    """Ten copies of a STOP in parallel are one wish, written down once."""
    app = texting_app(settings_for, EchoEngine(), database, keys)
    unsteady(app.ctx.texting.service)
    patient = Patient(await serve(app))
    form = patient.form("STOP")
    assert {tuple(texts(answer)) for answer in await asyncio.gather(*(patient.post(form) for _ in range(10)))} == {()}
    async with database.read() as connection:
        query = select(func.count()).select_from(audit).where(audit.c.action == "texts.stopped")
        assert (await connection.execute(query)).scalar_one() == 1


async def test_parallel_texts_keep_their_order_and_none_is_lost(settings_for, database, keys):
    """200 texts of 50 numbers at once: each is answered with its own answer, each number's in the order of arrival."""
    engine = EchoEngine()
    app = texting_app(settings_for, engine, database, keys)
    service = unsteady(app.ctx.texting.service)
    inbound = [
        Inbound(f"SM{number}-{turn}", f"+1845555{number:04}", HELP, f"text {turn} of {number}")
        for turn in range(4) for number in range(50)
    ]
    answers = await asyncio.gather(*(service.answer(one, request_id="r") for one in inbound))
    for one, answer in zip(inbound, answers, strict=True):
        assert answer[-1].endswith(f"echo: {one.text}")
    seen = defaultdict(list)
    for conversation, text, _, _ in engine.answered:
        seen[conversation].append(text)
    assert len(seen) == 50
    for number in range(50):
        conversation = service.conversation(f"+1845555{number:04}")
        assert seen[conversation] == [f"text {turn} of {number}" for turn in range(4)]
        history = await service._chat.history(conversation)
        assert [m.text for m in history] == [
            words for turn in range(4) for words in (f"text {turn} of {number}", f"echo: text {turn} of {number}")
        ]
    assert sum("automated" in answer[0] for answer in answers) == 50
    assert service._queues == {}


async def test_parallel_texts_over_http_are_all_answered(settings_for, database, keys, serve, monkeypatch):
    """The same number of texts over real connections: none lost, none doubled, no two answers mixed up."""
    monkeypatch.setattr("bot.http.api.ANSWER_WITHIN", 60.0)  # a slow machine is no failure
    engine = EchoEngine()
    app = texting_app(settings_for, engine, database, keys)
    unsteady(app.ctx.texting.service)
    client = await serve(app)
    client.timeout = 60

    async def send(number: int, turn: int) -> None:
        words = f"text {turn} of {number}"
        assert (await Patient(client, f"+1845555{number:04}").text(words))[-1].endswith(f"echo: {words}")

    await asyncio.gather(*(send(number, turn) for turn in range(4) for number in range(50)))
    assert len(engine.answered) == len({text for _, text, _, _ in engine.answered}) == 200


TALK = (  # what each of them says, and what the answer holds; "1" is only understood behind the text before it
    ("can my landline get the code", "landline"), ("1", "Without a mobile number"),
    ("is there a charge for the text", "carrier"), ("how long is a code good", "10 minutes"),
)


async def test_parallel_conversations_on_the_real_engine_keep_their_order(
    settings_for, database, keys, make_engine  # noqa: F811
):
    """200 texts of 50 numbers at once with Rasa behind: each is answered, each number's in order, and Rasa's own record
    of every conversation has them in that order too."""
    engine = make_engine(turn_timeout=60.0)
    service = unsteady(texting_app(settings_for, engine, database, keys).ctx.texting.service)
    inbound = [
        (Inbound(f"SM{number}-{turn}", f"+1845555{number:04}", HELP, said), expected)
        for turn, (said, expected) in enumerate(TALK) for number in range(50)
    ]
    answers = await asyncio.gather(*(service.answer(one, request_id="r") for one, _ in inbound))
    for (one, expected), answer in zip(inbound, answers, strict=True):
        assert expected in " ".join(answer), (one.text, answer)
    assert sum("automated" in answer[0] for answer in answers) == 50
    async with database.read() as connection:
        rows = await connection.execute(
            select(tracker_events.c.conversation, tracker_events.c.data).order_by(tracker_events.c.position)
        )
        heard = defaultdict(list)
        for conversation, data in rows:
            event = json.loads(data)
            if event["event"] == "user":
                heard[conversation].append(event["text"])
    first = [said for said, _ in TALK]
    assert Counter(len(said) for said in heard.values()) == {4: 50}
    for number in range(50):
        conversation = service.conversation(f"+1845555{number:04}")
        assert [heard[conversation][turn] for turn in (0, 2, 3)] == [first[turn] for turn in (0, 2, 3)]
        history = await service._chat.history(conversation)
        assert [m.text for m in history if m.sender == "patient"] == first
