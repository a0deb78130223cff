"""The trained model's understanding alone, for measuring it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.graph_runner import DirectGraphRunner
from bot.engine.processor import plain


def load_understanding(model: Path) -> Callable[[str], dict[str, Any]]:
    """A function from a text to Rasa's parse data."""
    with TemporaryDirectory(prefix="twostep-model-") as folder:
        metadata, runner = load_predict_graph_runner(Path(folder), model, LocalModelStorage, DirectGraphRunner)
    nobody = DialogueStateTracker("", [])

    def understand(text: str) -> dict[str, Any]:
        inputs = {"__message__": [UserMessage(plain(text))], "__tracker__": nobody}
        message = runner.run(inputs=inputs, targets=[metadata.nlu_target])[metadata.nlu_target][0]
        parse: dict[str, Any] = message.as_dict(only_output_properties=True)
        return parse

    return understand
