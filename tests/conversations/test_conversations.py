"""Plays the Rasa test stories in this folder on the real engine: what is typed, understood and done."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.engine.output import TurnOutput
from tests.engine.conftest import engine, make_engine, model  # noqa: F401  # the same engine

HERE = Path(__file__).parent
STORIES = [
    pytest.param(story["steps"], id=f"{path.stem}: {story['story']}")
    for path in sorted(HERE.glob("*.yml"))
    for story in yaml.safe_load(path.read_text())["stories"]
]


@pytest.mark.parametrize("steps", STORIES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_conversation_goes_as_told(steps, engine):  # noqa: F811
    """Each message is understood as the story says, and followed by exactly its actions."""
    processor = engine._processor
    turns: list[tuple[dict, list[str]]] = []
    for step in steps:
        if "user" in step:
            turns.append((step, []))
        else:
            turns[-1][1].append(step["action"])
    for step, expected in turns:
        output = TurnOutput("web", processor.topics)
        understood = await processor.turn("c", step["user"].strip(), output)
        tracker = await engine._store.retrieve("c")
        if tracker is None:  # start over
            continue
        names = []
        for event in reversed(tracker.events):
            if event.type_name == "user":
                break
            if event.type_name == "action" and event.action_name not in ("action_listen", "action_extract_slots"):
                names.insert(0, event.action_name)
        assert (step["intent"], expected) == (understood.intent, names), step["user"]
