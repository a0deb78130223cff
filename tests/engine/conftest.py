"""The real engine: the project's trained model, its words and rules, on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from bot.assistant import faq_actions
from bot.db import Database
from bot.engine.locks import choose_locks
from bot.engine.processor import TurnProcessor
from bot.engine.rasa_engine import RasaEngine, load_engine
from bot.engine.training import Project, train
from bot.settings import load_settings
from bot.words import topic_labels

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def model() -> Iterator[Path]:
    """The project's model, trained when its data changed; read from disk once, since every engine only reads it."""
    project = Project(ROOT)
    train(project, progress=lambda step: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TurnProcessor, "_load_model", staticmethod(cache(TurnProcessor._load_model)))
        yield project.model


@pytest.fixture
async def make_engine(model: Path, database: Database) -> AsyncIterator[Callable[..., RasaEngine]]:
    """Makes engines on the test's database and closes them."""
    made = []

    def make(**changes: object) -> RasaEngine:
        arguments = {
            "actions": faq_actions(topic_labels()),
            "organization": load_settings(_env_file=None).organization,
            **changes,
        }
        locks = choose_locks(database.url.render_as_string(hide_password=False), "")
        engine = load_engine(model, database, locks, **arguments)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        await engine.close()


@pytest.fixture
def engine(make_engine: Callable[..., RasaEngine]) -> RasaEngine:
    """An engine in the FAQ-only way."""
    return make_engine()
