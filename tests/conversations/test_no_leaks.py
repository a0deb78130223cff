"""A whole day of patients, with every logger at its most talkative: afterwards no log, table, file or metric holds a
code, a token, a password, a full number or an address (security.md, 'Last').
"""

from __future__ import annotations

import logging
import re

import pytest
from pydantic import SecretStr
from sqlalchemy import inspect
from sqlalchemy import text as sql

from bot.accounts.demo import PASSWORD
from bot.audit.store import AuditStore
from bot.privacy import load_keys
from tests.channels.patient import CODES, HELP, TOKEN
from tests.conversations.test_forgetting import PUBLIC, Texting

OURS = ("twostep", "rasa", "rasa_sdk", "sanic", "sqlalchemy", "aiosqlite", "asyncio", "twilio", "aiohttp", "aiosmtplib")
WORDS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905


def disguises(code: str) -> dict[str, str]:
    """Ways of writing a code in a chat."""
    return {
        "spaced": " ".join(code), "dashed": "-".join(code), "in two": f"{code[:3]} {code[3:]}",
        "in words": " ".join(WORDS[int(digit)] for digit in code),
        "fullwidth": "".join(chr(ord(digit) + 0xFEE0) for digit in code),
        "arabic": "".join(chr(ord(digit) - ord("0") + 0x660) for digit in code), "plain": code,
    }


def stands_in(text: str, secret: str) -> str:
    """Where a secret stands in a text, empty when it does not. Six digits within a longer number, a hash or a key are
    no code: among so many of those they come about by chance."""
    for found in re.finditer(re.escape(secret), text):
        before = re.search(r"[\w.-]*\Z", text[max(0, found.start() - 64):found.start()])
        after = re.match(r"[\w.-]*", text[found.end():found.end() + 64])
        around = (before[0] if before else "") + (after[0] if after else "")
        by_chance = len(secret) == 6 and (re.fullmatch(r"[\d.-]*\d[\d.-]*", around) or len(around) > 20)
        if not by_chance:
            return text[max(0, found.start() - 60):found.end() + 40]
    return ""


def test_a_code_is_told_from_chance() -> None:
    """Codes are found in sentences, fields and lists, not in floats, times and hashes."""
    for text in ("code 123456.", '{"code":"123456"}', "('123456',)", "#123456", "code=123456&x", "code123456"):
        assert stands_in(text, "123456")
    for text in ("0.123456789", "1795123456.25", "e8353f9e123456aa1626198a3e69d140", "", "12345"):
        assert not stands_in(text, "123456")


