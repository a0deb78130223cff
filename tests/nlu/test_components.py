"""The components inside Rasa's own storage: train, keep, load, process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bot.engine  # noqa: F401  # prepares the ground for Rasa

from rasa.engine.graph import ExecutionContext, GraphSchema  # isort: skip
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.components import Decision, FollowUps, Normalizer, SafetyRules, TopicClassifier, source_fingerprint

LINES = {
    "ask_landline": ["can i use my landline", "does a home phone work", "is my house phone ok", "landline ok?"],
    "ask_text_charges": ["does the text cost money", "is it free", "will my plan charge me", "what does it cost"],
    "ask_no_mobile": ["i have no cell phone", "i dont own a mobile", "no phone here", "never had a cell"],
    "greet": ["hello", "hi there", "good morning", "hey"],
    "out_of_scope": ["pizza", "tell me a joke", "who won the game", "refill my pills"],
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    storage = LocalModelStorage(tmp_path_factory.mktemp("model"))
    context = ExecutionContext(GraphSchema({}))
    data = TrainingData([Message.build(text, intent) for intent, texts in LINES.items() for text in texts] + [
        Message.build(text, "ask_no_mobile", intent_metadata={"after": "ask_landline"})
        for text in ("hm nothing then", "nothing for me then", "hm then nothing for me", "nothing then")
    ])
    loaded: list[Any] = []
    for component in (Normalizer, SafetyRules, TopicClassifier, FollowUps, Decision):
        resource = Resource(component.__name__)
        if hasattr(component, "train"):
            component.create({}, storage, resource, context).train(data)
            loaded.append(component.load({}, storage, resource, context))
        else:
            loaded.append(component.create({}, storage, resource, context))
        data = loaded[-1].process_training_data(data)
    return loaded


def parse(pipeline: list[Any], text: str, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    message = Message({"text": text, "metadata": metadata or {}})
    for component in pipeline:
        component.process([message])
    return dict(message.as_dict(only_output_properties=True))


def test_a_question_comes_out_with_intent_ranking_and_understanding(pipeline: list[Any]) -> None:
    """The keys that rules and the engine read."""
    result = parse(pipeline, "I can't breathe")
    assert result["intent"] == {"name": "report_emergency", "confidence": 1.0}
    assert result["intent_ranking"][0] == result["intent"]
    assert result["understanding"]["emergency"] is True


def test_the_conversation_reaches_the_decision(pipeline: list[Any]) -> None:
    """Metadata of the message turns a follow-up into its topic."""
    result = parse(pipeline, "what else can I use?", {"topic": "ask_landline"})
    assert result["intent"]["name"] == "ask_no_mobile"
    said, unsaid = (
        parse(pipeline, "hm nothing for me then", metadata)["intent_ranking"][0]
        for metadata in ({"topic": "ask_landline"}, {})
    )
    assert said["name"] == "ask_no_mobile"
    assert said["confidence"] > unsaid["confidence"]


def test_an_unknown_text_is_out_of_scope_for_rules(pipeline: list[Any]) -> None:
    """Fallback is an intent too, so that a rule can answer it."""
    result = parse(pipeline, "zxcv")
    assert result["intent"]["name"] in ("out_of_scope", "choose_between")
    assert len(result["understanding"]["candidates"]) == 2


def test_every_component_is_trained_anew_when_the_package_changes() -> None:
    """Rasa hashes a class alone; the addon covers the whole package."""
    assert Normalizer.fingerprint_addon({}) == TopicClassifier.fingerprint_addon({}) == source_fingerprint()
    assert len(source_fingerprint()) == 64
    assert Path(__file__).exists()
