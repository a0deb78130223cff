"""Accounts, passwords and the numbers and addresses that codes may go to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine, select
from typer.testing import CliRunner

from bot.accounts.addresses import UnusableAddress, email_address, mobile_number, reply_address
from bot.accounts.model import AccountError, PasswordsBusy, Role, canonical_username
from bot.accounts.passwords import MOST_WAITING, Passwords
from bot.accounts.store import accounts, contact_points
from bot.accounts.terminal import Office, accounts_commands
from bot.audit.model import Actor, By
from bot.audit.store import audit
from bot.db import Database
from bot.settings import Settings
from tests.portal import portal_on

PASSWORD = "correct horse battery staple"


@asynccontextmanager
async def aclosing(database: Database) -> AsyncIterator[Database]:
    """The database, closed whatever happens."""
    try:
        yield database
    finally:
        await database.close()


async def test_accounts_keep_nothing_in_the_clear(
    database: Database, settings_for: Callable[..., Settings]
) -> None:
    """Password, number and address cannot be read from the tables; the password is argon2id."""
    async with portal_on(database, settings_for()), database.read() as connection:
        people = (await connection.execute(select(accounts))).all()
        points = (await connection.execute(select(contact_points))).all()
    assert len(people) == 5 and len(points) == 6
    assert all(person.password_hash.startswith("$argon2id$") for person in people)
    everything = repr(points) + repr(people)
    assert "8455550142" not in everything and "alex@example.com" not in everything and PASSWORD not in everything


async def test_a_user_name_is_taken_once(sqlite_database: Database, settings_for: Callable[..., Settings]) -> None:
    """ALEX is alex; a second one, a short password and an unknown name are errors in words."""
    async with portal_on(sqlite_database, settings_for()) as portal:
        service = portal.backend.accounts
        assert (await service.check_password(" ALEX ", PASSWORD)) is not None
        for name, password in (("Alex", PASSWORD), ("new", "short"), ("", PASSWORD), ("x\n", "x" * 257)):
            with pytest.raises(AccountError):
                await service.add(name, password)
        with pytest.raises(AccountError):
            await service.set_contact("nobody", mobile="845-555-0100")
        with pytest.raises(AccountError):
            await service.set_contact("alex")


async def test_unknown_users_cost_the_same_time() -> None:
    """The dummy hash has the parameters of real ones, so that time tells nothing (argon2's own cost, no clock)."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    real = await passwords.hash(PASSWORD)
    assert real.rpartition("$")[0].rpartition("$")[0] == passwords._dummy.rpartition("$")[0].rpartition("$")[0]
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify(None, "nobody has this password")
    assert not await passwords.verify("not a hash", PASSWORD)
    assert await passwords.verify(real, PASSWORD)
    passwords.close()


async def test_passwords_are_hashed_by_two_threads_with_64_mib() -> None:
    """Of ten at once never more than two are hashed together; a hash is argon2id with 64 MiB and three passes."""
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    running, together, lock = 0, [], threading.Lock()

    def verify(stored: str, password: str) -> bool:
        nonlocal running
        with lock:
            running += 1
            together.append(running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return True

    passwords._verify = verify  # type: ignore[method-assign]
    await asyncio.gather(*(passwords.verify(stored, PASSWORD) for _ in range(10)))
    assert (len(together), max(together)) == (10, 2)
    passwords.close()


async def test_no_password_is_hashed_inside_a_transaction(
    sqlite_database: Database, settings_for: Callable[..., Settings]
) -> None:
    """While argon2 works SQLite's one writer is free: for a sign-in, right or wrong, and for a new account."""
    async with portal_on(sqlite_database, settings_for()) as portal:
        passwords, free = portal.backend.accounts._passwords, []

        def watched(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def watch(*arguments: Any, **options: Any) -> Any:
                async with sqlite_database.write():
                    free.append(work.__name__)
                return await work(*arguments, **options)

            return watch

        for name in ("hash", "verify"):
            setattr(passwords, name, watched(getattr(passwords, name)))
        for password in (PASSWORD, "a wrong one"):
            await portal.backend.sign_in.begin("alex", password, By(Actor.USER))
        await portal.backend.accounts.add("kim", PASSWORD)
    assert free == ["verify", "verify", "hash"]


async def test_too_many_waiting_passwords_are_turned_away() -> None:
    """Beyond what can be hashed soon, nobody is kept waiting."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    results = await asyncio.gather(
        *(passwords.verify(None, "x") for _ in range(MOST_WAITING + 20)), return_exceptions=True
    )
    assert sum(isinstance(result, PasswordsBusy) for result in results) == 20
    passwords.close()


@pytest.mark.parametrize("text", ["845-555-0142", "+1 (845) 555-0142", "1.845.555.0142"])
def test_one_spelling_for_a_mobile_number(text: str) -> None:
    """However it is written, a number is stored as E.164."""
    assert mobile_number(text, ("US",)) == "+18455550142"


@pytest.mark.parametrize("text", [
    "+18765551234", "+19005551234", "+442079460018", "18005551234", "+1 845 555 0142 x5", "911", "", "845-555-014A",
])
def test_numbers_that_cost_or_cannot_receive_are_unusable(text: str) -> None:
    """Jamaica inside +1, premium, foreign, toll-free, extensions, short and empty ones, letters: refused, no echo."""
    with pytest.raises(UnusableAddress) as refused:
        mobile_number(text, ("US",))
    assert not text or text not in str(refused.value)


def test_other_regions_can_be_allowed() -> None:
    """The operator's list decides."""
    assert mobile_number("+18765551234", ("US", "JM")) == "+18765551234"


def test_addresses_have_one_spelling() -> None:
    """Emails are lower case; line breaks and nonsense are refused; a person can be reached by either."""
    assert email_address(" Alex@Example.COM ") == "alex@example.com"
    for bad in ("x", "a@b", "a@b.example\nBcc: c@d.example", "a b@c.example"):
        with pytest.raises(UnusableAddress):
            email_address(bad)
    assert reply_address("845-703-6999 ext. 12") == "+18457036999 ext. 12"
    assert reply_address("Kim@example.com") == "kim@example.com"
    with pytest.raises(UnusableAddress):
        reply_address("call me")


def test_user_names_have_one_spelling() -> None:
    """Width and case do not make another person; invisible characters are refused."""
    assert canonical_username("Ａlex") == "alex"
    with pytest.raises(AccountError):
        canonical_username("al\u200bex")


Terminal = Callable[..., tuple[int, str]]


@pytest.fixture
def terminal(database_url: str, settings_for: Callable[..., Settings]) -> Terminal:
    """`terminal("add", "kim", given="...")`: a command of `twostep accounts`; its exit status and all it said."""
    @asynccontextmanager
    async def office() -> AsyncIterator[Office]:
        async with aclosing(Database(database_url)) as database, portal_on(database, settings_for()) as portal:
            sign_in, staff = portal.backend.sign_in, By(Actor.STAFF)
            yield Office(
                portal.backend.accounts, partial(sign_in.enable_factor, by=staff),
                partial(sign_in.withdraw_codes, by=staff),
            )

    runner, commands = CliRunner(), accounts_commands(office)

    def run(*arguments: str, given: str | None = None) -> tuple[int, str]:
        result = runner.invoke(commands, list(arguments), input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


def test_the_command_line_does_what_support_needs(terminal: Terminal, database_url: str) -> None:
    """add, list, set-contact, disable, enable, reset-factor; mistakes are one line and an exit status."""
    added = terminal(
        "add", "kim", "--password-stdin", "--mobile", "845-555-0150", "--role", "agent", given=PASSWORD + "\n"
    )
    assert added == (0, "kim (agent) was added\n")
    assert terminal("add", "kim", "--password-stdin", given=PASSWORD)[0] == 1
    code, output = terminal("add", "lee", "--password-stdin", "--mobile", "+18765551234", given=PASSWORD)
    assert (code, output) == (1, "twostep: Codes cannot be sent to numbers of that country.\n")
    assert "kim\tagent\tenabled\tkim" in terminal("list")[1]
    assert terminal("disable", "kim")[0] == 0
    assert "kim\tagent\tdisabled" in terminal("list")[1]
    assert terminal("enable", "kim")[0] == 0
    assert terminal("set-contact", "kim", "--email", "kim@example.com")[0] == 0
    assert terminal("reset-factor", "kim")[0] == 0
    assert terminal("disable", "nobody")[0] == 1
    engine = create_engine(database_url.replace("+aiosqlite", ""))
    with engine.connect() as connection:
        done = connection.execute(select(audit.c.action).where(audit.c.actor == "staff")).scalars()
        assert {"contact_point.set", "codes.withdrawn", "factor.reset"} <= set(done)
    engine.dispose()


@pytest.mark.parametrize(("arguments", "given", "said"), [
    (["--password-stdin"], "", "no password on standard input"), (["--password-stdin"], "\n", "no password on"),
    (["--password-stdin"], "a pass\ufffdword", "not text in UTF-8"), (["--password-stdin"], "short\n", "8 to 256"),
    ([], "", "with --password-stdin"),
])
def test_an_account_without_a_usable_password_is_not_made(
    terminal: Terminal, arguments: list[str], given: str, said: str
) -> None:
    """One line names what is missing and how to give it; nobody is asked where nobody can answer."""
    code, output = terminal("add", "kim", *arguments, given=given)
    assert (code, output.count("\n")) == (1, 1) and output.startswith("twostep: ") and said in output
    assert "kim" not in terminal("list")[1]


async def test_demo_people_are_made_once(database: Database, settings_for: Callable[..., Settings]) -> None:
    """A second start makes nobody again and keeps what was changed."""
    async with portal_on(database, settings_for()) as portal:
        await portal.backend.accounts.set_contact("robin", mobile="+18455550190")
    async with portal_on(database, settings_for()) as portal:
        people = await portal.backend.accounts.all()
        assert [(person.username, person.role) for person in people] == [
            ("alex", Role.PATIENT), ("casey", Role.AGENT), ("morgan", Role.ADMIN), ("robin", Role.PATIENT),
            ("sam", Role.PATIENT),
        ]
        robin = await portal.backend.accounts.account_id("robin")
        points = await portal.backend.door.points.of(robin)
        assert [point.masked for point in points] == ["•••-•••-0190"]
