"""Use cases of contact requests: take one in, mail it to the practice, keep a draft for the chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.audit.model import By, Trail
from bot.contact.model import (
    MESSAGE_LENGTH,
    OTHER_REASONS,
    DraftIncomplete,
    DraftView,
    Field,
    Problem,
    check,
    new_reference,
)
from bot.contact.store import ContactStore
from bot.db import Clock, Database
from bot.delivery.model import Kind, Message, Outbox
from bot.events import ContactRequestFiled, Record
from bot.privacy import CODE_MARK, mask_email, mask_phone, redact_codes, redact_contacts

MAIL_LIFETIME = 7 * 86_400_000  # milliseconds that the mail is tried; the request itself stays in the database
LAST_WORDS = 5  # messages of a chat that begin a message to the practice
PATIENT = "Patient: "  # how a line of a transcript begins that the patient said
Transcript = Callable[[str], Awaitable[str]]
"""`transcript(conversation)`: what was said, redacted, one line a message."""
ReplyAddress = Callable[[str], str]
"""A phone number or an email address in one spelling; raises ValueError when it is neither."""


async def no_transcript(conversation: str) -> str:
    """Where no chat stands beside the contact form."""
    return ""


class Rejected(Exception):
    """Values that are not taken, by field."""

    def __init__(self, problems: Mapping[Field, Problem]) -> None:
        super().__init__(", ".join(f"{field} {problem}" for field, problem in problems.items()))
        self.problems = dict(problems)


class ContactService:
    """Contact requests.

    Args:
        inbox: the practice's address.
        first_reason: the reason that is chosen at first.
    """

    def __init__(
        self, database: Database, store: ContactStore, outbox: Outbox, trail: Trail, clock: Clock, record: Record,
        reply_address: ReplyAddress, *, inbox: str, first_reason: str, transcript: Transcript = no_transcript,
    ) -> None:
        self._database = database
        self._store = store
        self._outbox = outbox
        self._trail = trail
        self._clock = clock
        self._record = record
        self._reply_address = reply_address
        self._inbox = inbox
        self._transcript = transcript
        self.reasons = (first_reason, *(reason for reason in OTHER_REASONS if reason != first_reason))

    async def file(
        self, values: Mapping[Field, str], by: By, *, conversation: str | None = None, include_transcript: bool = False
    ) -> str:
        """Take a request in and queue its mail; gives the reference.

        Raises:
            Rejected: values that are not taken; nothing was kept.
        """
        taken: dict[str, str] = {}
        problems: dict[Field, Problem] = {}
        for field in Field:
            value, problem = self._accept(field, values.get(field, self.reasons[0] if field is Field.REASON else ""))
            taken[field.value] = value
            if problem is not None:
                problems[field] = problem
        if problems:
            raise Rejected(problems)
        if include_transcript and conversation is not None:
            taken["transcript"] = await self._transcript(conversation)
        async with self._database.write() as connection:
            now = self._clock()
            reference = new_reference()
            while not await self._store.add(connection, reference, taken, conversation, now):
                reference = new_reference()
            await self._outbox.put(connection, Message(
                Kind.CONTACT, "email", self._inbox, _mail(reference, taken), now + MAIL_LIFETIME,
                f"Contact request {reference}: {taken['reason']}",
            ), now)
            if conversation is not None:
                await self._store.discard(connection, conversation)
            await self._trail.append(connection, by, "contact.filed", at=now, subject=reference)
        self._outbox.wake()
        await self._record(ContactRequestFiled(conversation, reference, taken["reason"], now))
        return reference

    async def asked_in_chat(self, conversation: str) -> str:
        """The patient's last words in a conversation, one line a message, to begin a message with."""
        lines = (await self._transcript(conversation)).splitlines()
        said = [line.removeprefix(PATIENT) for line in lines if line.startswith(PATIENT)]
        return "\n".join(said[-LAST_WORDS:])[: MESSAGE_LENGTH - 200]

    async def save_draft(self, conversation: str, field: Field, value: str) -> Problem | None:
        """Keep one value of a conversation's draft.

        One that is not taken leaves the field empty: what stood there before was just said to be wrong.
        """
        value, problem = self._accept(field, value)
        async with self._database.write() as connection:
            draft = await self._store.draft(connection, conversation)
            draft.pop(field.value, None)
            if problem is None:
                draft[field.value] = value
            await self._store.save_draft(connection, conversation, draft, self._clock())
        return problem

    async def draft(self, conversation: str) -> DraftView:
        """The draft, masked."""
        async with self._database.read() as connection:
            draft = await self._store.draft(connection, conversation)
        return DraftView(
            _initials(draft["name"]) if "name" in draft else None,
            _masked(draft["reply_to"]) if "reply_to" in draft else None,
            draft.get("reason"),
            redact_contacts(redact_codes(draft["message"]).text) if "message" in draft else None,
        )

    async def discard(self, conversation: str) -> None:
        """Forget the draft."""
        async with self._database.write() as connection:
            await self._store.discard(connection, conversation)

    async def file_draft(self, conversation: str, by: By, *, include_transcript: bool = False) -> str:
        """File the draft.

        Raises:
            DraftIncomplete: a field is missing.
        """
        async with self._database.read() as connection:
            draft = await self._store.draft(connection, conversation)
        values = {Field(name): value for name, value in draft.items()}
        try:
            return await self.file(values, by, conversation=conversation, include_transcript=include_transcript)
        except Rejected as rejected:
            raise DraftIncomplete(tuple(rejected.problems)) from None

    async def prune(self, before: int) -> None:
        """Delete requests and drafts from before this time (ms)."""
        async with self._database.write() as connection:
            await self._store.prune(connection, before)

    def _accept(self, field: Field, value: str) -> tuple[str, Problem | None]:
        value = value.replace("\r\n", "\n").strip() if field is Field.MESSAGE else value.strip(" ")
        problem = check(field, value, self.reasons)
        if problem is None and field is Field.NAME and CODE_MARK in redact_codes(value).text:
            problem = Problem.NOT_A_NAME
        if problem is None and field is Field.REPLY_TO:
            try:
                value = self._reply_address(value)
            except ValueError:
                problem = Problem.NOT_REACHABLE
        # A code that slipped into the form is worth nothing to the practice, and much to whoever reads the mail.
        return (redact_codes(value).text if field is Field.MESSAGE else value), problem


def _mail(reference: str, values: Mapping[str, str]) -> str:
    lines = [
        f"Contact request {reference}", f"Reason: {values['reason']}", f"Name: {values['name']}",
        f"Answer to: {values['reply_to']}", "", values["message"],
    ]
    if values.get("transcript"):
        lines += ["", "Conversation with the assistant:", values["transcript"]]
    return "\n".join(lines) + "\n"


def _initials(name: str) -> str:
    return " ".join(f"{part[0]}." for part in name.split())


def _masked(reply_to: str) -> str:
    return mask_email(reply_to) if "@" in reply_to else mask_phone(reply_to)
