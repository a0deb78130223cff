"""Use cases of accounts: who may sign in, and what staff does for them at the command line."""

from __future__ import annotations

from collections.abc import Collection

from bot.accounts.addresses import email_address, mobile_number
from bot.accounts.model import (
    PASSWORD_LENGTH,
    SHORTEST_PASSWORD,
    Account,
    AccountError,
    ContactPoint,
    Gate,
    Role,
    canonical_username,
)
from bot.accounts.passwords import Passwords
from bot.accounts.store import AccountStore, new_id
from bot.audit.model import Actor, By, Trail
from bot.db import Clock, Database

STAFF = By(Actor.STAFF)


class AccountService:
    """Implements `bot.accounts.model.PasswordCheck`.

    Args:
        regions: where mobile numbers may belong.
    """

    def __init__(
        self, database: Database, store: AccountStore, passwords: Passwords, trail: Trail, clock: Clock,
        regions: Collection[str],
    ) -> None:
        self._database = database
        self._store = store
        self._passwords = passwords
        self._trail = trail
        self._clock = clock
        self._regions = regions

    async def check_password(
        self, username: str, password: str, *, gate: Gate | None = None
    ) -> Account | None:
        """The account, or None; see the protocol."""
        try:
            found = await self._store.with_password(canonical_username(username))
        except AccountError:
            found = None
        account, stored = found or (None, None)
        if (account is not None and account.disabled) or len(password) > PASSWORD_LENGTH:
            stored = None
        fits = await self._passwords.verify(stored, password[:PASSWORD_LENGTH], gate=gate)
        return account if fits else None

    async def add(
        self, username: str, password: str, *, name: str = "", mobile: str = "", email: str = "",
        role: Role = Role.PATIENT, by: By = STAFF,
    ) -> Account:
        """Make an account.

        Raises:
            AccountError: the user name is taken or not usable, or the password too short or too long.
            UnusableAddress: the number or address is.
        """
        if not SHORTEST_PASSWORD <= len(password) <= PASSWORD_LENGTH:
            raise AccountError(f"a password has {SHORTEST_PASSWORD} to {PASSWORD_LENGTH} characters")
        account = Account(new_id(), canonical_username(username), name.strip() or username.strip(), role)
        if len(account.name) > 100 or not account.name.isprintable():
            raise AccountError("a name has at most 100 characters, all visible")
        points = self._points(mobile, email)
        stored = await self._passwords.hash(password)
        now = self._clock()
        async with self._database.write() as connection:
            if not await self._store.add(connection, account, stored, now):
                raise AccountError("there is an account with this user name already")
            for point in points:
                await self._store.replace_contact_point(connection, account.id, point, now)
            await self._trail.append(connection, by, "account.added", at=now, subject=account.id, rule=role)
        return account

    async def all(self) -> list[Account]:
        """Every account."""
        return await self._store.all()

    async def set_disabled(self, username: str, disabled: bool, *, by: By = STAFF) -> None:
        """Shut an account out or let it in again.

        Raises:
            AccountError: nobody has this user name.
        """
        now = self._clock()
        async with self._database.write() as connection:
            account = await self._get(username)
            await self._store.set_disabled(connection, account.id, disabled)
            action = "account.disabled" if disabled else "account.enabled"
            await self._trail.append(connection, by, action, at=now, subject=account.id)

    async def set_contact(self, username: str, *, mobile: str = "", email: str = "", by: By = STAFF) -> None:
        """Replace contact points, after the practice has made sure who asks.

        Raises:
            AccountError: nobody has this user name, or nothing to set was given.
            UnusableAddress: the number or address is not usable.
        """
        points = self._points(mobile, email)
        if not points:
            raise AccountError("give a mobile number or an email address")
        now = self._clock()
        account = await self._get(username)
        async with self._database.write() as connection:
            for point in points:
                await self._store.replace_contact_point(connection, account.id, point, now)
            for point in points:
                await self._trail.append(
                    connection, by, "contact_point.set", at=now, subject=account.id, rule=point.channel
                )

    async def account_id(self, username: str) -> str:
        """The id behind a user name.

        Raises:
            AccountError: nobody has it.
        """
        return (await self._get(username)).id

    async def _get(self, username: str) -> Account:
        async with self._database.read() as connection:
            account = await self._store.by_username(connection, canonical_username(username))
        if account is None:
            raise AccountError("nobody has this user name; `twostep accounts list` shows all")
        return account

    def _points(self, mobile: str, email: str) -> list[ContactPoint]:
        points = []
        if mobile:
            points.append(ContactPoint("sms", mobile_number(mobile, self._regions)))
        if email:
            points.append(ContactPoint("email", email_address(email)))
        return points
