"""Scores a message against all intents: characters first, the encoder only where they are not sure."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from bot.nlu.characters import CharacterFeatures
from bot.nlu.decision import Calibration
from bot.nlu.intents import EMERGENCY, OUT_OF_SCOPE, is_topic
from bot.nlu.sentences import SentenceEncoder
from bot.nlu.situation import NONE, Situation
from bot.nlu.splitting import Cut, adds, asks, clauses, evidence

Vector = npt.NDArray[np.float32]
CHARACTERS_C = 8.0
SENTENCES_C = 1.0
SEED = 0
PASSES = 15
"""Over the lines, by stochastic average gradient (saga): more change no more than the third decimal of what is right on
unseen lines, and the batch solver takes five times as long to be no better."""
EMBEDDED, EMBEDDED_OUTSIDE = 120, 1000
"""Lines of a topic, and of emergencies and out of scope, that the encoder's classifier is fitted on: the encoder has
seen them all, more change nothing (tests/benchmarks/understanding.py), and to embed them takes most of a training."""

EMBEDDED_IN_SITUATION = 400
"""The same of an intent's lines in situations: some twenty of each."""
NEVER_ALONE = 0.02
"""What is this likely an emergency is never decided by the characters alone..."""
ALARMING = 0.1
"""...nor what they give it this much before they are made surer of themselves than they are."""
WORTH_A_LOOK = 0.001
"""What the characters find this likely an emergency is looked at clause by clause: half of all messages. Of those told
beside a question none more was found by looking at every message."""
LIKELY_ASIDE = 0.3
"""A clause that the characters find this likely one is embedded. From 0.2 half as many again were, and of 370
emergencies by two authors who were unseen none more was told by it; from 0.5 one of ours (tests/engine) was not."""
IMPOSSIBLE = -1e4  # a score
_LEAST_HALF = 0.1
"""Below this the characters' best topic of a half is a guess."""


