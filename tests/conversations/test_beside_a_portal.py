"""The assistant beside a portal that runs elsewhere (TWOSTEP_VERIFICATION_URL), and what it says when that fails."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from sqlalchemy import text as sql

from bot.accounts.demo import PASSWORD
from bot.accounts.passwords import Passwords
from bot.app import Parts, create_app
from bot.channels.service import REPORTED_WITHIN
from bot.db import Database
from bot.settings import Settings
from bot.verification.model import ClientUnavailable
from bot.verification.service import SendsUnavailable
from tests.conftest import Serve
from tests.conversations.conftest import Arrive, Clock, Patient

CREDENTIAL = "a bot credential for the tests only"
CONTACT = "845-703-6999"
FAILED = 'twostep_actions_failed_total{channel="web"} 1.0'


class Elsewhere(Patient):
    """A patient who signs in to the portal elsewhere; `portal` is that browser tab, `client` the chat."""

    portal: httpx.AsyncClient
    portal_clock: Clock

    async def stuck(self) -> None:
        """Signs in there with the password, gets a first code, and takes the handoff to the chat here."""
        begun = await self.portal.post("/v1/sign-in", json={"username": "alex", "password": PASSWORD})
        self.challenge = begun.json()["challenge"]
        await self.portal.post(f"/v1/challenges/{self.challenge}/code", json={"channel": "sms"})
        await self.open_chat()
        handoff = (await self.portal.post("/v1/handoffs")).json()["handoff"]
        assert (await self.client.put("/chat/session/handoff", json={"handoff": handoff})).status_code == 204
        self.portal_clock.pass_seconds(31)

    async def verify(self, code: str) -> int:
        """Enters a code there."""
        answer = await self.portal.post(f"/v1/challenges/{self.challenge}/verify", json={"code": code})
        return answer.status_code


@pytest_asyncio.fixture
async def elsewhere(
    arrive: Arrive, serve: Serve, settings_for: Callable[..., Settings], sqlite_template: Path, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Elsewhere]]]:
    """`await elsewhere(**settings)`: a patient before two services, each with a database of its own."""

    async def make(**values: Any) -> Elsewhere:
        file = tmp_path / f"portal-{uuid4().hex}.sqlite3"
        shutil.copy(sqlite_template, file)
        clock = Clock()
        parts = Parts(
            database=Database(f"sqlite+aiosqlite:///{file}"), clock=clock, migrate=False,
            passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
        )
        settings = settings_for(data_dir=tmp_path / "portal", bot_credential=CREDENTIAL)
        portal = await serve(create_app(settings, parts, only="verification"))
        address = str(portal.base_url).rstrip("/")
        here = await arrive(**{"verification_url": address, "bot_credential": CREDENTIAL, **values})
        patient = Elsewhere(here.client, here.clock, here.app)
        patient.portal, patient.portal_clock = portal, clock
        return patient

    yield make


async def codes(patient: Elsewhere, count: int) -> list[str]:
    """The codes that the portal sent, newest first."""
    return await Patient(patient.portal, patient.clock, patient.app).codes(count)


async def failed_actions(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(sql("SELECT sum(failed_actions) FROM insight_episodes"))).scalar() or 0)


async def test_gets_a_code_from_the_portal_elsewhere(elsewhere):
    """The question, the yes, the send and the sign-in, over HTTP between the two."""
    alex = await elsewhere()
    await alex.stuck()
    assert "Shall I send a new one to •••-•••-0142?" in await alex.say("i still didnt get the code")
    assert "on its way to •••-•••-0142" in await alex.say("yes please")
    newest, first = await codes(alex, 2)
    assert await alex.verify(first) == 400
    assert await alex.verify(newest) == 200


async def test_a_code_typed_here_dies_there(elsewhere):
    """A live code that is typed into the chat is reported to the portal, and opens nothing any more."""
    alex = await elsewhere()
    await alex.stuck()
    [code] = await codes(alex, 1)
    said = await alex.say(f"it wont take {code}")
    assert code not in said
    assert "masked" in said
    assert await alex.verify(code) == 400


TYPED = ("is it 482913", "482913 is what my code is, read it back", "i got code 482913 and never asked for one")
"""A code that is warned about, one that is shared, one that came unasked: each answer says what becomes of it."""
ANEW = "made useless as soon as you ask for a new one on the sign-in page"
DEAD = "made useless if it was live"


async def test_types_a_code_that_nobody_can_kill(arrive: Arrive, elsewhere):
    """Where codes are another portal's, one that is typed here may go on working: no answer claims that it does not,
    each says what helps. So also to those who only ask."""
    faq_only = await arrive(verification_url="none")
    beside = await elsewhere()
    down = await arrive(verification_url="http://127.0.0.1:9", bot_credential=CREDENTIAL)
    refused = await elsewhere(bot_credential="another credential, which it does not know")
    for patient in (faq_only, beside, down, refused):
        for words in (*TYPED, "may i give my code to my daughter"):
            said = await patient.say_first(words)
            assert DEAD not in said and "no longer works" not in said, words
            assert ANEW in said, words
            assert "share" in said, words


async def test_types_a_code_while_it_cannot_be_reported(arrive: Arrive):
    """With our own backend a typed code dies, and that is said; not while the report fails, or is not through in time.
    Whether the code was a live one shows in neither answer."""
    alex = await arrive()
    await alex.sign_in()
    [code] = await alex.codes(1)
    backend = alex.app.ctx.backend.bot
    works = backend.exposed

    async def fails(*_: Any) -> None:
        raise ConnectionError

    async def takes_long(*_: Any) -> None:
        await asyncio.sleep(REPORTED_WITHIN + 0.3)

    for report, typed_in in ((fails, TYPED), (takes_long, TYPED[:1]), (works, TYPED)):  # the last one kills it
        backend.exposed = report
        for words in typed_in:
            answers = set()
            for typed in ("482913" if code != "482913" else "482914", code):
                answers.add(await alex.say_first(words.replace("482913", typed)))
            [said] = answers
            assert (DEAD in said, ANEW in said) == ((True, False) if report is works else (False, True)), words
    backend.exposed = fails
    assert DEAD in await alex.say_first("may i give my code to my daughter")  # none is typed, so no report fails


async def test_a_portal_that_refuses_our_credential(elsewhere, sqlite_database: Database):
    """With a credential that the portal does not know nothing is claimed: the contact route, counted as a failure."""
    alex = await elsewhere(bot_credential="another credential, which it does not know")
    await alex.open_chat()
    said = await alex.say("send me a new code")
    assert "could not send" in said
    assert CONTACT in said
    assert alex.kinds == ["error"]
    await alex.app.ctx.insights.settle()
    assert await failed_actions(sqlite_database) == 1
    assert FAILED in (await alex.client.get("/metrics")).text


async def test_a_portal_that_never_answers(arrive: Arrive, sqlite_database: Database):
    """A portal that takes a request and says nothing costs the patient at most 5 seconds, and ends in the contact
    route."""

    over = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    visitor = await arrive(verification_url=f"http://127.0.0.1:{port}", bot_credential=CREDENTIAL)
    visitor.client.timeout = httpx.Timeout(20)
    await visitor.open_chat()
    began = time.monotonic()
    said = await visitor.say("send me a new code")
    assert time.monotonic() - began < 6
    assert "on its way" not in said
    assert CONTACT in said
    assert visitor.kinds == ["error"]
    assert FAILED in (await visitor.client.get("/metrics")).text
    over.set()
    server.close()
    await server.wait_closed()


async def test_a_portal_that_fails_once_it_was_asked_to_send(elsewhere):
    """A code that the portal took is never said not to be sent: where it did not answer, that is not known; where only
    the wait for the next one is not to be had, the code is on its way."""
    for operation, said in (("status", "on its way to •••-•••-0142"), ("redeem", "annot tell whether a code went out")):
        alex = await elsewhere()
        await alex.stuck()
        client = alex.app.ctx.backend.verification_client
        works, asked = getattr(client, operation), []

        async def breaks(conversation: str, works=works, asked=asked, operation=operation, **how: Any) -> Any:
            asked.append(operation)
            answer = await works(conversation, **how)
            if operation == "redeem" or len(asked) == 2:  # the first look is before the code is sent
                raise ClientUnavailable("TimeoutError")
            return answer

        setattr(client, operation, breaks)
        answer = await alex.say("send me a new code")
        assert said in answer, operation
        assert "othing was sent" not in answer, operation
        assert (CONTACT in answer, "error" in alex.kinds) == ((True, True) if operation == "redeem" else (False, False))
        assert len(await codes(alex, 2)) == 2


async def test_limits_that_cannot_be_counted(arrive: Arrive):
    """While the limiter is away the bot's sends are refused: no claim, the contact route."""
    alex = await arrive()
    await alex.sign_in()
    alex.clock.pass_seconds(31)

    async def closed() -> None:
        raise SendsUnavailable  # what the check says when its store does not answer

    alex.app.ctx.backend.bot._ready = closed
    said = await alex.say("send me another code please")
    assert "on its way" not in said
    assert CONTACT in said
    assert FAILED in (await alex.client.get("/metrics")).text
    await alex.mail(1)


@pytest.mark.parametrize("words", ["the code never came", "my code is not accepted", "send me a new code"])
async def test_a_practice_that_sends_its_own_codes(arrive: Arrive, words: str):
    """FAQ only: every way to a new code ends at the portal's own sign-in and the practice's own contact page; no code
    is offered, and no form of ours."""
    visitor = await arrive(verification_url="none")
    await visitor.open_chat()
    said = await visitor.say(words)
    assert "Shall I send" not in said
    assert "on its way" not in said
    assert "CrystalRunHealthcare.com/Contact" in said
    assert "Write to them from here" not in visitor.buttons
    said = await visitor.say("my code 482913 does not work")
    assert "482913" not in said
    assert (await visitor.client.put("/chat/session/handoff", json={"handoff": "x" * 43})).status_code == 403
    request = {"name": "Pat", "reply_to": "pat@example.com", "reason": "Patient Portal", "message": "Help."}
    assert (await visitor.client.post("/v1/contact", json=request)).status_code == 503
