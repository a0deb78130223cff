"""Accounts, contact points and sessions in the database. Numbers and addresses are encrypted, with a keyed hash for
look-up; of a session's token only the digest is kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    delete,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.accounts.model import SESSION_LIFETIME, Account, ContactPoint, Role, Session
from bot.db import Database, metadata
from bot.privacy import Keys

accounts = Table(
    "accounts", metadata,
    Column("id", String(32), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
contact_points = Table(
    "contact_points", metadata,
    Column("account", String(32), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String(8), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("lookup", String(32), nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
)
sessions = Table(
    "sessions", metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", String(32), ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
SEALED = "contact_points.address"


class AccountStore:
    """Implements `bot.accounts.model.Directory` and `Sessions`."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys

    async def add(self, connection: AsyncConnection, account: Account, password_hash: str, now: int) -> bool:
        """Insert; False when the user name is taken."""
        result = await connection.execute(
            self._database.insert(accounts).on_conflict_do_nothing(index_elements=["username"]).values(
                id=account.id, username=account.username, name=account.name, password_hash=password_hash,
                role=account.role, disabled=False, created_at=now,
            ).returning(accounts.c.id)  # an INSERT's row count is not told on every database
        )
        return result.first() is not None

    async def with_password(self, username: str) -> tuple[Account, str] | None:
        """The account of this user name and its password's hash."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(accounts).where(accounts.c.username == username))).first()
        return (_account(row), row.password_hash) if row else None

    async def by_username(self, connection: AsyncConnection, username: str) -> Account | None:
        """The account of this user name."""
        row = (await connection.execute(select(accounts).where(accounts.c.username == username))).first()
        return _account(row) if row else None

    async def all(self) -> list[Account]:
        """Every account, by user name."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(accounts).order_by(accounts.c.username))).all()
        return [_account(row) for row in rows]

    async def set_disabled(self, connection: AsyncConnection, account: str, disabled: bool) -> None:
        """Shut an account out, with all its sessions, or let it in again."""
        await connection.execute(update(accounts).where(accounts.c.id == account).values(disabled=disabled))
        if disabled:
            await connection.execute(delete(sessions).where(sessions.c.account == account))

    # Directory

    async def account(self, connection: AsyncConnection, account: str) -> Account | None:
        """The account with this id."""
        row = (await connection.execute(select(accounts).where(accounts.c.id == account))).first()
        return _account(row) if row else None

    async def contact_points(self, connection: AsyncConnection, account: str) -> tuple[ContactPoint, ...]:
        """Where codes may go; the mobile number first."""
        rows = await connection.execute(
            select(contact_points.c.channel, contact_points.c.sealed)
            .where(contact_points.c.account == account).order_by(contact_points.c.channel.desc())
        )
        return tuple(ContactPoint(row.channel, self._keys.open(SEALED, row.sealed)) for row in rows)

    async def accounts_with_number(self, connection: AsyncConnection, number: str) -> tuple[str, ...]:
        """Ids of the accounts whose mobile number this is."""
        lookup = self._keys.pseudonym("sms", number)
        rows = await connection.execute(
            select(contact_points.c.account).where(contact_points.c.lookup == lookup, contact_points.c.channel == "sms")
        )
        return tuple(row.account for row in rows)

    async def replace_contact_point(
        self, connection: AsyncConnection, account: str, point: ContactPoint, now: int
    ) -> None:
        """Put the contact point in the place of the account's one for that channel."""
        values = {
            "sealed": self._keys.seal(SEALED, point.address),
            "lookup": self._keys.pseudonym(point.channel, point.address),
            "changed_at": now,
        }
        await connection.execute(
            self._database.insert(contact_points).values(account=account, channel=point.channel, **values)
            .on_conflict_do_update(index_elements=["account", "channel"], set_=values)
        )

    # Sessions

    async def open(self, connection: AsyncConnection, account: str, digest: bytes, now: int) -> None:
        """Begin a session; expired ones go."""
        await connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
        await connection.execute(
            sessions.insert().values(digest=digest, account=account, expires_at=now + SESSION_LIFETIME * 1000)
        )

    async def find(self, token: str, now: int) -> Session | None:
        """The live session of a token whose account is not disabled."""
        digest = hashlib.sha256(token.encode()).digest()
        query = (
            select(accounts, sessions.c.expires_at).join(sessions, sessions.c.account == accounts.c.id)
            .where(sessions.c.digest == digest, sessions.c.expires_at > now, accounts.c.disabled.is_(False))
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return Session(_account(row), digest, row.expires_at) if row else None

    async def close(self, token: str) -> None:
        """End a session."""
        digest = hashlib.sha256(token.encode()).digest()
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == digest))


def new_id() -> str:
    """An account's opaque id."""
    return secrets.token_hex(16)


def _account(row: Any) -> Account:
    return Account(row.id, row.username, row.name, Role(row.role), row.disabled)
