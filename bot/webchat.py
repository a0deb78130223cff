"""The wiring of the web chat, beside `bot.app`: what of a message goes where, and who is told."""

from __future__ import annotations

from functools import partial

from bot.backend import Backend
from bot.channels.model import Bind, Exposed, Intake, bind_nothing, expose_nothing
from bot.channels.render_sms import plain
from bot.channels.service import ChatService, mask_contacts
from bot.channels.store import ConversationStore
from bot.contact.model import ContactClient, Field, corrects_reply_to, name_in
from bot.db import Clock
from bot.engine.model import Engine
from bot.events import Record
from bot.privacy import Keys, find_contact, redact_contacts
from bot.settings import Settings
from bot.words import failure_reply


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
    """Mask numbers and addresses; while the contact form is filled in, they go into its draft first.

    The draft is the only place for them: the engine, its tracker and the transcript see the masked text. The form
    takes a number whenever it is given: with the name, when asked for, or as a correction later.
    """
    masked = redact_contacts(text)
    if masked == text or (slot := await engine.asked(conversation)) is None:
        return masked
    number = find_contact(text) or text
    if slot == "contact_name":
        name = name_in(text.replace(number, " "))
        if any(character.isalpha() for character in name):
            await contact.save_draft(conversation, Field.NAME, name)
    elif slot == "contact_message" and not corrects_reply_to(masked):
        await contact.save_draft(conversation, Field.MESSAGE, text)
        return masked
    elif slot != "contact_reply_to" and not corrects_reply_to(masked):
        return masked
    await contact.save_draft(conversation, Field.REPLY_TO, number)
    return masked


async def transcript_of(store: ConversationStore, conversation: str) -> str:
    """A conversation as plain lines, for the practice's staff; it was redacted when it was kept."""
    return "\n".join(
        f"{'Patient' if message.sender == 'patient' else 'Assistant'}: {plain(message.text)}"
        for message in await store.history(conversation)
    )
