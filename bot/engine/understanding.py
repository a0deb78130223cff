"""The trained model's understanding alone, for measuring it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.graph_runner import DirectGraphRunner
from bot.engine.processor import plain

Understand = Callable[[str, Mapping[str, Any]], dict[str, Any]]


def load_understanding(model: Path) -> Understand:
    """A function from a text, and what stands before it (`context_of`), to Rasa's parse data."""
    with TemporaryDirectory(prefix="twostep-model-") as folder:
        metadata, runner = load_predict_graph_runner(Path(folder), model, LocalModelStorage, DirectGraphRunner)
    nobody = DialogueStateTracker("", [])

    def understand(text: str, context: Mapping[str, Any]) -> dict[str, Any]:
        inputs = {"__message__": [UserMessage(plain(text), metadata=dict(context))], "__tracker__": nobody}
        message = runner.run(inputs=inputs, targets=[metadata.nlu_target])[metadata.nlu_target][0]
        parse: dict[str, Any] = message.as_dict(only_output_properties=True)
        return parse

    return understand
