"""Texts through the served application: answered once, in order, keywords first, limits, privacy."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text as sql

from bot.channels.sms import Inbound
from bot.db import Database, system_clock
from bot.privacy import Keys
from bot.settings import Rate, Settings
from tests.channels.patient import CODES, HELP, Patient, texting_app, texts
from tests.conftest import Serve
from tests.echo_engine import EchoEngine

Start = Callable[..., Any]


@pytest.fixture
def engine() -> EchoEngine:
    """Says what it was told."""
    return EchoEngine()


@pytest_asyncio.fixture
async def start(
    settings_for: Callable[..., Settings], engine: EchoEngine, sqlite_database: Database, keys: Keys, serve: Serve
) -> AsyncIterator[Start]:
    """`await start(**settings)`: a patient who is known already, at an application with these settings."""

    async def begin(number: str = "+18455550142", known: bool = True, **settings: Any) -> Patient:
        app = texting_app(settings_for, engine, sqlite_database, keys, **settings)
        patient = Patient(await serve(app), number)
        if known:
            service = app.ctx.texting.service
            await service._store.keep("before", service.conversation(number), [], system_clock(), introduced=True)
        return patient

    yield begin


async def test_a_first_text_is_told_once_who_answers(start):
    """A new sender reads once that this is automated and no place for health information."""
    patient = await start(known=False)
    first, second = await patient.text("hi"), await patient.text("hi")
    assert first == ["Hello, I am the automated assistant for sign-in codes. How can I help?\necho: hi"]
    assert second == ["echo: hi"]


async def test_a_replayed_text_has_no_second_effect(start, engine):
    """The same MessageSid again gets the same answer, and the engine sees it once; another one is a new text."""
    patient = await start(known=False)
    form = patient.form("what is this")
    answers = [texts(await patient.post(form)) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert len(engine.answered) == 1
    await patient.text("what is this")
    assert len(engine.answered) == 2


async def test_buttons_become_numbers(start):
    """Choices are offered as numbers and shown by title; no payload is in the text."""
    patient = await start()
    assert await patient.text("choose") == [
        'Shall I send a new code?\nReply 1 for "Yes, send it"\n2 for "No, thanks"'
    ]


async def test_links_are_written_out(start):
    """A link is its address, a number to call the number; what is no such link is only its label."""
    patient = await start()
    (text,) = await patient.text("links")
    assert text.startswith("Use the contact form: https://clinic.example/contact, call 845-703-6999, or not ")
    assert "](https" not in text and "tel:" not in text


# --- keywords ---------------------------------------------------------------------------------------------------

STOPS = (
    "STOP", "stop", " Stop ", "Stop.", "STOPALL", "stop all", "UNSUBSCRIBE", "cancel", "End", "QUIT", "REVOKE",
    "OPTOUT", "opt out", "Opt-Out", "opt  out!", "\u200bSTOP\n",
)


def others(patient: Patient, count: int) -> list[Patient]:
    """That many further numbers."""
    return [Patient(patient.client, f"+1845555{number:04}") for number in range(count)]


async def test_stop_words_are_kept_from_the_engine_and_recorded(start, engine):
    """By default Twilio answers STOP itself: our answer is empty, and from then on the sender gets none."""
    for patient, word in zip(others(await start(), len(STOPS)), STOPS, strict=True):
        assert await patient.text(word) == [], word
        assert await patient.text("are you there") == [], word
    assert engine.answered == []


async def test_start_words_bring_the_texts_back(start):
    """After STOP, START and its variants let the assistant answer again."""
    words = ("START", " start", "Unstop", "YES", "yes!")
    for patient, word in zip(others(await start(), len(words)), words, strict=True):
        await patient.text("STOP")
        assert await patient.text(word) == [], word
        assert (await patient.text("hello"))[0].endswith("echo: hello"), word


async def test_help_is_twilios_by_default(start, engine):
    """HELP and INFO get Twilio's own answer and none of ours."""
    patient = await start()
    for word in ("HELP", "help", "Info", " INFO "):
        assert await patient.text(word) == [], word
    assert engine.answered == []


async def test_help_that_twilio_may_not_take_for_its_keyword_is_answered(start, engine):
    """Twilio answers the single word; "help!" is answered here, so that nobody in need hears nothing. Twice is better
    than never, but not where Twilio says that it answered, nor where texts are stopped."""
    patient = await start()
    for text in ("help!", "Help?", '"HELP"'):
        (answer,) = await patient.text(text)
        assert "Msg&data rates may apply" in answer, text
    assert await patient.text("help!", OptOutType="HELP") == []
    await patient.text("STOP")
    assert await patient.text("help!") == []
    assert engine.answered == []


