"""Scores a message against all intents: characters first, the encoder only where they are not sure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.nlu.characters import CharacterFeatures
from bot.nlu.decision import Calibration
from bot.nlu.intents import OUT_OF_SCOPE
from bot.nlu.sentences import SentenceEncoder

Vector = npt.NDArray[np.float32]
CHARACTERS_C = 8.0
SENTENCES_C = 3.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities in the order of `TopicModel.intents`: of the whole message and of each part that was asked for."""

    whole: Vector
    parts: tuple[Vector, ...]
    embedded: bool


@dataclass(frozen=True, slots=True)
class Linear:
    """A trained multinomial logistic regression as arrays: features x classes, and a bias a class."""

    weights: Vector
    bias: Vector

    @classmethod
    def fit(cls, features: object, labels: npt.NDArray[np.int64], strength: float) -> Linear:
        from sklearn.linear_model import LogisticRegression  # 90 MB, and only training needs it

        model = LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(features, labels)
        return cls(np.ascontiguousarray(model.coef_.T, dtype=np.float32), model.intercept_.astype(np.float32))


def log_softmax(scores: Vector) -> Vector:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    result: Vector = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def softmax(scores: Vector) -> Vector:
    result: Vector = np.exp(log_softmax(scores))
    return result


class TopicModel:
    """The cascade. Thread-safe once built.

    Args:
        calibration: how the two classifiers are weighed and when the first is enough.
    """

    def __init__(
        self,
        intents: Sequence[str],
        characters: CharacterFeatures,
        cheap: Linear,
        deep: Linear,
        encoder: SentenceEncoder,
        calibration: Calibration,
    ) -> None:
        self.intents = list(intents)
        self.calibration = calibration
        self._characters = characters
        self._cheap = cheap
        self._deep = deep
        self._encoder = encoder

    @classmethod
    def fit(
        cls, texts: Sequence[str], labels: Sequence[str], encoder: SentenceEncoder, calibration: Calibration
    ) -> TopicModel:
        """Train on normalized texts.

        Raises:
            ValueError: fewer than two intents.
        """
        intents = sorted(set(labels))
        if len(intents) < 2:
            raise ValueError("the topic classifier needs examples of at least two intents")
        target = np.array([intents.index(label) for label in labels])
        characters = CharacterFeatures.fit(texts)
        cheap = Linear.fit(characters.transform(texts), target, CHARACTERS_C)
        deep = Linear.fit(encoder.encode(texts), target, SENTENCES_C)
        return cls(intents, characters, cheap, deep, encoder, calibration)

    def cheap_log(self, text: str) -> Vector:
        """Log-probabilities by the characters alone, uncalibrated."""
        columns, values = self._characters.row(text)
        result: Vector = log_softmax(values @ self._cheap.weights[columns] + self._cheap.bias)
        return result

    def deep_log(self, texts: Sequence[str]) -> Vector:
        """Log-probabilities by the encoder alone, uncalibrated, one row a text."""
        return log_softmax(self._encoder.encode(texts) @ self._deep.weights + self._deep.bias)

    def score(self, text: str, parts: Sequence[str] = ()) -> Scores:
        """Score a normalized message and its normalized parts."""
        calibration = self.calibration
        cheap = self.cheap_log(text)
        leaning = np.array([calibration.outside * (name == OUT_OF_SCOPE) for name in self.intents], dtype=np.float32)
        alone = softmax(cheap * calibration.cheap_alone_weight + leaning)
        part_logs = [self.cheap_log(part) for part in parts]
        first_guesses = {int(row.argmax()) for row in part_logs}
        if len(first_guesses) < 2 and alone.max() >= calibration.cheap_bound:
            return Scores(alone, (), False)
        deep = self.deep_log([text, *parts])
        both = [
            softmax(calibration.deep_weight * one + calibration.cheap_weight * other + leaning)
            for one, other in zip(deep, [cheap, *part_logs], strict=True)
        ]
        return Scores(both[0], tuple(both[1:]), True)

    def save(self, folder: Path) -> None:
        """Write arrays and JSON, no pickles."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "topics.npz",
            cheap=self._cheap.weights,
            cheap_bias=self._cheap.bias,
            deep=self._deep.weights,
            deep_bias=self._deep.bias,
            weights=self._characters.weights,
        )
        described = {
            "intents": self.intents,
            "encoder_sha256": self._encoder.record["encoder_sha256"],
            "calibration": self.calibration.as_dict(),
            "parts": self._characters.vocabulary,
        }
        (folder / "topics.json").write_text(json.dumps(described), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, encoder: SentenceEncoder) -> TopicModel:
        """Read what `save` wrote.

        Raises:
            ValueError: it was trained with another encoder.
        """
        described = json.loads((folder / "topics.json").read_text(encoding="utf-8"))
        if described["encoder_sha256"] != encoder.record["encoder_sha256"]:
            raise ValueError("the model was trained with another encoder: run `twostep train`")
        with np.load(folder / "topics.npz", allow_pickle=False) as arrays:
            characters = CharacterFeatures(described["parts"], arrays["weights"])
            cheap, deep = Linear(arrays["cheap"], arrays["cheap_bias"]), Linear(arrays["deep"], arrays["deep_bias"])
        calibration = Calibration(**described["calibration"])
        return cls(described["intents"], characters, cheap, deep, encoder, calibration)
