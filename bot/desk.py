"""The wiring of counting and of the staff console, the part of `bot.app` that belongs to staff."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from sanic import Request

from bot.audit.model import By
from bot.backend import Backend
from bot.channels.sms_store import SmsStore
from bot.channels.store import ConversationStore
from bot.contact.desk import ContactDesk
from bot.contact.store import ContactStore
from bot.db import UNAVAILABLE, Clock, Database, system_clock
from bot.events import Event, Record
from bot.http.api import Api
from bot.http.pages import Pages
from bot.insights.admin_pages import admin_pages
from bot.insights.console import Guard
from bot.insights.model import UNKNOWN_TOPIC
from bot.insights.notice import StaffNotice
from bot.insights.pages import Frame, figure_pages
from bot.insights.service import Erase, Insights
from bot.insights.unanswered import Unanswered
from bot.insights.work_pages import work_pages
from bot.privacy import Keys, load_keys
from bot.settings import Settings
from bot.verification.handoff_store import HandoffStore
from bot.words import topic_labels

log = logging.getLogger("twostep.desk")


@runtime_checkable
class Teachable(Protocol):
    """An engine that names the nearest topic of a text and shows a notice of the staff's."""

    notice: str

    async def nearest(self, text: str) -> str:
        """The topic, however unsure."""
        ...


NOTICE_EVERY = 5.0  # seconds until a notice that was set in another process shows here


def topic_names() -> dict[str, str]:
    """What staff calls the topics: as on the assistant's buttons."""
    return {**topic_labels(), UNKNOWN_TOPIC: "Not for the assistant"}


def build_insights(
    settings: Settings, database: Database, clock: Clock, *, store: ConversationStore, erase: Sequence[Erase] = ()
) -> Insights:
    """The counting, with the web chat's messages to read."""
    return Insights(
        database, clock, zone=ZoneInfo(settings.time_zone), minutes_per_contact=settings.minutes_per_contact,
        transcript=store.history, erase=erase, names=topic_names(),
    )


def both(first: Record, second: Record) -> Record:
    """A recorder that tells two."""

    async def record(event: Event) -> None:
        await first(event)
        await second(event)

    return record


def console_apis(
    settings: Settings, database: Database, keys: Keys, clock: Clock, insights: Insights, queue: Unanswered,
    notice: StaffNotice, backend: Backend, sign_in: str,
) -> list[Api]:
    """The console's pages.

    Args:
        sign_in: where staff signs in.
    """

    async def session_of(request: Request) -> tuple[str, str, str] | None:
        session = await backend.door.session(request)
        return (session.account.id, session.account.name, session.account.role) if session else None

    async def audit(by: By, action: str, *, subject: str = "", rule: str = "") -> None:
        async with database.write() as connection:
            await backend.audit.append(connection, by, action, at=clock(), subject=subject, rule=rule)

    def veil(conversation: str) -> str:
        return keys.pseudonym("audit-conversation", conversation)

    frame = Frame(Pages(settings), Guard(session_of, audit, veil), sign_in)
    requests = ContactDesk(database, ContactStore(database, keys), keys, clock)
    return [
        figure_pages(frame, insights),
        work_pages(frame, insights, queue, requests, topic_names()),
        admin_pages(frame, notice, backend.accounts, backend.sign_in.enable_factor, settings.notice),
    ]


class NoticeWatch:
    """Gives the engine the notice that staff set, in whichever process."""

    def __init__(self, notice: StaffNotice, show: Callable[[str], None]) -> None:
        self._notice = notice
        self._show = show
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; returns when the first look is done."""
        await self._look()
        self._task = asyncio.create_task(self._run(), name="notice")

    async def stop(self) -> None:
        """End after the look that is under way, for the same reason as `Retention.stop`."""
        self._ending.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), NOTICE_EVERY)
                return
            await self._look()

    async def _look(self) -> None:
        try:
            text = await self._notice.text()
        except UNAVAILABLE as error:
            log.warning("notice not read", extra={"error": type(error).__name__})
            return
        if text is not None:
            self._show(text)


@asynccontextmanager
async def open_insights(
    settings: Settings, forget_engine: Callable[[Database], Callable[[str], Awaitable[Any]]]
) -> AsyncIterator[Insights]:
    """The counting for one command, with everything that forgets a conversation.

    Args:
        forget_engine: gives, for a database, what deletes the engine's memory of a conversation.
    """
    database = Database(settings.database)
    keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    store = ConversationStore(database)
    drafts = ContactStore(database, keys)
    contact = ContactDesk(database, drafts, keys, system_clock)

    async def untie(conversation: str) -> None:
        async with database.write() as connection:
            await drafts.discard(connection, conversation)
            await HandoffStore(database).forget(connection, conversation)

    try:
        await asyncio.to_thread(database.migrate)
        yield build_insights(
            settings, database, system_clock, store=store,
            erase=(store.delete, contact.detach, untie, SmsStore(database).forget, forget_engine(database)),
        )
    finally:
        await database.close()


def conversations_of(settings: Settings, who: str) -> list[str]:
    """The conversations that an id or a phone number means.

    Raises:
        ValueError: it is neither.
    """
    from bot.accounts.addresses import UnusableAddress, mobile_number

    if not who.strip():
        raise ValueError("give a conversation's id or a phone number")
    if who.startswith("sms:") or (len(who) == 32 and who.isalnum()):
        return [who]
    keys = load_keys(settings.secret_key.get_secret_value(), settings.data_dir)
    try:
        number = mobile_number(who, settings.sms_regions)
    except UnusableAddress:
        raise ValueError("that is neither a conversation's id nor a phone number") from None
    return [f"sms:{keys.pseudonym('sms-conversation', number)}"]
