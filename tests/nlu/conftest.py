"""The understanding as it ships, trained once for all of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.nlu.decision import Calibration
from bot.nlu.examples import Example, read_examples
from bot.nlu.sentences import SentenceEncoder
from bot.nlu.understanding import Understanding

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """All training lines."""
    return read_examples(ROOT / "data")


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    """The encoder in the repository, its hash checked."""
    return SentenceEncoder()


@pytest.fixture(scope="session")
def understanding(examples: list[Example], encoder: SentenceEncoder) -> Understanding:
    """Trained on all lines with the recorded calibration."""
    return Understanding.fit(examples, encoder, Calibration.read())
