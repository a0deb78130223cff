"""The whole understanding without Rasa: for measuring, and the one place that says in which order things happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.nlu.context import follow_up, stays_with_danger
from bot.nlu.decision import Calibration, Verdict, decide
from bot.nlu.emergency import is_denied, is_emergency
from bot.nlu.examples import Example
from bot.nlu.intents import EMERGENCY
from bot.nlu.sentences import SentenceEncoder
from bot.nlu.situation import situation_of
from bot.nlu.splitting import cuts
from bot.nlu.topics import NormalizedCut, Scores, TopicModel
from bot.nlu.wording import Wording, count_words


def cut_and_normalize(text: str, wording: Wording) -> list[NormalizedCut]:
    """The places where a message may be cut in two, with both halves normalized."""
    return [NormalizedCut(cut, (wording.normalize(cut.first), wording.normalize(cut.second))) for cut in cuts(text)]


def judge(
    text: str,
    normalized: str,
    scores: Scores,
    intents: Sequence[str],
    calibration: Calibration,
    metadata: Mapping[str, Any] | None = None,
) -> Verdict:
    """From scores to a verdict: emergency rules, then what the conversation makes clear, then the decision."""
    probabilities = dict(zip(intents, map(float, scores.whole), strict=True))
    emergency = is_emergency(text, normalized)
    changed = follow_up(normalized, probabilities, metadata) if metadata and not emergency else None
    if changed is not None:
        probabilities, emergency = changed, stays_with_danger(changed)
    halves = [dict(zip(intents, map(float, row), strict=True)) for row in scores.halves]
    return decide(
        probabilities, calibration, cut=scores.cut, halves=halves, embedded=scores.embedded,
        emergency=emergency, alarm=scores.alarm, aside=scores.aside,
        calm=is_denied(text, normalized), told=(metadata or {}).get("topic") == EMERGENCY,
        warned=bool((metadata or {}).get("warned")),
    )


class Understanding:
    """Understands one message at a time.

    Args:
        wording: the trained normalizer.
        topics: the trained classifier.
    """

    def __init__(self, wording: Wording, topics: TopicModel) -> None:
        self.wording = wording
        self.topics = topics

    @classmethod
    def fit(cls, examples: Sequence[Example], encoder: SentenceEncoder, calibration: Calibration) -> Understanding:
        """Train on examples."""
        wording = Wording(count_words(example.text for example in examples))
        return cls(wording, TopicModel.fit(
            [wording.normalize(example.text) for example in examples], [example.intent for example in examples],
            encoder, calibration, [example.situation for example in examples],
        ))

    def understand(self, text: str, metadata: Mapping[str, Any] | None = None) -> Verdict:
        """Judge a message; `metadata` as in bot/nlu/context.py."""
        normalized = self.wording.normalize(text)
        scores = self.topics.score(normalized, cut_and_normalize(text, self.wording), situation_of(metadata))
        return judge(text, normalized, scores, self.topics.intents, self.topics.calibration, metadata)
