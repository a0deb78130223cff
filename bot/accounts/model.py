"""A person who signs in, and what other topics may ask about people. Standard library only."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

USERNAME_LENGTH = 64
PASSWORD_LENGTH = 256  # characters; argon2 is not fed more
SHORTEST_PASSWORD = 8  # NIST SP 800-63B-4 (3.1.1): with a second factor
SESSION_LIFETIME = 3600  # seconds


class Role(StrEnum):
    """What a person may do."""

    PATIENT = "patient"
    AGENT = "agent"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """A person."""

    id: str
    username: str
    name: str
    role: Role
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """Where a code can go: channel "sms" with an E.164 number, or "email" with an address."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `digest` stands for its token."""

    account: Account
    digest: bytes
    expires_at: int


class AccountError(Exception):
    """An account cannot be made or changed so; the message says why and never holds a number or an address."""


class PasswordsBusy(Exception):
    """More passwords wait to be checked than can be soon."""


def canonical_username(text: str) -> str:
    """One spelling for each user name, so that `Alex` and `alex` are the same person.

    Raises:
        AccountError: empty, too long, or with characters that do not show.
    """
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not name or len(name) > USERNAME_LENGTH or not name.isprintable():
        raise AccountError(f"a user name has 1 to {USERNAME_LENGTH} visible characters")
    return name


class Gate(Protocol):
    """A limit of wrong passwords. It is asked and told while a password has one of the few hashing slots, so that a
    burst cannot pass it."""

    async def allowed(self) -> bool:
        """May this password be looked at?"""
        ...

    async def failed(self) -> None:
        """It was wrong."""
        ...


class PasswordCheck(Protocol):
    """The first step of a sign-in."""

    async def check_password(
        self, username: str, password: str, *, gate: Gate | None = None
    ) -> Account | None:
        """The account, or None; unknown user, wrong password and disabled account take the same time.

        Raises:
            PasswordsBusy: too many wait already.
        """
        ...


class Directory(Protocol):
    """What verification reads and changes of an account, inside its own transaction."""

    async def account(self, connection: Any, account: str) -> Account | None:
        """The account with this id."""
        ...

    async def contact_points(self, connection: Any, account: str) -> tuple[ContactPoint, ...]:
        """Where codes may go."""
        ...

    async def accounts_with_number(self, connection: Any, number: str) -> tuple[str, ...]:
        """Ids of the accounts whose mobile number this is."""
        ...

    async def replace_contact_point(self, connection: Any, account: str, point: ContactPoint, now: int) -> None:
        """Put the contact point in the place of the account's one for that channel."""
        ...


class Sessions(Protocol):
    """Signed-in browsers."""

    async def open(self, connection: Any, account: str, digest: bytes, now: int) -> None:
        """Begin a session whose token has this digest."""
        ...

    async def find(self, token: str, now: int) -> Session | None:
        """The live session of a token whose account is not disabled."""
        ...

    async def close(self, token: str) -> None:
        """End a session."""
        ...
