"""Our graph runner gives exactly what Rasa's own gives."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rasa.core.channels.channel import UserMessage
from rasa.engine.exceptions import GraphRunError
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.graph_runner import DirectGraphRunner

TEXTS = [
    "will they charge me for the text?", "hello", "what's the weather", "my landline rang",
    "no code came, and why do I need it?",
]


@pytest.fixture(scope="module")
def runners(model):
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        metadata, direct = load_predict_graph_runner(Path(one), model, LocalModelStorage, DirectGraphRunner)
        _, stock = load_predict_graph_runner(Path(two), model, LocalModelStorage, DaskGraphRunner)
        yield metadata, direct, stock


@pytest.mark.parametrize("text", TEXTS)
def test_it_parses_as_the_stock_runner_does(runners, text):
    """The same message gives the same parse data from both runners."""
    metadata, direct, stock = runners
    parsed = []
    for runner in (direct, stock):
        inputs = {"__message__": [UserMessage(text)], "__tracker__": DialogueStateTracker("c", [])}
        message = runner.run(inputs=inputs, targets=[metadata.nlu_target])[metadata.nlu_target][0]
        parsed.append({k: v for k, v in message.as_dict(only_output_properties=True).items() if k != "message_id"})
    assert parsed[0] == parsed[1]


def test_a_missing_input_is_named(runners):
    """A graph that is not given its input says which one."""
    metadata, direct, _ = runners
    with pytest.raises(GraphRunError, match="__message__"):
        direct.run(inputs={}, targets=[metadata.nlu_target])
