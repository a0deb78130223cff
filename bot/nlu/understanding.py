"""The whole understanding without Rasa: for measuring, and the one place that says in which order things happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.nlu.context import follow_up, stays_with_danger
from bot.nlu.decision import Calibration, Verdict, decide
from bot.nlu.emergency import is_denied, is_emergency
from bot.nlu.sentences import SentenceEncoder
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
    if not emergency and metadata:
        resolved = follow_up(normalized, probabilities, metadata)
        if resolved is not None:
            probabilities = resolved
            emergency = stays_with_danger(resolved)
    halves = [dict(zip(intents, map(float, row), strict=True)) for row in scores.halves]
    return decide(
        probabilities, calibration, cut=scores.cut, halves=halves, embedded=scores.embedded, emergency=emergency,
        alarm=scores.alarm, aside=scores.aside, calm=is_denied(text, normalized),
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
    def fit(
        cls, texts: Sequence[str], intents: Sequence[str], encoder: SentenceEncoder, calibration: Calibration
    ) -> Understanding:
        """Train on raw texts and their intents."""
        wording = Wording(count_words(texts))
        return cls(wording, TopicModel.fit([wording.normalize(text) for text in texts], intents, encoder, calibration))

    def understand(self, text: str, metadata: Mapping[str, Any] | None = None) -> Verdict:
        """Judge a message; `metadata` as in bot/nlu/context.py."""
        normalized = self.wording.normalize(text)
        scores = self.topics.score(normalized, cut_and_normalize(text, self.wording))
        return judge(text, normalized, scores, self.topics.intents, self.topics.calibration, metadata)
