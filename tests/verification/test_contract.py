"""Both clients of ours, or another portal by its URL, against the one contract."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from bot.db import Database
from bot.settings import Settings
from bot.verification.client import HttpVerification
from bot.verification.model import ClientUnavailable
from tests.portal import CREDENTIAL, Portal, portal_on, served
from tests.verification.contract import OPTIONAL, REQUIRED, Contract

URL = os.environ.get("TWOSTEP_CONTRACT_URL", "")
COMMAND = os.environ.get("TWOSTEP_CONTRACT_HANDOFF_COMMAND", "")
Clause = Callable[[Contract], Awaitable[None]]


async def _from_command() -> str:
    process = await asyncio.create_subprocess_shell(COMMAND, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    return printed.decode().strip()


def _from_portal(portal: Portal) -> Callable[[], Awaitable[str]]:
    number = 0

    async def new_handoff() -> str:
        nonlocal number
        number += 1
        name = f"patient{number}"
        await portal.backend.accounts.add(
            name, "correct horse battery staple", mobile=f"+1845555{number:04d}", email=f"{name}@example.com"
        )
        async with portal.browser() as browser:
            await portal.begin(browser, name)
            return str((await browser.post("/v1/handoffs")).json()["handoff"])

    return new_handoff


@pytest_asyncio.fixture(params=["elsewhere"] if URL else ["local", "http"])
async def contract(
    request: pytest.FixtureRequest, sqlite_database: Database, settings_for: Callable[..., Settings]
) -> AsyncIterator[Contract]:
    """The implementation under test."""
    if request.param == "elsewhere":
        client = HttpVerification(URL, os.environ.get("TWOSTEP_CONTRACT_CREDENTIAL", ""), timeout=10)
        yield Contract(client, _from_command)
        await client.close()
        return
    async with portal_on(sqlite_database, settings_for(bot_credential=CREDENTIAL)) as portal, served(portal):
        if request.param == "local":
            yield Contract(portal.backend.verification_client, _from_portal(portal))
            return
        client = HttpVerification(portal.url, CREDENTIAL)
        yield Contract(client, _from_portal(portal))
        await client.close()


@pytest.mark.parametrize("clause", [*REQUIRED, *(() if URL else OPTIONAL)], ids=lambda clause: clause.__name__)
async def test_the_contract_holds(contract: Contract, clause: Clause) -> None:
    """Every clause holds for every implementation."""
    await clause(contract)


async def test_a_refused_credential_is_unavailable(lite: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A client with a wrong credential never claims anything, and the log says why."""
    caplog.set_level(logging.INFO, "twostep.verification")
    client = HttpVerification(lite.url, "x" * 36)
    for call in (
        client.bind("x" * 43, "c"), client.status("c"), client.redeem("c", idempotency_key="k"),
        client.exposed("c", "123456"), client.sms_resend("+18455550142"),
    ):
        with pytest.raises(ClientUnavailable):
            await call
    await client.close()
    assert [vars(record).get("reason") for record in caplog.records if record.name == "twostep.verification"] == [
        f"{what} answered 401" for what in ("bind", "status", "redeem", "exposed", "sms-resend")
    ]


async def test_a_backend_that_is_away_or_slow_is_unavailable() -> None:
    """Nobody listening, and somebody who never answers, are both ClientUnavailable."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        away = HttpVerification(f"http://127.0.0.1:{port}", CREDENTIAL)
        with pytest.raises(ClientUnavailable):
            await away.status("c")
        await away.close()
        silent.listen()
        slow = HttpVerification(f"http://127.0.0.1:{port}", CREDENTIAL, timeout=0.1)
        with pytest.raises(ClientUnavailable):
            await slow.redeem("c", idempotency_key="k")
        await slow.close()


async def test_the_local_client_says_unavailable_when_the_database_is_away(
    settings_for: Callable[..., Settings],
) -> None:
    """With the database away the local client claims nothing either."""
    from bot.backend import build_backend
    from bot.db import system_clock
    from bot.events import record_nothing
    from bot.http.limits import Limiter
    from bot.privacy import Keys
    from tests.conftest import free_port

    database = Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nowhere")
    backend = build_backend(
        settings_for(), database, Keys(b"a master secret for the tests only"), system_clock, record_nothing, Limiter()
    )
    with pytest.raises(ClientUnavailable):
        await backend.verification_client.redeem("c", idempotency_key="k")
    with pytest.raises(ClientUnavailable):
        await backend.contact_client.draft("c")
    await backend.stop()
    await database.close()
