"""Two replicas are one assistant: nothing is lost, doubled or out of order, and what goes away comes back.

`TWOSTEP_TEST_OUTAGE=20` makes the outages 20 seconds long; by default they are as short as proves it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from bot.db import Database
from bot.delivery.store import outbox
from bot.verification.store import codes
from tests.replicas.site import PATIENTS, Browser, Site, freeze, thaw

OUTAGE = float(os.environ.get("TWOSTEP_TEST_OUTAGE", "2"))
QUESTIONS = (
    "will they charge me for the text?", "how long is the code good for", "can u send it to my landline",
    "do I need my password still", "why do i have to do this every time", "I have a new cell number",
)


def kinds(messages: list[dict[str, Any]]) -> set[str]:
    """The kinds of messages."""
    return {message["kind"] for message in messages}


def is_problem(answer: httpx.Response, code: str = "unavailable") -> bool:
    """True for a 503 of ours: problem details that say when to try again."""
    return (
        answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["code"] == code and int(answer.headers["retry-after"]) > 0
    )


async def eventually(attempt: Callable[[], Any]) -> Any:
    """What an attempt gives once it gives something; recovery needs nobody."""
    for _ in range(80):
        try:
            if found := await attempt():
                return found
        except (httpx.TransportError, AssertionError):
            pass
        await asyncio.sleep(0.25)
    raise AssertionError("it did not recover by itself")


async def test_a_conversation_hops_between_replicas(site: Site) -> None:
    """What one replica was told, the other knows: history, the question asked, the sign-in that waits."""
    async with site.browser() as patient:
        challenge = await patient.sign_in("patient1")
        assert (await patient.send_code(challenge)).status_code == 202
        await patient.begin()
        await patient.hand_over()
        said = []
        for question in QUESTIONS[:4]:
            said += [question, *(reply["text"] for reply in await patient.say(question))]
        await asyncio.sleep(1)  # the wait between two codes
        offer = await patient.say("i never got the code")
        assert "0001" in " ".join(reply["text"] for reply in offer)
        sent = await patient.say("yes please")
        assert "on its way" in sent[0]["text"]
        history = await patient.history()
        assert [message["seq"] for message in history] == list(range(1, len(history) + 1))
        assert [message["text"] for message in history[1 : 1 + len(said)]] == said
        assert len(site.served_by(patient.request_ids)) == 2


async def test_twenty_messages_at_once_keep_their_order(site: Site) -> None:
    """Twenty messages of one conversation, over both replicas: each is answered once, in the order of their numbers."""
    async with site.browser() as patient:
        await patient.begin()
        ids = [str(uuid4()) for _ in range(20)]
        answers = await asyncio.gather(
            *(patient.say(f"{QUESTIONS[n % len(QUESTIONS)]}", message) for n, message in enumerate(ids))
        )
        history = await patient.history()
        number = {message["id"]: message["seq"] for message in history}
        assert len(number) == len(history)
        asked = [message["id"] for message in history if message["from"] == "patient"]
        assert sorted(asked) == sorted(ids)
        replies = dict(zip(ids, answers, strict=True))
        assert all(replies.values())
        in_order = [reply["id"] for message in asked for reply in replies[message]]
        assert in_order == [message["id"] for message in history if message["from"] == "bot"][1:]
        assert len(site.served_by(patient.request_ids)) == 2
        for message in ids:  # and once more: the same answers, nothing new
            assert await patient.say(QUESTIONS[ids.index(message) % len(QUESTIONS)], message) == replies[message]
        assert await patient.history() == history


async def _chats(patient: Browser, until: asyncio.Event) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """Asks one question after the other; what was said, and the answers."""
    await patient.begin()
    answered = {}
    while not until.is_set():
        message, text = str(uuid4()), QUESTIONS[len(answered) % len(QUESTIONS)]
        answered[message] = (text, await patient.insist(text, message))
    return answered


async def _waits_for_a_code(patient: Browser, name: str) -> None:
    """Signs in, has a first code sent, hands over to the chat."""
    challenge = await patient.sign_in(name)
    assert (await patient.send_code(challenge)).status_code == 202
    await patient.begin()
    await patient.hand_over()


async def _sends_of(site: Site) -> tuple[int, int, int]:
    """Codes made, texts not sent yet, and how many may have gone out twice."""
    database = Database(site.database_url)
    try:
        async with database.read() as connection:
            made = await connection.scalar(select(func.count()).select_from(codes))
            rows = (await connection.execute(select(outbox.c.state, outbox.c.ambiguous))).all()
    finally:
        await database.close()
    states = Counter(row.state for row in rows)
    return int(made or 0), states["queued"] + states["sending"], sum(row.ambiguous for row in rows)


async def test_a_killed_replica_loses_no_message_and_doubles_no_send(site: Site) -> None:
    """kill -9 under load: each message that was sent is answered, once; each code that was asked for goes out once."""
    twilio, until = site.twilio.server, asyncio.Event()
    browsers = [site.browser() for _ in range(4)]
    waiting = {name: (site.browser(), str(uuid4())) for name in list(PATIENTS)[1:5]}
    made_before, _, _ = await _sends_of(site)
    texts_before = sum(twilio.bodies.values())
    twilio.delay = 0.05
    try:
        await asyncio.gather(*(_waits_for_a_code(browser, name) for name, (browser, _) in waiting.items()))
        await asyncio.sleep(1)  # the wait between two codes
        chatting = [asyncio.create_task(_chats(browser, until)) for browser in browsers]
        await asyncio.sleep(0.5)
        asking = []
        for browser, message in waiting.values():
            asking.append(asyncio.create_task(browser.insist("send me a new code", message)))
            await asyncio.sleep(0.02)
        site.replicas[0].kill()
        sent = await asyncio.gather(*asking)
        until.set()
        talks = await asyncio.gather(*chatting)
        for browser, talk in zip(browsers, talks, strict=True):
            assert len(talk) > 1
            history = await browser.history()
            asked = [message for message in history if message["from"] == "patient"]
            assert [message["id"] for message in asked] == list(talk)
            answers = [message["id"] for message in history if message["from"] == "bot"][1:]
            assert answers == [reply["id"] for _, replies in talk.values() for reply in replies]
            for message, (text, replies) in list(talk.items())[-3:]:
                assert await browser.say(text, message) == replies
        for (browser, message), replies in zip(waiting.values(), sent, strict=True):
            assert "on its way" in replies[0]["text"], replies
            assert await browser.say("send me a new code", message) == replies
    finally:
        until.set()
        for browser in [*browsers, *(browser for browser, _ in waiting.values())]:
            await browser.http.aclose()
        site.replicas[0].start()
        site.replicas[0].wait()
        twilio.delay = 0.0

    async def all_sent() -> bool:
        return (await _sends_of(site))[1] == 0

    await eventually(all_sent)
    made, _, in_doubt = await _sends_of(site)
    assert made - made_before == 2 * len(waiting)  # the first code, and the one asked for in the chat
    doubled = [body for body, count in twilio.bodies.items() if count > 1]
    assert all(twilio.bodies[body] == 2 for body in doubled)  # in the killed worker's hands: sent again with its code
    assert len(doubled) <= in_doubt
    assert sum(twilio.bodies.values()) - texts_before <= 2 * len(waiting) + len(doubled)


@pytest.mark.parametrize("how", ["gone", "frozen"])
async def test_redis_away(site: Site, how: str) -> None:
    """Without Redis the chat goes on and codes are verified, but none is sent; when it is back, all is."""
    async with site.browser() as patient:
        challenge = await patient.sign_in("patient6" if how == "gone" else "patient7")
        assert (await patient.send_code(challenge)).status_code == 202
        await patient.begin()

        async def arrived() -> str | None:
            number = PATIENTS["patient6" if how == "gone" else "patient7"]
            bodies = [text["Body"] for text in site.twilio.server.accepted if text["To"] == number]
            return re.findall(r"\b\d{6}\b", bodies[-1])[0] if bodies else None

        code = await eventually(arrived)
        process = site.redis.process
        if how == "gone":
            site.redis.stop()
        else:
            freeze([process])
        try:
            answers = [await patient.say(question) for question in QUESTIONS[:3]]
            assert all("error" not in kinds(replies) for replies in answers)
            assert is_problem(await patient.send_code(challenge))
            async with site.browser() as other:
                assert is_problem(await other.send_code(await other.sign_in("patient8")))
            await asyncio.sleep(OUTAGE)
            assert is_problem(await patient.send_code(challenge))
            verified = await patient.http.post(f"/v1/challenges/{challenge}/verify", json={"code": code})
            assert verified.status_code == 200, verified.text
        finally:
            if how == "gone":
                site.redis.start()
            else:
                thaw([process])

        async def sends() -> bool:
            async with site.browser() as other:
                return (await other.send_code(await other.sign_in("patient6"))).status_code == 202

        assert await eventually(sends)
        history = await patient.history()
        assert len([message for message in history if message["from"] == "patient"]) == 3


@pytest.mark.parametrize("how", ["gone", "frozen"])
async def test_postgresql_away(site: Site, how: str) -> None:
    """Without PostgreSQL every request ends in a clear answer; when it is back the same message is answered, once."""
    async with site.browser() as patient:
        challenge = await patient.sign_in("patient5")
        await patient.begin()
        before = await patient.say(QUESTIONS[0])
        message = str(uuid4())
        processes = site.postgresql.processes
        if how == "gone":
            site.postgresql.stop()
        else:
            freeze(processes)
        try:
            refused = await asyncio.gather(
                patient.send(QUESTIONS[1], message), patient.send_code(challenge), patient.http.get("/chat/session"),
                patient.http.post("/v1/sign-in", json={"username": "patient5", "password": "wrong password"}),
                patient.http.post(f"/v1/challenges/{challenge}/verify", json={"code": "000000"}),
                patient.http.get("/health/ready"),
            )
            for answer in refused:
                failed = answer.status_code == 200 and kinds(answer.json()["messages"]) == {"error"}
                assert is_problem(answer) or failed, answer.text
            assert (await patient.http.get("/health/live")).status_code == 200
            await asyncio.sleep(OUTAGE)
            if how == "gone":  # a frozen one has kept everybody waiting as long as it may already
                assert is_problem(await patient.send(QUESTIONS[1], message))
        finally:
            if how == "gone":
                site.postgresql.start()
            else:
                thaw(processes)
        replies = await patient.insist(QUESTIONS[1], message)
        assert "error" not in kinds(replies)
        history = await patient.history()
        assert [entry["text"] for entry in history[1:]] == [
            QUESTIONS[0], *(reply["text"] for reply in before), QUESTIONS[1], *(reply["text"] for reply in replies),
        ]

        async def sends() -> bool:
            async with site.browser() as other:
                return (await other.send_code(await other.sign_in("patient5"))).status_code == 202

        assert await eventually(sends)


async def test_with_all_replicas_gone_nginx_answers(site: Site) -> None:
    """nginx's own refusal has the replicas' form, and nothing of the request in it."""
    async with site.browser() as patient:
        await patient.begin()
        too_large = await patient.http.post("/chat/messages", content=b"x" * 20_000)
        assert too_large.status_code == 413 and too_large.json()["code"] == "too_large"
        assert (await patient.http.get("/metrics")).status_code == 404
        assert (await patient.http.get("/health/nginx")).status_code == 200
        for replica in site.replicas:
            replica.kill()
        assert is_problem(await patient.send(QUESTIONS[0]))