async def test_messages_that_only_contain_such_words_are_messages(start):
    """Only a text that is a keyword as a whole is one; a yes is an answer unless texts were stopped."""
    patient = await start()
    for text in (
        "yes", "stop sending me old codes", "help my code is gone", "the end", "cancel my appointment", "start over"
    ):
        assert await patient.text(text) == [f"echo: {text}"]


async def test_our_own_keyword_answers(start, engine):
    """With TWOSTEP_SMS_KEYWORDS=ours each keyword is answered; HELP names practice, phone, rates and STOP."""
    patient = await start(sms_keywords="ours")
    (helped,) = await patient.text("Help")
    for fact in ("Crystal Run Healthcare", "845-703-6999", "Msg&data rates may apply", "STOP"):
        assert fact in helped
    (stopped,) = await patient.text("stop")
    assert "no more texts" in stopped and "START" in stopped
    assert await patient.text("stop") == []
    (again,) = await patient.text("start")
    assert "HELP" in again and "STOP" in again
    assert await patient.text("hi") == ["echo: hi"]


async def test_twilios_word_counts_before_the_text(start, engine):
    """`OptOutType` says what Twilio understood and answered: it is recorded, and nothing is said twice."""
    patient = await start(sms_keywords="ours")
    assert await patient.text("no mas mensajes", OptOutType="STOP") == []
    assert await patient.text("hello") == []
    assert await patient.text("si", OptOutType="START") == []
    assert await patient.text("ayuda", OptOutType="HELP") == []
    assert await patient.text("hello") == ["echo: hello"]


async def test_stop_to_one_number_leaves_the_other_alone(start, sqlite_database, keys):
    """STOP to the help number lets codes go on; STOP to the code number lets help go on; each START likewise."""
    from bot.delivery.store import OutboxStore

    patient, outbox = await start(), OutboxStore(sqlite_database, keys)

    async def codes_stopped() -> bool:
        async with sqlite_database.read() as connection:
            return await outbox.opted_out(connection, patient.number)

    await patient.text("STOP", To=HELP)
    assert not await codes_stopped()
    await patient.text("STOP", To=CODES)
    assert await codes_stopped()
    await patient.text("START", To=HELP)
    assert await codes_stopped()
    assert await patient.text("hi", To=HELP) == ["echo: hi"]
    assert await patient.text("hi", To=CODES) == []
    await patient.text("START", To=CODES)
    assert not await codes_stopped()


async def test_a_replayed_stop_after_start_does_not_stop(start):
    """An old STOP that is sent again is no new wish."""
    patient = await start()
    stop = patient.form("STOP")
    await patient.post(stop)
    await patient.text("START")
    assert texts(await patient.post(stop)) == []
    assert await patient.text("hi") == ["echo: hi"]


# --- limits -----------------------------------------------------------------------------------------------------


async def test_too_many_texts_get_one_notice_then_silence(start, engine):
    """Beyond the limit a sender is told once, then nothing; others are not concerned, and STOP is always heard."""
    patient = await start(sms_per_sender=Rate(3, 60))
    answers = [await patient.text(f"text {n}") for n in range(6)]
    assert answers[:3] == [["echo: text 0"], ["echo: text 1"], ["echo: text 2"]]
    assert len(answers[3]) == 1 and "845-703-6999" in answers[3][0]
    assert answers[4:] == [[], []]
    assert len(engine.answered) == 3
    assert (await Patient(patient.client, "+18455550143").text("hi"))[0].endswith("echo: hi")
    await patient.text("STOP")
    assert await patient.text("START") == []


async def test_a_days_limit(start):
    """The day's limit holds when the short one does not."""
    patient = await start(sms_per_sender=Rate(50, 60), sms_per_sender_day=4)
    answers = [await patient.text("hi") for _ in range(6)]
    assert [len(answer) for answer in answers] == [1, 1, 1, 1, 1, 0]
    assert answers[3] == ["echo: hi"] and answers[4] != ["echo: hi"]


async def test_replays_count_for_no_limit(start):
    """A text that Twilio hands over again is counted once."""
    patient = await start(sms_per_sender=Rate(2, 60))
    form = patient.form("one")
    for _ in range(5):
        assert texts(await patient.post(form)) == ["echo: one"]
    assert await patient.text("two") == ["echo: two"]


async def test_the_keyword_answers_are_limited_too(start):
    """Two machines that text HELP to each other come to an end."""
    patient = await start(sms_keywords="ours", sms_per_sender=Rate(2, 60))
    assert [len(await patient.text("HELP")) for _ in range(4)] == [1, 1, 0, 0]


# --- what arrives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  ", "\x07"])
async def test_a_picture_alone_is_answered_in_words(start, engine, text):
    """A text without words says so, and how to reach a person."""
    patient = await start()
    media = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/m", "MediaContentType0": "image/png"}
    (answer,) = await patient.text(text, **media)
    assert "words" in answer and "845-703-6999" in answer
    assert engine.answered == []


