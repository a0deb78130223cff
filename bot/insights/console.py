"""What the staff's console asks of the other parts, and who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sanic import Request

from bot.accounts.model import Account, Role
from bot.audit.model import Actor, By
from bot.http.problem import Forbidden
from bot.insights.charts import load_ahead


class Staff(NamedTuple):
    """Who is signed in."""

    id: str
    name: str
    role: str

    @property
    def is_admin(self) -> bool:
        """May change accounts and the notice."""
        return self.role == Role.ADMIN


SessionOf = Callable[[Request], Awaitable[tuple[str, str, str] | None]]
"""`session_of(request)`: account id, name and role of the signed-in person, whatever the role; None for nobody."""


class Audit(Protocol):
    """Writes one line of the audit record."""

    def __call__(self, by: By, action: str, *, subject: str = "", rule: str = "") -> Awaitable[None]:
        """`rule` is the id of the staff member's account."""
        ...


class ContactEntry(Protocol):
    """A contact request in the list."""

    @property
    def reference(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def who(self) -> str: ...


class ContactRequest(ContactEntry, Protocol):
    """A contact request in full."""

    @property
    def name(self) -> str: ...
    @property
    def reply_to(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def transcript(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def conversation(self) -> str: ...
    @property
    def changed_at(self) -> int: ...


class Requests(Protocol):
    """The queue of contact requests; `bot.contact.desk.ContactDesk`. LookupError: there is no such request."""

    async def entries(self, state: str = "") -> Sequence[ContactEntry]:
        """The newest first."""
        ...

    async def request(self, reference: str) -> ContactRequest:
        """In full."""
        ...

    async def change(
        self, reference: str, state: str, note: str, *, account: str, who: str, seen: int | None = None
    ) -> None:
        """Say how far it is; ValueError, or RuntimeError where it changed since it was `seen`: with words for the
        reader."""
        ...


class People(Protocol):
    """Accounts; `bot.accounts.service.AccountService`."""

    async def all(self) -> list[Account]:
        """Every account."""
        ...

    async def set_disabled(self, username: str, disabled: bool, *, by: By) -> None:
        """Shut an account out or let it in again."""
        ...


ResetFactor = Callable[[str, By], Awaitable[None]]
"""`reset_factor(account id, by)`: codes of the account work again."""


class NotSignedIn(Exception):
    """The browser is to be led to the sign-in."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets staff in and writes down what they see and do.

    `veil` gives the stand-in under which the record names a conversation: the record is never changed, and what is
    forgotten must not be found by its id there.
    """

    session_of: SessionOf
    audit: Audit
    veil: Callable[[str], str]

    async def staff(self, request: Request, action: str, subject: str = "", *, admin: bool = False) -> Staff:
        """Who asks; written down before anything is shown or done.

        Raises:
            NotSignedIn
            Forbidden: a patient, or an agent where an admin is needed.
        """
        load_ahead()  # whoever comes to sign in wants charts soon
        found = await self.session_of(request)
        if found is None:
            raise NotSignedIn
        staff = Staff(*found)
        by = staff_by(request)
        if staff.role not in (Role.AGENT, Role.ADMIN) or (admin and not staff.is_admin):
            await self.audit(by, "staff.refused", subject=action[:64], rule=staff.id)
            raise Forbidden("This page is for staff." if not admin else "This page is for administrators.")
        await self.audit(by, action, subject=subject[:64], rule=staff.id)
        return staff

    @asynccontextmanager
    async def noting_failure(self, request: Request, staff: Staff, subject: str) -> AsyncIterator[None]:
        """Write down as well that what was written down has not happened, when it raises."""
        try:
            yield
        except Exception:
            await self.audit(staff_by(request), "staff.not_done", subject=subject[:64], rule=staff.id)
            raise


def staff_by(request: Request) -> By:
    """A staff member at the browser."""
    return By(Actor.STAFF, request.ctx.request_id)


