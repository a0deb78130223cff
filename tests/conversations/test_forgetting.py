"""What is forgotten, on request or by age, is found nowhere: not in a table, not in a file."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy import text as sql

from bot.accounts.demo import PASSWORD
from bot.db import Database
from bot.insights.retention import DAY
from tests.channels.patient import PATH, TOKEN, Patient, sign

WORDS = "zebra lantern"  # stands in nothing of ours
NUMBER = "+18455550143"
PUBLIC = "http://help.example.org"  # not https, whose cookies a client of plain http does not send


class Texting(Patient):
    """A texting patient of a service at that address."""

    async def text(self, text: str, **more: str) -> list[str]:
        """Send a text."""
        form = self.form(text, **more)
        answer = await self.post(form, signature=sign(form, url=PUBLIC + PATH))
        assert answer.status_code == 200, answer.text
        return [answer.text]


async def found_in(database: Database, *needles: str) -> list[str]:
    """The tables in which one of these stands anywhere."""
    found = []
    async with database.read() as connection:
        for name in await connection.run_sync(lambda sync: inspect(sync).get_table_names()):
            rows = (await connection.execute(sql(f'SELECT * FROM "{name}"'))).all()
            if any(needle in str(value) for needle in needles for row in rows for value in row):
                found.append(name)
    return found


def found_in_files(folder: Path, *needles: str) -> list[str]:
    """The files in which the bytes of one of these stand anywhere, free pages of the database included."""
    return [
        file.name for file in sorted(folder.rglob("*")) if file.is_file()
        and any(needle.encode() in file.read_bytes() for needle in needles)
    ]


async def twostep(folder: Path, *words: str) -> tuple[int, str]:
    """The command line beside the running server: exit status and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ, "TWOSTEP_DATA_DIR": str(folder / "data"), "COLUMNS": "200",
            "TWOSTEP_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'test.sqlite3'}",
        },
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def conversation_with(database: Database, words: str) -> str:
    async with database.read() as connection:
        query = sql("SELECT DISTINCT conversation FROM chat_messages WHERE text LIKE :words")
        return str((await connection.execute(query, {"words": f"%{words}%"})).scalar_one())


async def staff(patient):
    """A signed-in admin at another browser."""
    await patient.open_chat()
    begun = (await patient.client.post("/v1/sign-in", json={"username": "morgan", "password": PASSWORD})).json()
    before = len((await patient.client.get("/demo/outbox.json")).json()["messages"])
    await patient.client.post(f"/v1/challenges/{begun['challenge']}/code", json={"channel": "email"})
    for _ in range(150):
        messages = (await patient.client.get("/demo/outbox.json")).json()["messages"]
        if len(messages) > before:
            break
        await asyncio.sleep(0.02)
    code = re.search(r"\b\d{6}\b", messages[0]["body"])
    assert code
    done = await patient.client.post(f"/v1/challenges/{begun['challenge']}/verify", json={"code": code[0]})
    assert done.status_code == 200
    return patient.client


async def test_forgets_a_conversation_by_its_id(arrive, tmp_path: Path, sqlite_database: Database):
    """After everything that a conversation can leave (a resend, thumbs, a filed request with its transcript, a look and
    a label by staff), `twostep forget ID` leaves its id and its words in no table and no file; the figures stay."""
    alex = await arrive()
    await alex.sign_in()
    await alex.say(f"the {WORDS} does not work")
    alex.clock.pass_seconds(31)
    assert "on its way" in await alex.say("send me another code please")
    history = (await alex.client.get("/chat/session")).json()["messages"]
    thumb = {"message": history[-1]["id"], "helpful": False}
    assert (await alex.client.post("/chat/feedback", json=thumb)).status_code == 204
    await alex.say("talk to a person")
    await alex.press("Write to them from here")
    for words in ("Alex Example", "alex@example.com", f"My {WORDS} is gone."):
        await alex.say(words)
    await alex.press("Yes, add it")
    assert "reference" in await alex.press("Send it")
    await alex.press("Write to them from here")
    await alex.say("Alex Again")
    conversation = await conversation_with(sqlite_database, WORDS)
    morgan = await staff(alex)
    assert WORDS in (await morgan.get(f"/staff/conversations/{conversation}")).text
    label = {"conversation": conversation, "seq": "2", "action": "label", "intent": "report_no_access"}
    assert (await morgan.post("/staff/questions", data=label)).status_code == 303
    await alex.mail(4)
    assert len(await found_in(sqlite_database, conversation)) > 5
    report = (await morgan.get("/staff/tables/summary.csv")).text

    status, said = await twostep(tmp_path, "forget", conversation)
    assert (status, said) == (0, "Forgotten. Its counts stay in the figures, of nobody.\n")

    assert await found_in(sqlite_database, conversation, WORDS) == []
    assert found_in_files(tmp_path, conversation, WORDS) == []
    assert (await morgan.get(f"/staff/conversations/{conversation}")).status_code == 404
    assert (await morgan.get("/staff/tables/summary.csv")).text == report
    requests = (await morgan.get("/staff/requests")).text
    reference = re.search(r"/staff/requests/([A-Z0-9-]+)", requests)
    assert reference  # somebody waits for an answer: the request stays, its transcript does not
    assert "Conversation with the assistant" not in (await morgan.get(f"/staff/requests/{reference[1]}")).text
    status, said = await twostep(tmp_path, "forget", conversation)
    assert (status, said.strip()) == (1, "twostep: there is no such conversation (any more)")