async def test_a_long_text_is_read_to_its_end(start, engine):
    """Ten joined segments reach the engine; more than Twilio sends is cut, never in the middle of a code."""
    patient = await start()
    long = ("my portal does not let me in " * 54).strip()
    assert 1500 < len(long) <= 1600
    await patient.text(long)
    assert engine.answered[-1][1] == long
    await patient.text("a" * 1597 + " 123456 and more")
    assert "123" not in engine.answered[-1][1]


async def test_a_code_is_masked_and_reported(settings_for, engine, sqlite_database, keys, serve, caplog, tmp_path):
    """A texted code reaches neither engine nor database nor log, and is reported; a number is nowhere in clear."""
    caplog.set_level(logging.DEBUG)
    exposed: list[tuple[str, str]] = []

    async def expose(conversation: str, code: str) -> None:
        exposed.append((conversation, code))

    app = texting_app(settings_for, engine, sqlite_database, keys, parts={"exposed": expose})
    patient = Patient(await serve(app))
    await patient.text("my code is 48 15 16 and my cell is 845-555-0177")
    await patient.text("STOP")
    ((conversation, code),) = exposed
    assert code == "481516" and conversation.startswith("sms:")
    assert engine.answered[0][0] == conversation
    assert engine.answered[0][1] == "my code is [code] and my cell is •••-•••-0177"
    kept = read_all(tmp_path)
    for secret in ("481516", "48 15 16", "8455550142", "5550142", "845-555-0177"):
        assert secret.encode() not in kept
        assert secret not in caplog.text
        assert secret not in conversation


def read_all(folder: Path) -> bytes:
    """Everything in the database's files."""
    return b"".join(path.read_bytes() for path in folder.rglob("*.sqlite3*"))


async def test_staff_see_the_conversation(start, sqlite_database, keys):
    """Both sides of a text conversation are recorded under its pseudonym, like the web's."""
    from bot.channels.store import ConversationStore

    patient = await start()
    await patient.text("choose")
    async with sqlite_database.read() as connection:
        (conversation,) = (await connection.scalars(sql("SELECT id FROM chat_conversations"))).all()
    history = await ConversationStore(sqlite_database).history(conversation)
    assert [(m.sender.value, m.text) for m in history] == [("patient", "choose"), ("bot", "Shall I send a new code?")]
    assert conversation.startswith("sms:") and patient.number not in conversation


async def test_a_forgotten_number_is_gone_and_begins_anew(settings_for, engine, sqlite_database, keys, serve):
    """Forgetting a number deletes its conversation, its answers and that it was introduced."""
    app = texting_app(settings_for, engine, sqlite_database, keys)
    patient = Patient(await serve(app))
    await patient.text("hi")
    await app.ctx.texting.service.forget(patient.number)
    async with sqlite_database.read() as connection:
        for table in ("chat_conversations", "chat_messages", "sms_texts", "sms_senders"):
            assert await connection.scalar(sql(f"SELECT count(*) FROM {table}")) == 0
    assert len(engine.forgotten) == 1
    assert "automated" in (await patient.text("hi"))[0]


# --- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["fail", "silence"])
async def test_a_broken_engine_ends_in_words_and_the_contact_route(start, text):
    """When the engine raises or says nothing, the patient reads how to reach a person."""
    patient = await start()
    (answer,) = await patient.text(text)
    assert "https://CrystalRunHealthcare.com/Contact" in answer and "845-703-6999" in answer


async def test_a_database_that_is_away_ends_in_words_but_a_stop_is_not_lost(start, sqlite_database):
    """Without its tables a text gets the contact route; a STOP gets 503, so that Twilio knows it was not heard."""
    patient = await start()
    async with sqlite_database.write() as connection:
        await connection.execute(sql("DROP TABLE sms_texts"))
    assert "845-703-6999" in (await patient.text("hi"))[0]
    assert (await patient.post(patient.form("STOP"))).status_code == 503


async def test_a_turn_that_outlasts_twilio_is_finished_and_kept(settings_for, engine, sqlite_database, keys):
    """When a turn takes longer than Twilio waits, words come in time, and its answer to the text's next delivery."""
    app = texting_app(settings_for, engine, sqlite_database, keys)
    service = app.ctx.texting.service
    service._patience = 0.01
    text = Inbound("SM1", "+18455550142", HELP, "slow")
    (late,) = await service.answer(text, request_id="r1")
    assert "845-703-6999" in late
    engine.release.set()
    await service.drain()
    service._patience = 12
    (answer,) = await service.answer(text, request_id="r2")
    assert answer.endswith("echo: slow")
    assert len(engine.answered) == 1