class NormalizedCut(NamedTuple):
    """A place where a message may be cut: its halves as typed and normalized."""

    typed: Cut
    normalized: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities in the order of `TopicModel.intents`: of the message, and of the halves of a cut worth a look;
    `alarm` is what the characters alone give an emergency, `aside` what the likeliest of its clauses is given for one
    where the whole does not sound like it."""

    whole: Vector
    embedded: bool
    alarm: float = 0.0
    aside: float = 0.0
    cut: Cut | None = None
    halves: tuple[Vector, ...] = ()


class _Chosen(NamedTuple):
    place: int
    typed: Cut
    topics: tuple[int, int]
    logs: list[Vector]


@dataclass(frozen=True, slots=True)
class Linear:
    """A trained multinomial logistic regression as arrays: features x classes, and a bias a class."""

    weights: Vector
    bias: Vector

    @classmethod
    def fit(cls, features: Vector, labels: npt.NDArray[np.int64], strength: float) -> Linear:
        """To the optimum, for features that are few."""
        return cls._fitted(features, labels, C=strength, max_iter=100, tol=1e-3)

    @classmethod
    def fit_sparse(cls, features: csr_matrix, labels: npt.NDArray[np.int64], strength: float) -> Linear:
        """In `PASSES` over the lines, for features that are many and mostly absent."""
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # not reached, and not wanted
            return cls._fitted(
                features, labels, C=strength, max_iter=PASSES, tol=1e-3, solver="saga", random_state=SEED
            )

    @classmethod
    def _fitted(cls, features: Vector | csr_matrix, labels: npt.NDArray[np.int64], **how: Any) -> Linear:
        from sklearn.linear_model import LogisticRegression  # 90 MB, and only training needs it

        model = LogisticRegression(**how).fit(features, labels)
        return cls(np.ascontiguousarray(model.coef_.T, dtype=np.float32), model.intercept_.astype(np.float32))


def evenly(kinds: Sequence[tuple[str, bool]]) -> list[int]:
    """The places of the lines to embed, evenly taken from each intent's: from all of its authors.

    Args:
        kinds: each line's intent, and whether it was said in a situation.
    """
    places: dict[tuple[str, bool], list[int]] = {}
    for place, kind in enumerate(kinds):
        places.setdefault(kind, []).append(place)
    kept = []
    for (label, told), found in places.items():
        most = EMBEDDED_IN_SITUATION if told else EMBEDDED_OUTSIDE if label in (OUT_OF_SCOPE, EMERGENCY) else EMBEDDED
        count = min(len(found), most)
        kept += [found[number * len(found) // count] for number in range(count)]
    return sorted(kept)


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
        replies: intents that are nothing without a situation.
    """

    def __init__(
        self,
        intents: Sequence[str],
        characters: CharacterFeatures,
        cheap: Linear,
        deep: Linear,
        encoder: SentenceEncoder,
        calibration: Calibration,
        replies: Collection[str] = (),
    ) -> None:
        self.intents = list(intents)
        self.replies = sorted(replies)
        self.calibration = calibration
        self._characters = characters
        self._cheap = cheap
        self._deep = deep
        self._encoder = encoder
        self._outside = np.array([name == OUT_OF_SCOPE for name in self.intents])
        self._danger = self.intents.index(EMERGENCY) if EMERGENCY in self.intents else None
        self._reply = np.array([name in replies for name in self.intents])
        self._topical = np.array([is_topic(name) for name in self.intents])

    @classmethod
    def fit(
        cls, texts: Sequence[str], labels: Sequence[str], encoder: SentenceEncoder, calibration: Calibration,
        situations: Sequence[Situation] = (),
    ) -> TopicModel:
        """Train on normalized texts, some of them said in a situation.

        Raises:
            ValueError: fewer than two intents.
        """
        intents = sorted(set(labels))
        if len(intents) < 2:
            raise ValueError("the topic classifier needs examples of at least two intents")
        target = np.array([intents.index(label) for label in labels])
        situations = situations or [NONE] * len(texts)
        some = evenly([(label, bool(situation)) for label, situation in zip(labels, situations, strict=True)])
        with ThreadPoolExecutor(1) as beside:
            vectors = beside.submit(
                encoder.encode, [texts[place] for place in some], [situations[place] for place in some]
            )
            characters = CharacterFeatures.fit(texts, situations)
            cheap = Linear.fit_sparse(characters.transform(texts, situations), target, CHARACTERS_C)
        deep = Linear.fit(vectors.result(), target[some], SENTENCES_C)
        replies = set(intents) - {label for label, situation in zip(labels, situations, strict=True) if not situation}
        return cls(intents, characters, cheap, deep, encoder, calibration, replies)

    def cheap_log(self, texts: Sequence[str], situation: Situation = NONE) -> Vector:
        """Log-probabilities by the characters alone, uncalibrated, one row a text; the first is said in the
        situation."""
        columns, values = self._characters.rows(texts, situation)
        return self._log(values @ self._cheap.weights[columns] + self._cheap.bias, situation)

    def deep_log(self, texts: Sequence[str], situation: Situation = NONE) -> Vector:
        """Log-probabilities by the encoder alone, as `cheap_log`."""
        vectors = self._encoder.encode(texts, [situation])
        return self._log(vectors @ self._deep.weights + self._deep.bias, situation)

    def _log(self, scores: Vector, situation: Situation) -> Vector:
        scores[1 if situation else 0 :, self._reply] = IMPOSSIBLE
        return log_softmax(scores)

    def score(self, text: str, cuts: Sequence[NormalizedCut] = (), situation: Situation = NONE) -> Scores:
        """Score a normalized message as it is meant in its situation, and the halves of the likeliest of its cuts if
        they may be two questions."""
        cheap, *halves = self.cheap_log([text, *(half for cut in cuts for half in cut.normalized)], situation)
        scores = self._score_questions(text, cheap, cuts, halves, situation)
        if self._danger is None:
            return scores
        alarm = float(np.exp(cheap[self._danger]))
        aside = self._look_aside(text, alarm, float(scores.whole[self._danger]))
        return replace(scores, alarm=alarm, aside=aside or 0.0, embedded=scores.embedded or aside is not None)

    def _score_questions(
        self, text: str, cheap: Vector, cuts: Sequence[NormalizedCut], cheap_halves: Sequence[Vector],
        situation: Situation,
    ) -> Scores:
        calibration = self.calibration
        leaning = np.where(self._outside, np.float32(calibration.outside), np.float32(0))
        alone = softmax(cheap * calibration.cheap_alone_weight + leaning)
        chosen = self._likeliest(cuts, cheap_halves)
        sure = self._sure(alone, cheap)
        if sure and (chosen is None or not self._may_be_two(alone, chosen)):
            return Scores(alone, False)
        whole = self._both(self.deep_log([text], situation)[0], cheap) if not sure else alone
        if chosen is None or not self._may_be_two(whole, chosen):
            return Scores(whole, True)
        cut = cuts[chosen.place]
        deep = self.deep_log(cut.normalized)
        halves = tuple(self._both(one, other) for one, other in zip(deep, chosen.logs, strict=True))
        return Scores(whole, True, cut=cut.typed, halves=halves)

    def _look_aside(self, text: str, alarm: float, likely: float) -> float | None:
        """How surely the likeliest clause tells of an emergency: people mention one beside a question about the code.

        None where there is nothing to look at, or the whole message sounds like one anyway.
        """
        if alarm < WORTH_A_LOOK or likely >= self.calibration.danger:
            return None
        parts = clauses(text)
        if not parts:
            return None
        cheap = self.cheap_log(parts)
        worst = int(cheap[:, self._danger].argmax())
        if np.exp(cheap[worst, self._danger]) < LIKELY_ASIDE:
            return None
        return float(self._both(self.deep_log([parts[worst]])[0], cheap[worst])[self._danger])

    def _both(self, deep: Vector, cheap: Vector) -> Vector:
        weights = self.calibration
        leaning = np.where(self._outside, np.float32(weights.outside), np.float32(0))
        return softmax(weights.deep_weight * deep + weights.cheap_weight * cheap + leaning)

    def _sure(self, alone: Vector, cheap: Vector) -> bool:
        """Whether the characters are enough. What they do not know lacks known words, which proves little: then only
        a text that is outside even without the lean towards it."""
        best = int(alone.argmax())
        if self._danger is not None and (
            alone[self._danger] >= NEVER_ALONE or np.exp(cheap[self._danger]) >= ALARMING
        ):
            return False
        if not self._outside[best]:
            return bool(alone[best] >= self.calibration.cheap_bound)
        plain = softmax(cheap * self.calibration.cheap_alone_weight)
        return bool(plain[best] >= self.calibration.cheap_bound_outside)

    def _likeliest(self, cuts: Sequence[NormalizedCut], cheap: Sequence[Vector]) -> _Chosen | None:
        """The cut whose halves are most surely of two topics, by the characters alone.

        Args:
            cheap: log-probabilities of the halves, two a cut.
        """
        if not cuts:
            return None
        sure = np.where(self._topical, softmax(np.array(cheap) * self.calibration.cheap_alone_weight), 0)
        topics, surest = sure.argmax(axis=1), sure.max(axis=1)
        best, chosen = 0.0, None
        for index, cut in enumerate(cuts):
            first, second = 2 * index, 2 * index + 1
            if topics[first] == topics[second] or min(surest[first], surest[second]) < _LEAST_HALF:
                continue
            worth = float(surest[first] * surest[second]) * (2 if adds(cut.typed.second) else 1)
            worth *= 1.5 if asks(cut.typed.second) else 1
            if worth > best:
                best = worth
                chosen = _Chosen(
                    index, cut.typed, (int(topics[first]), int(topics[second])), [cheap[first], cheap[second]]
                )
        return chosen

    def _may_be_two(self, whole: Vector, chosen: _Chosen) -> bool:
        first, second = chosen.topics
        return evidence(chosen.typed, (float(whole[first]), float(whole[second]))) > 0

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
            "replies": self.replies,
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
        return cls(described["intents"], characters, cheap, deep, encoder, calibration, described["replies"])