async def test_forgets_everything_of_a_phone_number(arrive, tmp_path: Path, sqlite_database: Database):
    """`twostep forget PHONE` finds a number's texts by however the number is written; another number keeps its own."""
    sender = await arrive(twilio_auth_token=TOKEN, public_url=PUBLIC)
    robin, other = Texting(sender.client, NUMBER), Texting(sender.client, "+18455550144")
    assert await robin.text(f"the {WORDS} does not work") != []
    await robin.text("will they charge me for the text?")
    await other.text("is a landline ok for the quiet orchard")
    conversation = await conversation_with(sqlite_database, WORDS)
    assert conversation.startswith("sms:")
    status, said = await twostep(tmp_path, "forget", "(845) 555-0143")
    assert (status, said.partition(".")[0]) == (0, "Forgotten")
    assert await found_in(sqlite_database, conversation, WORDS, NUMBER) == []
    assert found_in_files(tmp_path, conversation, WORDS, NUMBER) == []
    assert await found_in(sqlite_database, "quiet orchard") != []


@pytest.mark.parametrize(("who", "why"), [
    ("555", "neither a conversation's id nor a phone number"), ("", "give a conversation's id or a phone number"),
])
async def test_tells_who_cannot_be_forgotten(tmp_path: Path, who: str, why: str):
    """What is neither id nor number is one line on the error output and exit status 1."""
    status, said = await twostep(tmp_path, "forget", who)
    assert status == 1
    assert why in said
    assert len(said.strip().splitlines()) == 1


async def test_words_go_when_their_time_is_over(arrive, tmp_path: Path, sqlite_database: Database):
    """30 days later the words are gone from every table and file, also those of a number that goes on texting; what
    was said since, and the figures, stay. Notes of staff go with their request."""
    alex = await arrive(twilio_auth_token=TOKEN, public_url=PUBLIC)
    texting = Texting(alex.client, NUMBER)
    await alex.open_chat()
    await alex.say(f"the {WORDS} does not work")
    await alex.say("talk to a person")
    await alex.press("Write to them from here")
    for words in ("Alex Example", "alex@example.com"):
        await alex.say(words)
    await alex.press("Use this")
    await alex.press("Yes, add it")
    assert "reference" in await alex.press("Send it")
    await texting.text(f"is the {WORDS} a landline")
    morgan = await staff(alex)
    reference = re.search(r"/staff/requests/([A-Z0-9-]+)", (await morgan.get("/staff/requests")).text)
    assert reference
    note = {"state": "done", "note": "called back"}
    assert (await morgan.post(f"/staff/requests/{reference[1]}", data=note)).status_code == 303
    alex.clock.now += 20 * DAY
    await texting.text("is the quiet orchard a landline")
    web, number = [await conversation_with(sqlite_database, words) for words in ("does not work", "quiet orchard")]

    async def episodes() -> list[tuple[str, str]]:
        await alex.app.ctx.insights.settle()
        query = "SELECT channel, outcome FROM insight_episodes WHERE outcome IS NOT NULL ORDER BY began_at, channel"
        async with sqlite_database.read() as connection:
            return [(row.channel, row.outcome) for row in await connection.execute(sql(query))]

    before = await episodes()
    assert sorted(channel for channel, _ in before) == ["sms", "sms", "web"]
    alex.clock.now += 11 * DAY
    await alex.app.ctx.retention.run_once()
    assert await found_in(sqlite_database, WORDS, web) == []
    assert await found_in(sqlite_database, "quiet orchard", number) != []
    assert await episodes() == before
    async with sqlite_database.read() as connection:
        for table in ("contact_requests", "contact_work", "contact_drafts", "chat_feedback"):
            assert (await connection.execute(sql(f"SELECT count(*) FROM {table}"))).scalar() == 0, table
    assert found_in_files(tmp_path, WORDS, web) == []
