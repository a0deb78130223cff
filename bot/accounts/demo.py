"""The made-up people of demo mode (design.md)."""

from __future__ import annotations

from typing import NamedTuple

from bot.accounts.model import AccountError, Role
from bot.accounts.service import AccountService
from bot.audit.model import Actor, By

PASSWORD = "correct horse battery staple"


class DemoPerson(NamedTuple):
    """One of them; numbers of the range that is kept free for fiction."""

    username: str
    name: str
    mobile: str
    email: str
    role: Role
    has: str


PEOPLE = (
    DemoPerson("alex", "Alex Sample", "+18455550142", "alex@example.com", Role.PATIENT, "mobile number and email"),
    DemoPerson("robin", "Robin Sample", "+18455550143", "", Role.PATIENT, "mobile number only"),
    DemoPerson("sam", "Sam Sample", "", "sam@example.com", Role.PATIENT, "email only"),
    DemoPerson("casey", "Casey Sample", "", "casey@example.com", Role.AGENT, "staff: agent"),
    DemoPerson("morgan", "Morgan Sample", "", "morgan@example.com", Role.ADMIN, "staff: admin"),
)
SHOWN = tuple((person.username, person.has) for person in PEOPLE)


async def add_demo_people(service: AccountService) -> None:
    """Make those that are missing; what was changed of the others stays."""
    there = {account.username for account in await service.all()}
    for person in PEOPLE:
        if person.username in there:
            continue
        try:
            await service.add(
                person.username, PASSWORD, name=person.name, mobile=person.mobile, email=person.email,
                role=person.role, by=By(Actor.WORKER),
            )
        except AccountError:  # another process was faster
            continue