async def test_nothing_is_left_of_what_must_not_be(arrive, sqlite_database, caplog, tmp_path, settings_for):
    """Web, text message and sign-in pages, right and wrong, with codes in every disguise, numbers and addresses typed
    where they do not belong; then logs, tables, database files and metrics are searched."""
    for name in OURS:
        caplog.set_level(logging.DEBUG, name)
    caplog.handler.setLevel(logging.DEBUG)
    secrets: dict[str, str] = {
        "password": PASSWORD, "wrong password": "not this horse", "alex": "8455550142", "robin": "8455550143",
        "typed": "8455550177", "reply": "kim.sample@example.org", "mail": "alex@example.com", "new": "8455550199",
        "twilio": TOKEN,
    }
    alex = await arrive(
        twilio_auth_token=SecretStr(TOKEN), public_url=PUBLIC, help_sender=HELP, code_sender=CODES,
        sends_per_hour=100, sms_per_sender="100/60", contact_per_address="100/600",
    )
    post = alex.client.post

    # at the sign-in
    await post("/v1/sign-in", json={"username": "alex", "password": secrets["wrong password"]})
    await post("/sign-in", data={"username": "alex", "password": secrets["wrong password"]})
    await alex.sign_in()
    secrets["pre-auth"] = alex.client.cookies["twostep_preauth"].partition(".")[0]
    secrets["first code"] = (await alex.codes(1))[0]
    await post(f"/v1/challenges/{alex.challenge}/verify", json={"code": "000000"})
    await post(f"/v1/challenges/{alex.challenge}/verify", json={"code": int(secrets["first code"])})
    handoff = (await post("/v1/handoffs")).json()["handoff"]
    secrets["handoff"] = handoff
    await alex.client.put("/chat/session/handoff", json={"handoff": handoff})

    # in the chat
    for name, written in disguises(secrets["first code"]).items():
        await alex.say(f"my code {written} was rejected")
        secrets[f"first code, {name}"] = written
    await alex.say("send it to (845) 555-0177 or kim.sample@example.org")
    alex.clock.pass_seconds(31)
    assert "on its way" in await alex.say("send me another code please")
    secrets["second code"] = (await alex.codes(2))[0]
    await alex.say("I want to send a message to the practice")
    await alex.say("Kim Sample, 845 555 0177")
    await post("/v1/contact", json={
        "name": "Kim Sample", "reply_to": secrets["reply"], "reason": "Billing", "include_transcript": True,
        "message": f"my code is {secrets['second code']}, call 845-555-0177",
    })

    # signed in
    signed_in = await post(f"/v1/challenges/{alex.challenge}/verify", json={"code": secrets["second code"]})
    assert signed_in.status_code == 200
    secrets["session"] = alex.client.cookies["twostep_session"].partition(".")[0]
    await alex.client.patch("/v1/me/contact-points", json={"mobile": "+18455550199"})
    secrets["third code"] = next(code for code in await alex.codes(4) if code not in secrets.values())
    assert (await post("/v1/me/contact-points/confirm", json={"code": secrets["third code"]})).status_code == 200

    # by text message
    begun = await post("/v1/sign-in", json={"username": "robin", "password": PASSWORD})
    await post(f"/v1/challenges/{begun.json()['challenge']}/code", json={"channel": "sms"})
    texting = Texting(alex.client, "+18455550143")
    alex.clock.pass_seconds(121)
    for words in ("hi", "send me a new code", "my number is 845-555-0177", "STOP", "START"):
        await texting.text(words)
    metrics = (await alex.client.get("/metrics")).text
    sent = (await alex.client.get("/demo/outbox.json")).json()["messages"]
    newest = [found for message in sent for found in re.findall(r"#(\d{6})", message["body"])]
    await texting.text(f"is it {' '.join(newest[0])}")
    secrets |= {f"sent code {number}": code for number, code in enumerate(dict.fromkeys(newest))}
    secrets["texted code"] = " ".join(newest[0])
    assert len(set(newest)) >= 5

    places = {"metrics": metrics, "logs": caplog.text + "".join(repr(vars(record)) for record in caplog.records)}
    async with sqlite_database.read() as connection:
        for table in await connection.run_sync(lambda sync: inspect(sync).get_table_names()):
            places[table] = repr((await connection.execute(sql(f'SELECT * FROM "{table}"'))).all())
    for file in sorted(tmp_path.rglob("*.sqlite3*")):
        places[file.name] = file.read_bytes().decode("utf-8", "replace")
    assert len(places["logs"]) > 10_000 and len(places["tracker_events"]) > 1000 and len(places["audit"]) > 1000
    numbers = {f"{name}, written": f"{n[:3]}-{n[3:6]}-{n[6:]}" for name, n in secrets.items() if n.startswith("845")}
    assert [
        (place, name, found) for place, text in places.items() for name, secret in {**secrets, **numbers}.items()
        if (found := stands_in(text, secret))
    ] == []
    keys = load_keys("", settings_for().data_dir)
    assert await AuditStore(sqlite_database, keys).verify() == []


@pytest.mark.parametrize("name", OURS)
def test_the_loggers_are_those_that_speak(name: str) -> None:
    """Each library named above can be found among the installed ones, so that its log was really listened to."""
    assert name == "twostep" or __import__(name)
