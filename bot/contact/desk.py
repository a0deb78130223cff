"""The queue of contact requests: who works on which, how far it is, and a note. Requests and notes are encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, delete, func, select, update

from bot.contact.store import ContactStore, contact_requests
from bot.db import Clock, Database, metadata
from bot.privacy import Keys

NOTE_LENGTH = 500

contact_work = Table(
    "contact_work", metadata,
    Column("reference", String(16), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("sealed_note", LargeBinary),
    Column("account", String(32), nullable=False),
    Column("who", String(100), nullable=False),
    Column("at", BigInteger, nullable=False),
)
NOTE = "contact_note"


class WorkState(StrEnum):
    """How far a request is."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Entry:
    """A request in the list: nothing personal. `who` changed it last."""

    reference: str
    reason: str
    at: int
    state: str
    who: str


@dataclass(frozen=True, slots=True)
class FiledRequest:
    """A request in full."""

    reference: str
    reason: str
    at: int
    state: str
    who: str
    name: str
    reply_to: str
    message: str
    transcript: str
    note: str
    conversation: str
    changed_at: int  # milliseconds; 0 before anybody has


class NoSuchRequest(LookupError):
    """Nothing was filed under this reference, or it was pruned."""


class ChangedMeanwhile(RuntimeError):
    """Somebody else has changed the request since it was looked at."""


class ContactDesk:
    """What staff does with contact requests."""

    def __init__(self, database: Database, store: ContactStore, keys: Keys, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._clock = clock

    async def entries(self, state: str = "", limit: int = 200) -> list[Entry]:
        """Requests in a state, or all, the newest first."""
        now_in = func.coalesce(contact_work.c.state, WorkState.NEW.value)
        query = (
            select(contact_requests.c.reference, contact_requests.c.reason, contact_requests.c.at,
                   now_in.label("state"), func.coalesce(contact_work.c.who, "").label("who"))
            .outerjoin(contact_work, contact_work.c.reference == contact_requests.c.reference)
            .order_by(contact_requests.c.at.desc()).limit(limit)
        )
        if state:
            query = query.where(now_in == state)
        async with self._database.read() as connection:
            return [Entry(*row) for row in await connection.execute(query)]

    async def request(self, reference: str) -> FiledRequest:
        """A request in full.

        Raises:
            NoSuchRequest
        """
        async with self._database.read() as connection:
            row = (await connection.execute(
                select(contact_requests.c.reason, contact_requests.c.at, contact_requests.c.conversation)
                .where(contact_requests.c.reference == reference)
            )).first()
            values = await self._store.request(connection, reference)
            work = (await connection.execute(
                select(contact_work).where(contact_work.c.reference == reference)
            )).first()
        if row is None or values is None:
            raise NoSuchRequest
        return FiledRequest(
            reference, row.reason, row.at, work.state if work else WorkState.NEW.value, work.who if work else "",
            values.get("name", ""), values.get("reply_to", ""), values.get("message", ""),
            values.get("transcript", ""),
            self._keys.open(NOTE, work.sealed_note) if work and work.sealed_note else "",
            row.conversation or "", work.at if work else 0,
        )

    async def change(
        self, reference: str, state: str, note: str, *, account: str, who: str, seen: int | None = None
    ) -> None:
        """Say how far a request is.

        Args:
            seen: its `changed_at` when it was looked at; None to overwrite whatever is there.

        Raises:
            NoSuchRequest
            ChangedMeanwhile
            ValueError: an unknown state, or a note that is too long.
        """
        state = WorkState(state).value
        if len(note) > NOTE_LENGTH:
            raise ValueError(f"A note has at most {NOTE_LENGTH} characters.")
        row = {
            "state": state, "account": account, "who": who, "at": self._clock(),
            "sealed_note": self._keys.seal(NOTE, note) if note else None,
        }
        async with self._database.write() as connection:
            if await connection.scalar(
                select(contact_requests.c.reference).where(contact_requests.c.reference == reference)
            ) is None:
                raise NoSuchRequest
            before = (await connection.execute(
                select(contact_work.c.at, contact_work.c.who, contact_work.c.sealed_note)
                .where(contact_work.c.reference == reference)
            )).first()
            if seen is not None and seen != (before.at if before else 0):
                by = before.who if before else ""
                kept = self._keys.open(NOTE, before.sealed_note) if before and before.sealed_note else ""
                raise ChangedMeanwhile(
                    f"Nothing was saved: {by} has changed this request since you opened it"
                    f"{f' and noted: {kept}' if kept else '.'}"
                )
            await connection.execute(
                self._database.insert(contact_work).values(reference=reference, **row)
                .on_conflict_do_update(index_elements=["reference"], set_=row)
            )

    async def detach(self, conversation: str) -> int:
        """Forget which conversation requests came from, and its transcript in them; the requests themselves stay,
        since somebody waits for an answer. Drafts go."""
        async with self._database.write() as connection:
            references = list(await connection.scalars(
                select(contact_requests.c.reference).where(contact_requests.c.conversation == conversation)
            ))
            for reference in references:
                values = await self._store.request(connection, reference) or {}
                values.pop("transcript", None)
                await self._store.reseal(connection, reference, values)
            await connection.execute(
                update(contact_requests).where(contact_requests.c.conversation == conversation)
                .values(conversation=None)
            )
            return len(references) + await self._store.discard(connection, conversation)

    async def prune(self, before: int) -> None:
        """Delete work on requests that are gone, and of those from before this time."""
        kept = select(contact_requests.c.reference).where(contact_requests.c.at >= before)
        async with self._database.write() as connection:
            await connection.execute(delete(contact_work).where(contact_work.c.reference.not_in(kept)))
