"""The wiring of the web chat, beside `bot.app`: what of a message goes where, and who is told."""

from __future__ import annotations

from functools import partial

from bot.backend import Backend
from bot.channels.model import Bind, Exposed, Intake, bind_nothing, expose_nothing
from bot.channels.render_sms import plain
from bot.channels.service import ChatService, mask_contacts
from bot.channels.store import ConversationStore
from bot.contact.model import ContactClient, Field
from bot.db import Clock
from bot.engine.model import Engine
from bot.events import Record
from bot.privacy import Keys, find_contact, redact_contacts
from bot.settings import Settings
from bot.words import failure_reply

ENTRIES = {"contact_name": Field.NAME, "contact_reply_to": Field.REPLY_TO, "contact_message": Field.MESSAGE}


def build_webchat(
    settings: Settings, store: ConversationStore, engine: Engine, keys: Keys, backend: Backend, record: Record,
    clock: Clock, *, bind: Bind | None = None, exposed: Exposed | None = None, intake: Intake | None = None,
) -> ChatService:
    """Put the web chat together; `bind`, `exposed` and `intake` replace the backend's, for tests."""
    client = backend.verification_client
    return ChatService(
        store, engine, keys, failure_reply(settings, "web"),
        bind=bind or (client.bind if client else bind_nothing),
        exposed=exposed or (client.exposed if client else expose_nothing),
        intake=intake or (mask_contacts if settings.faq_only else partial(take_in, engine, backend.contact_client)),
        forget_elsewhere=backend.forget, record=record, clock=clock,
    )


async def take_in(engine: Engine, contact: ContactClient, conversation: str, text: str) -> str:
    """Mask numbers and addresses; where the contact form asks for them, they go into its draft first.

    The draft is the only place for them: the engine, its tracker and the transcript see the masked text.
    """
    masked = redact_contacts(text)
    if masked != text:
        field = ENTRIES.get(await engine.asked(conversation) or "")
        if field is Field.REPLY_TO:
            await contact.save_draft(conversation, field, find_contact(text) or text)
        elif field is not None:
            await contact.save_draft(conversation, field, text)
    return masked


async def transcript_of(store: ConversationStore, conversation: str) -> str:
    """A conversation as plain lines, for the practice's staff; it was redacted when it was kept."""
    return "\n".join(
        f"{'Patient' if message.sender == 'patient' else 'Assistant'}: {plain(message.text)}"
        for message in await store.history(conversation)
    )
