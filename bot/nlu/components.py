# ruff: noqa: UP006, UP035  # Rasa compares these annotations with its own, which are typing.List
"""The pipeline of config.yml as Rasa graph components: thin shells around the modules beside this one.

Rasa derives a component's graph inputs from parameter names and annotations, hence `training_data: TrainingData` and
`messages: List[Message]` to the letter, and no postponed annotations in this module.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.context import follow_up, stays_with_danger
from bot.nlu.decision import Calibration, decide
from bot.nlu.emergency import is_denied, is_emergency
from bot.nlu.examples import after
from bot.nlu.intents import EMERGENCY as DANGER
from bot.nlu.sentences import SentenceEncoder
from bot.nlu.situation import situation_of
from bot.nlu.topics import TopicModel
from bot.nlu.understanding import cut_and_normalize
from bot.nlu.wording import Wording, count_words

NORMALIZED = "normalized"
CUTS = "cuts"
EMERGENCY = "emergency"
CALM = "calm"
PROBABILITIES = "probabilities"
CUT = "cut"
HALVES = "halves"
EMBEDDED = "embedded"
ALARM = "alarm"
ASIDE = "aside"
UNDERSTANDING = "understanding"


def source_fingerprint() -> str:
    """A hash of this package with its lexicon, calibration and encoder; Rasa itself looks at a class's source only."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".tsv", ".txt", ".json"):  # encoder.json holds the network's hash
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class _Component(GraphComponent):
    def __init__(self, model_storage: ModelStorage, resource: Resource) -> None:
        self._model_storage = model_storage
        self._resource = resource

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Retrain when anything of the understanding changed."""
        return source_fingerprint()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "_Component":
        return cls(model_storage, resource)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER], is_trainable=True)
class Normalizer(_Component):
    """Sets `normalized` and the places where the message may be cut in two (wording.py, splitting.py)."""

    _wording: Wording

    def train(self, training_data: TrainingData) -> Resource:
        texts = [message.get(TEXT) for message in training_data.intent_examples if message.get(TEXT)]
        counts = count_words(texts)
        self._wording = Wording(counts)
        with self._model_storage.write_to(self._resource) as folder:
            (folder / "words.json").write_text(json.dumps(counts), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "Normalizer":
        component = cls(model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._wording = Wording(json.loads((folder / "words.json").read_text(encoding="utf-8")))
        return component

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        for message in training_data.intent_examples:
            if message.get(TEXT):
                message.set(NORMALIZED, self._wording.normalize(message.get(TEXT)))
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            text = message.get(TEXT) or ""
            message.set(NORMALIZED, self._wording.normalize(text))
            message.set(CUTS, cut_and_normalize(text, self._wording))
        return messages


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER], is_trainable=False)
class SafetyRules(_Component):
    """Sets `emergency`, and `calm` where one is denied: by the words as typed and, since people in danger mistype, as
    normalized (emergency.py)."""

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            spellings = message.get(TEXT) or "", message.get(NORMALIZED) or ""
            message.set(EMERGENCY, is_emergency(*spellings))
            message.set(CALM, is_denied(*spellings))
        return messages


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class TopicClassifier(_Component):
    """Sets the probabilities of all intents, for the message as it is meant in the conversation (the engine's `topic`,
    `prompt` and `refused` in its metadata, situation.py), and for the halves of a cut (topics.py)."""

    _topics: TopicModel

    def train(self, training_data: TrainingData) -> Resource:
        examples = [message for message in training_data.intent_examples if message.get(NORMALIZED) is not None]
        self._topics = TopicModel.fit(
            [message.get(NORMALIZED) for message in examples], [message.get(INTENT) for message in examples],
            SentenceEncoder(), Calibration.read(),
            [after((message.get("metadata") or {}).get("intent") or {}) for message in examples],
        )
        with self._model_storage.write_to(self._resource) as folder:
            self._topics.save(folder)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "TopicClassifier":
        component = cls(model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._topics = TopicModel.load(folder, SentenceEncoder())
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            situation = situation_of(message.get("metadata"))
            scores = self._topics.score(message.get(NORMALIZED) or "", message.get(CUTS) or (), situation)
            name = self._topics.intents
            message.set(PROBABILITIES, dict(zip(name, map(float, scores.whole), strict=True)))
            message.set(CUT, scores.cut)
            message.set(HALVES, [dict(zip(name, map(float, row), strict=True)) for row in scores.halves])
            message.set(EMBEDDED, scores.embedded)
            message.set(ALARM, scores.alarm)
            message.set(ASIDE, scores.aside)
        return messages


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=False)
class FollowUps(_Component):
    """Lets the rules for the shortest follow-ups speak (context.py)."""

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            metadata = message.get("metadata") or {}
            if message.get(EMERGENCY) or not metadata:
                continue
            changed = follow_up(message.get(NORMALIZED) or "", message.get(PROBABILITIES), metadata)
            if changed is not None:
                message.set(PROBABILITIES, changed)
                message.set(EMERGENCY, stays_with_danger(changed))
        return messages


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=True)
class Decision(_Component):
    """Sets `intent`, `intent_ranking` and `understanding` (decision.py); keeps its thresholds in the model."""

    _calibration: Calibration

    def train(self, training_data: TrainingData) -> Resource:
        self._calibration = Calibration.read()
        with self._model_storage.write_to(self._resource) as folder:
            (folder / "calibration.json").write_text(json.dumps(self._calibration.as_dict()), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "Decision":
        component = cls(model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._calibration = Calibration.read(folder / "calibration.json")
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            verdict = decide(
                message.get(PROBABILITIES),
                self._calibration,
                cut=message.get(CUT),
                halves=message.get(HALVES) or (),
                embedded=bool(message.get(EMBEDDED)),
                emergency=bool(message.get(EMERGENCY)),
                alarm=float(message.get(ALARM) or 0),
                aside=float(message.get(ASIDE) or 0),
                calm=bool(message.get(CALM)),
                told=(message.get("metadata") or {}).get("topic") == DANGER,
                warned=bool((message.get("metadata") or {}).get("warned")),
            )
            best = {INTENT_NAME_KEY: verdict.rasa_intent, PREDICTED_CONFIDENCE_KEY: verdict.confidence}
            ranking = [
                {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence}
                for name, confidence in verdict.ranking
                if name != verdict.rasa_intent
            ]
            message.set(INTENT, best, add_to_output=True)
            message.set(INTENT_RANKING_KEY, [best, *ranking[:9]], add_to_output=True)
            message.set(UNDERSTANDING, verdict.as_dict(), add_to_output=True)
        return messages
