"""The verification backend's wiring, the part of `bot.app` that grew too long for it: settings in; operations, clients
and hooks out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.accounts.addresses import UnusableAddress, email_address, mobile_number, reply_address
from bot.accounts.demo import PASSWORD, SHOWN, add_demo_people
from bot.accounts.passwords import Passwords
from bot.accounts.service import AccountService
from bot.accounts.store import AccountStore
from bot.audit.store import AuditStore
from bot.contact.api import ContactDoor, ConversationOf, contact_api
from bot.contact.client import LocalContact
from bot.contact.pages import contact_pages
from bot.contact.service import ContactService, Transcript, no_transcript
from bot.contact.store import ContactStore
from bot.db import Clock, Database
from bot.delivery.api import demo_outbox_api, status_api
from bot.delivery.demo_gateway import DemoInbox
from bot.delivery.model import Gateway
from bot.delivery.pages import demo_outbox_pages
from bot.delivery.service import DeliveryService, recorded_in
from bot.delivery.smtp_gateway import SmtpGateway
from bot.delivery.store import OutboxStore
from bot.delivery.twilio_gateway import TwilioGateway
from bot.delivery.worker import Worker
from bot.events import Record
from bot.http.api import Api
from bot.http.limits import Limiter
from bot.http.pages import Pages
from bot.http.twilio_form import TwilioForms
from bot.privacy import Keys
from bot.settings import Settings
from bot.verification.api import sign_in_api
from bot.verification.bot_api import bot_api
from bot.verification.bot_service import BotService
from bot.verification.client import HttpVerification, LocalVerification
from bot.verification.contact_points import ContactPoints
from bot.verification.door import Door
from bot.verification.failures import AddressFailures
from bot.verification.guessing import Guesses
from bot.verification.handoff_store import HandoffStore
from bot.verification.messages import Words
from bot.verification.model import Channel, Limits, new_code
from bot.verification.pages import portal_pages
from bot.verification.send_store import SendStore
from bot.verification.sending import CodeSender
from bot.verification.service import SignInService
from bot.verification.store import VerificationStore

DEMO_INBOX = "contact@example.com"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """What the application takes from here. `start` and `stop` belong to the server's life.

    `apis` are those of the way it runs (design.md): the whole portal; contact and delivery alone where another portal
    verifies (then `verification_client` asks that one); the way to the practice's own contact page in FAQ-only mode
    (then there is no `verification_client`).
    """

    apis: tuple[Api, ...]
    accounts: AccountService
    sign_in: SignInService
    bot: BotService
    delivery: DeliveryService
    contact: ContactService
    audit: AuditStore
    outbox: OutboxStore
    worker: Worker
    inbox: DemoInbox
    door: Door
    verification_client: LocalVerification | HttpVerification | None
    contact_client: LocalContact
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]

    async def prune(self, before: int) -> None:
        """Delete what ended before this time (ms)."""
        await self.sign_in.prune(before)
        await self.contact.prune(before)
        await self.delivery.prune(before)

    async def forget(self, conversation: str) -> None:
        """A conversation is deleted: untie its sign-in, drop its draft."""
        await self.bot.forget(conversation)
        await self.contact.discard(conversation)


def no_conversation(request: object) -> str | None:
    """Where no chat stands beside the contact form."""
    return None


def build_backend(
    settings: Settings, database: Database, keys: Keys, clock: Clock, record: Record, limiter: Limiter, *,
    conversation_of: ConversationOf = no_conversation, transcript: Transcript = no_transcript,
    passwords: Passwords | None = None, make_code: Callable[[], str] = new_code, assistant: bool = True,
) -> Backend:
    """Put the backend together. Nothing connects before `start` or the first request.

    Args:
        conversation_of: the conversation of a request's chat cookie.
        transcript: what was said in a conversation, redacted.
        passwords: cheap ones for tests.
        make_code: for tests.
        assistant: whether the chat is served beside the pages.
    """
    audit = AuditStore(database, keys)
    outbox = OutboxStore(database, keys, recorded_in(audit))
    people = AccountStore(database, keys)
    hashes = passwords or Passwords()
    accounts = AccountService(database, people, hashes, audit, clock, settings.sms_regions)
    delivery = DeliveryService(outbox, clock, record)
    inbox = DemoInbox(clock)
    worker = Worker(outbox, _gateways(settings, inbox), clock, record)

    store, handoffs, words = VerificationStore(database, keys), HandoffStore(database), Words.of(settings)
    limits = Limits(**{name: getattr(settings, name) for name in Limits.__dataclass_fields__})
    failures = AddressFailures(limiter, settings.failures_per_address)
    sender = CodeSender(
        store, SendStore(database, keys), people, outbox, audit, keys, words, limits, _usable(settings.sms_regions),
        make_code,
    )
    guesses = Guesses(store, sender, people, audit, clock, limits)
    sign_in = SignInService(
        database, store, handoffs, sender, guesses, accounts, people, outbox, audit, clock, limits, record,
        failures.ready,
    )
    points = ContactPoints(
        database, store, sender, guesses, people, outbox, audit, clock, limits, words, failures.ready
    )
    bot = BotService(database, store, handoffs, sender, people, outbox, audit, clock, record, failures.ready)
    contact = ContactService(
        database, ContactStore(database, keys), outbox, audit, clock, record, reply_address,
        inbox=settings.contact_inbox or DEMO_INBOX, first_reason=settings.contact_reason, transcript=transcript,
    )
    door = Door(sign_in, points, failures, settings, keys)
    pages = Pages(settings, assistant=assistant)

    def parse_address(channel: Channel, text: str) -> str:
        return mobile_number(text, settings.sms_regions) if channel is Channel.SMS else email_address(text)

    contact_door = ContactDoor(contact, limiter, settings.contact_per_address, conversation_of)
    client: LocalVerification | HttpVerification | None = None
    apis: list[Api] = []
    if settings.is_portal:
        client = LocalVerification(bot)
        shown = SHOWN if settings.demo else ()
        apis += [
            sign_in_api(door, parse_address), bot_api(bot, settings.bot_credential.get_secret_value()),
            portal_pages(pages, door, parse_address, shown, PASSWORD),
        ]
    elif not settings.faq_only:
        client = HttpVerification(settings.verification_url, settings.bot_credential.get_secret_value())
    if settings.faq_only:
        apis += [contact_api(None), contact_pages(pages, None)]
    else:
        apis += [
            contact_api(contact_door), contact_pages(pages, contact_door), status_api(delivery, TwilioForms(settings))
        ]
        if settings.demo:
            apis += [demo_outbox_api(inbox), demo_outbox_pages(pages, inbox)]

    async def start() -> None:
        if settings.demo and settings.is_portal:
            await add_demo_people(accounts)
        if not settings.faq_only:
            await worker.start()

    async def stop() -> None:
        await worker.stop()
        hashes.close()
        if client is not None:
            await client.close()

    return Backend(
        apis=tuple(apis), accounts=accounts, sign_in=sign_in, bot=bot, delivery=delivery, contact=contact,
        audit=audit, outbox=outbox, worker=worker, inbox=inbox, door=door, verification_client=client,
        contact_client=LocalContact(contact), start=start, stop=stop,
    )


def _gateways(settings: Settings, inbox: DemoInbox) -> dict[str, Gateway]:
    """Twilio and SMTP where they are set, each on its own; the simulated ones otherwise, in demo mode only."""
    gateways: dict[str, Gateway] = {"sms": inbox, "email": inbox} if settings.demo else {}
    if settings.twilio_account_sid:
        gateways["sms"] = TwilioGateway(
            settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value(), settings.twilio_api_url,
            settings.code_sender, f"{settings.public_url}/sms/status" if settings.public_url else "",
        )
    if settings.smtp_url.get_secret_value():
        host = urlsplit(settings.own_url).hostname or "localhost"
        gateways["email"] = SmtpGateway(
            settings.smtp_url.get_secret_value(), settings.mail_from or f"no-reply@{host}"
        )
    return gateways


def _usable(regions: Collection[str]) -> Callable[[str], bool]:
    def usable(number: str) -> bool:
        try:
            return mobile_number(number, regions) == number
        except UnusableAddress:
            return False

    return usable
