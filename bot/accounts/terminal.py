"""`twostep accounts`: what staff does for people at the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bot.accounts.model import AccountError, Role

if TYPE_CHECKING:
    from bot.accounts.service import AccountService

OfAccount = Callable[[str], Awaitable[None]]
"""Does something to the account with this id."""


@dataclass(frozen=True)
class Office:
    """What the commands need: accounts, how an account's codes are let work again, and how those under way die."""

    accounts: AccountService
    reset_factor: OfAccount
    withdraw_codes: OfAccount


OpenOffice = Callable[[], AbstractAsyncContextManager[Office]]


def accounts_commands(open_office: OpenOffice) -> typer.Typer:
    """The sub-commands.

    Args:
        open_office: opens database and services for one command, and closes them after it.
    """
    commands = typer.Typer(no_args_is_help=True, help="People who sign in.")

    def mistaken(error: Exception) -> typer.Exit:
        typer.echo(f"twostep: {error}", err=True)
        return typer.Exit(1)

    def run(work: Callable[[Office], Awaitable[str]]) -> None:
        from bot.accounts.addresses import UnusableAddress  # the numbers of the world load slowly

        async def inside() -> str:
            async with open_office() as office:
                return await work(office)

        try:
            said = asyncio.run(inside())
        except (AccountError, UnusableAddress) as error:
            raise mistaken(error) from None
        if said:
            typer.echo(said)

    @commands.command()
    def add(
        username: str,
        password_stdin: Annotated[
            bool, typer.Option("--password-stdin", help="read the password from standard input")
        ] = False,
        name: str = "",
        mobile: str = "",
        email: str = "",
        role: Role = Role.PATIENT,
    ) -> None:
        """Make an account."""
        try:
            password = _password(from_stdin=password_stdin)
        except AccountError as error:
            raise mistaken(error) from None

        async def work(office: Office) -> str:
            account = await office.accounts.add(
                username, password, name=name, mobile=mobile, email=email, role=role
            )
            return f"{account.username} ({account.role.value}) was added"

        run(work)

    @commands.command("list")
    def show() -> None:
        """Every account: user name, role, state, name."""

        async def work(office: Office) -> str:
            return "\n".join(
                f"{account.username}\t{account.role.value}\t{'disabled' if account.disabled else 'enabled'}"
                f"\t{account.name}"
                for account in await office.accounts.all()
            )

        run(work)

    @commands.command()
    def disable(username: str) -> None:
        """Shut an account out and end its sessions."""

        async def work(office: Office) -> str:
            await office.accounts.set_disabled(username, True)
            return f"{username} cannot sign in any more"

        run(work)

    @commands.command()
    def enable(username: str) -> None:
        """Let an account in again."""

        async def work(office: Office) -> str:
            await office.accounts.set_disabled(username, False)
            return f"{username} can sign in"

        run(work)

    @commands.command("reset-factor")
    def reset_factor(username: str) -> None:
        """Let an account's codes work again after too many wrong ones. Make sure who asks before."""

        async def work(office: Office) -> str:
            await office.reset_factor(await office.accounts.account_id(username))
            return f"codes of {username} work again"

        run(work)

    @commands.command("set-contact")
    def set_contact(username: str, mobile: str = "", email: str = "") -> None:
        """Replace the mobile number or the email address. Make sure who asks before."""

        async def work(office: Office) -> str:
            await office.accounts.set_contact(username, mobile=mobile, email=email)
            await office.withdraw_codes(await office.accounts.account_id(username))
            return f"codes of {username} go there now"

        run(work)

    return commands


def _password(*, from_stdin: bool) -> str:
    """The new account's password.

    Raises:
        AccountError: nobody wrote one.
    """
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise AccountError("there is no password on standard input: write it there as one line")
        if "\ufffd" in password:  # what the command line makes of bytes that are no text
            raise AccountError("the password on standard input is not text in UTF-8")
        return password
    if not sys.stdin.isatty():
        raise AccountError("nobody is there to type a password: write it to standard input, with --password-stdin")
    try:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    except typer.Abort:
        raise AccountError("no password was typed, and no account made") from None
