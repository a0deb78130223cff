"""The only place that wires things."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.db import Database
from bot.settings import Settings
from bot.verification.model import VerificationClient

if TYPE_CHECKING:
    from bot.engine.rasa_engine import RasaEngine
    from bot.engine.training import Project

# --- the assistant ------------------------------------------------------------------------------------------------


def topic_labels(project: Project) -> dict[str, str]:
    """The topics' names on buttons, from domain.yml, the one place for words."""
    from rasa.shared.utils.io import read_yaml_file

    responses = read_yaml_file(project.domain)["responses"]
    return dict(responses["utter_topic_labels"][0]["custom"])


def faq_actions(labels: Mapping[str, str]) -> list[Any]:
    """The actions where the portal sends its own codes."""
    from actions.faq_only import ActionNotArrivedElsewhere, ActionOfferResendElsewhere, ActionResendElsewhere

    return [
        *_talk_actions(labels),
        ActionOfferResendElsewhere(),
        ActionResendElsewhere(),
        ActionNotArrivedElsewhere(),
    ]


def backend_actions(labels: Mapping[str, str], verification: VerificationClient) -> list[Any]:
    """The actions with a verification backend to ask."""
    from actions.resend import ActionNotArrived, ActionOfferResend, ActionResend

    return [
        *_talk_actions(labels),
        ActionOfferResend(verification),
        ActionResend(verification),
        ActionNotArrived(verification),
    ]


def _talk_actions(labels: Mapping[str, str]) -> list[Any]:
    from actions.doubt import ActionAskBetween, ActionMiss
    from actions.replies import ActionAffirm, ActionDeny

    return [ActionAffirm(), ActionDeny(), ActionAskBetween(labels), ActionMiss(labels)]


def load_assistant(
    settings: Settings, root: Path, database: Database, *, actions: Sequence[Any] | None = None
) -> RasaEngine:
    """The engine with its actions, words and locks.

    Args:
        root: the folder of config.yml, domain.yml, data/ and models/.
        actions: those to run; the FAQ-only ones when not given.
    """
    from bot.engine.locks import choose_locks
    from bot.engine.rasa_engine import load_engine
    from bot.engine.training import Project

    project = Project(root)
    return load_engine(
        project.model,
        database,
        choose_locks(settings.database, settings.redis_url),
        actions=faq_actions(topic_labels(project)) if actions is None else actions,
        organization=settings.organization,
        turn_timeout=settings.turn_timeout,
    )


@asynccontextmanager
async def terminal_assistant(settings: Settings, root: Path) -> AsyncIterator[RasaEngine]:
    """The assistant for a terminal: its conversations live in a temporary database and are gone afterwards."""
    import asyncio

    with tempfile.TemporaryDirectory(prefix="twostep-") as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/terminal.sqlite3")
        await asyncio.to_thread(database.migrate)
        engine = load_assistant(settings, root, database)
        try:
            yield engine
        finally:
            await engine.close()
            await database.close()
