"""Many requests at once, through HTTP, on both databases. security.md's races.

Each was seen to fail on both databases against a build that looks first and writes afterwards: every statement a
transaction of its own, no lock on factor and destination, no condition on the UPDATEs, no unique index. So that
requests surely meet between looking and writing, `far_away` delays the first statements of a race.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.demo import PASSWORD
from bot.accounts.store import sessions
from bot.verification.store import codes, factors
from tests.portal import BEARER, Portal, wrong

DELAYED = 80  # statements: the first ones of about twenty requests, as many as connections are open at once
DELAY = 0.015  # seconds


@asynccontextmanager
async def far_away(browser: httpx.AsyncClient | None = None) -> AsyncIterator[None]:
    """As if the database stood in another town, for the first statements within the block.

    Args:
        browser: opens its connections first, so that its requests arrive together.
    """
    if browser is not None:
        await asyncio.gather(*(browser.get("/health/nowhere") for _ in range(20)))
    execute, seen = AsyncConnection.execute, 0

    async def slowly(connection: AsyncConnection, *arguments: Any, **options: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen <= DELAYED:
            await asyncio.sleep(DELAY)
        return await execute(connection, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AsyncConnection, "execute", slowly)
        yield


async def _count(portal: Portal, query: object) -> int:
    async with portal.database.read() as connection:
        return int((await connection.execute(query)).scalar_one())  # type: ignore[call-overload]


async def test_200_parallel_wrong_codes_are_5_evaluations(portal: Portal) -> None:
    """Of 200 wrong codes at once five are evaluated, and the account's count is five."""
    async with portal.browser() as browser:
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        bad = wrong(await portal.code())
        async with far_away(browser):
            answers = await asyncio.gather(*(portal.verify(browser, challenge, bad) for _ in range(200)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {400, 429}
    assert await _count(portal, select(func.sum(codes.c.tries))) == 5
    assert await _count(portal, select(func.sum(factors.c.failures))) == 5


async def test_50_parallel_right_codes_open_one_session(portal: Portal) -> None:
    """Of 50 right codes at once, from one browser's cookies, exactly one opens a session."""
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(portal.browser())
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        code, cookies = await portal.code(), dict(browser.cookies)
        tabs = [await stack.enter_async_context(portal.browser(cookies=cookies)) for _ in range(50)]
        for tab in tabs:
            await tab.get("/v1/me")  # connects
        async with far_away():
            answers = await asyncio.gather(*(portal.verify(tab, challenge, code) for tab in tabs))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1
    assert set(statuses) <= {200, 400, 429}
    assert await _count(portal, select(func.count()).select_from(sessions)) == 1


async def test_20_parallel_resends_are_one_message_and_one_live_code(portal: Portal) -> None:
    """Of 20 resends at once one message goes out, and one code is live."""
    async with portal.browser() as browser:
        challenge = await portal.begin(browser)
        await portal.send(browser, challenge)
        await portal.deliver()
        portal.clock.forward(31)
        async with far_away(browser):
            answers = await asyncio.gather(*(portal.send(browser, challenge) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 429: 19}
    assert len(await portal.codes()) == 2
    assert await _count(portal, select(func.count()).select_from(codes).where(codes.c.state == "live")) == 1


async def test_20_parallel_redeems_are_one_send(portal: Portal) -> None:
    """Of 20 resends through the bot at once, each with a key of its own, one is accepted."""
    async with portal.browser() as browser:
        await portal.begin(browser)
        assert (await portal.bind(browser, "conversation-1")).status_code == 204
        async with far_away(browser):
            answers = await asyncio.gather(*(
                browser.post(
                    "/v1/bot/conversations/redeem", json={"conversation": "conversation-1", "action": "resend"},
                    headers={**BEARER, "Idempotency-Key": f"00000000-0000-4000-8000-{number:012d}"},
                )
                for number in range(20)
            ))
    outcomes = Counter(answer.json()["outcome"] for answer in answers)
    assert outcomes == {"accepted": 1, "wait": 19}
    assert len(await portal.codes()) == 1


async def test_20_parallel_sends_with_one_key_are_one_message_and_one_reply(portal: Portal) -> None:
    """The same Idempotency-Key 20 times at once gives one message and the same reply each time."""
    async with portal.browser() as browser:
        challenge = await portal.begin(browser)
        async with far_away(browser):
            answers = await asyncio.gather(*(
                portal.send(browser, challenge, **{"Idempotency-Key": "one"}) for _ in range(20)
            ))
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert len(await portal.codes()) == 1


async def test_parallel_binds_tie_a_handoff_once(portal: Portal) -> None:
    """A handoff that ten conversations want at once goes to one of them."""
    async with portal.browser() as browser:
        await portal.begin(browser)
        handoff = (await browser.post("/v1/handoffs")).json()["handoff"]
        async with far_away(browser):
            answers = await asyncio.gather(*(
                browser.post(
                    "/v1/bot/handoffs/bind", json={"handoff": handoff, "conversation": f"c{number}"}, headers=BEARER
                )
                for number in range(10)
            ))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 403: 9}


async def test_two_accounts_with_one_number_share_its_hourly_sends(portal: Portal) -> None:
    """Eight sends an hour go to a number, however many accounts have it."""
    for name in ("first", "second"):
        await portal.backend.accounts.add(name, PASSWORD, mobile="+18455550177")
    accepted = 0
    for _ in range(3):
        for name in ("first", "second"):
            async with portal.browser() as browser:
                challenge = await portal.begin(browser, name)
                for _ in range(2):
                    accepted += (await portal.send(browser, challenge)).status_code == 202
                    portal.clock.forward(31)
    assert accepted == 8


async def test_20_accounts_with_one_number_at_once_share_its_hourly_sends(portal: Portal) -> None:
    """Of 20 sends to one number at once, by accounts of their own, eight go out: the hour's limit of a destination."""
    async with AsyncExitStack() as stack:
        waiting = []
        for number in range(20):
            await portal.backend.accounts.add(f"kin{number}", PASSWORD, mobile="+18455550178")
            browser = await stack.enter_async_context(portal.browser())
            waiting.append((browser, await portal.begin(browser, f"kin{number}")))
        async with far_away():
            answers = await asyncio.gather(*(portal.send(browser, challenge) for browser, challenge in waiting))
    assert Counter(answer.status_code for answer in answers) == {202: 8, 429: 12}
    assert len(await portal.codes()) == 8
