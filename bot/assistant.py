"""The assistant's wiring, beside `bot.app`: the engine, its actions with their clients, its words."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.backend import Backend
from bot.channels.sms import current_sender
from bot.contact.model import ContactClient
from bot.db import Clock, Database, system_clock
from bot.settings import Settings
from bot.verification.model import VerificationClient
from bot.words import topic_labels

if TYPE_CHECKING:
    from bot.engine.rasa_engine import RasaEngine

PROJECT = Path(__file__).parents[1]


def faq_actions(labels: Mapping[str, str]) -> list[Any]:
    """The actions where the portal sends its own codes."""
    from actions.faq_only import ActionNotArrivedElsewhere, ActionOfferResendElsewhere, ActionResendElsewhere
    from actions.resend import ActionDeliveryWays

    resend = ActionResendElsewhere()
    return [
        ActionDeliveryWays(resend),
        *_talk_actions(labels, ActionOfferResendElsewhere(), resend, ActionNotArrivedElsewhere()),
    ]


def backend_actions(labels: Mapping[str, str], verification: VerificationClient) -> list[Any]:
    """The actions with a verification backend to ask."""
    from actions.by_text import ActionOfferResendByText, ActionResendByText, ByText
    from actions.resend import ActionDeliveryWays, ActionNotArrived, ActionOfferResend, ActionResend

    by_text, resend = ActionResendByText(verification, current_sender), ActionResend(verification)
    offer = ActionOfferResend(verification)
    return [
        ByText(ActionDeliveryWays(by_text), ActionDeliveryWays(resend, verification, offer)),
        *_talk_actions(
            labels,
            ByText(ActionOfferResendByText(), offer),
            ByText(by_text, resend),
            ByText(ActionOfferResendByText(), ActionNotArrived(verification)),
        ),
    ]


def contact_actions(labels: Mapping[str, str], contact: ContactClient, database: Database) -> list[Any]:
    """The contact form's actions."""
    from actions import contact as request
    from actions.contact_form import ValidateContactForm
    from bot.engine.tracker_store import log_of

    kinds = (
        ValidateContactForm, request.ActionAskContactMessage, request.ActionAskContactConfirm,
        request.ActionFileContact, request.ActionCancelContact,
    )
    prepare = request.ActionPrepareContact(contact, labels, partial(log_of, database))
    return [prepare, *(kind(contact) for kind in kinds)]


def _talk_actions(labels: Mapping[str, str], offer: Any, resend: Any, not_arrived: Any) -> list[Any]:
    from actions.doubt import ActionAskBetween, ActionMiss
    from actions.replies import ActionAffirm, ActionDeny

    return [
        offer,
        resend,
        not_arrived,
        ActionAffirm({"resend": resend}),
        ActionDeny({"arrived": not_arrived}),
        ActionAskBetween(labels),
        ActionMiss(labels),
    ]


def load_assistant(
    settings: Settings,
    root: Path,
    database: Database,
    verification: VerificationClient | None = None,
    contact: ContactClient | None = None,
    clock: Clock = system_clock,
) -> RasaEngine:
    """The engine with its actions, words and locks.

    Args:
        root: the folder of config.yml, domain.yml, data/ and models/.
        verification: None where the portal sends its own codes.
        contact: None where requests go through the practice's own contact page alone.
    """
    from bot.engine.locks import choose_locks
    from bot.engine.rasa_engine import load_engine
    from bot.engine.training import Project

    project = Project(root)
    labels = topic_labels()
    return load_engine(
        project.model,
        database,
        choose_locks(settings.database, settings.redis_url),
        actions=[
            *(backend_actions(labels, verification) if verification else faq_actions(labels)),
            *(contact_actions(labels, contact, database) if contact else ()),
        ],
        organization=settings.organization,
        without=() if contact else ("/file_contact",),
        typed_codes_die=settings.is_portal and verification is not None,  # a portal elsewhere need not do it
        turn_timeout=settings.turn_timeout,
        notice=settings.notice,
        clock=clock,
    )


@asynccontextmanager
async def terminal_assistant(settings: Settings, root: Path) -> AsyncIterator[RasaEngine]:
    """The assistant for a terminal: its conversations live in a temporary database and are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="twostep-") as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/terminal.sqlite3")
        await asyncio.to_thread(database.migrate)
        engine = load_assistant(settings, root, database)
        try:
            yield engine
        finally:
            await engine.close()
            await database.close()


def load_understanding(root: Path) -> Callable[[str, Mapping[str, Any]], dict[str, Any]]:
    """What the model makes of a text and of what stands before it: Rasa's parse data, for measuring."""
    from bot.engine.training import Project
    from bot.engine.understanding import load_understanding as load

    return load(Project(root).model)


def assistant_for(
    settings: Settings, database: Database, backend: Backend, after: list[Callable[[], Awaitable[None]]],
    clock: Clock = system_clock,
) -> RasaEngine:
    """The engine beside a backend; what is to be awaited when the server stops is added to `after`."""
    contact = None if settings.faq_only else backend.contact_client
    engine = load_assistant(settings, PROJECT, database, backend.verification_client, contact, clock)
    after.append(engine.close)
    return engine
