"""Answer, ask between two, or fall back: what the scores of a message amount to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from bot.nlu.intents import CHOOSE, EMERGENCY, OUT_OF_SCOPE, is_topic
from bot.nlu.splitting import Cut, evidence

LIKELY, SURE = 0.5, 0.9  # of an emergency that the writer denies: to tell whom to call, and to answer nothing else
CALIBRATION = Path(__file__).parent / "encoder" / "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights and thresholds, chosen on lines that neither encoder nor classifier had seen (bot/nlu/calibrate.py).

    The scores are log-probabilities of the two classifiers, weighted and turned into probabilities again.
    """

    deep_weight: float = 1.0
    cheap_weight: float = 1.0
    cheap_alone_weight: float = 1.0
    outside: float = 0.0
    """Added to out_of_scope's score before probabilities are made: an answer to what nobody asked costs more."""
    cheap_bound: float = 1.01
    """The characters alone decide on a topic at this confidence; above 1: never."""
    cheap_bound_outside: float = 1.01
    """The same for out_of_scope, without the lean towards it."""
    answer: float = 0.5
    """Answer from this confidence of the best topic."""
    pair: float = 0.5
    """Ask between the two best topics when together they reach this..."""
    second: float = 0.1
    """...and the second has at least this."""
    emergency: float = 0.28
    """The classifier alone, where no rule spoke, calls a message an emergency from here: low, since a missed one costs
    most. Of author z's lines, all unseen, it catches the 19 emergencies so up to 0.6; from 0.2 to 0.28 the false alarms
    in the other 882 fall from 6 to 5."""
    alarm: float = 0.2
    """...if the characters alone give it this much: the encoder by itself takes many a "she can't" for one. Of 71 such
    calls that were right in four files two lie below, of 18 that were wrong seven."""
    danger: float = 0.05
    """From here what is answered otherwise begins with whom to call in an emergency: with `aside` all but one of 297
    people in danger in five files heard it when it was chosen, as did 36 of 3,604 others."""
    aside: float = 0.9
    """The same where one clause of the message is this likely. Of author B's 171 emergencies, half of them in a clause
    beside a question and none of them trained on, 8 instead of 16 went without a word; 18 of 3,600 others get one."""

    @classmethod
    def read(cls, path: Path = CALIBRATION) -> Calibration:
        """The values recorded with the encoder; unknown keys (notes on how they came about) are passed over."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{name: float(values[name]) for name in cls.__dataclass_fields__ if name in values})

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a message and what it is about."""

    text: str
    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is about and how sure that is (the message key `understanding`)."""

    decision: str
    intent: str
    confidence: float
    candidates: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    embedded: bool = False
    emergency: bool = False
    danger: bool = False
    """Too likely an emergency for no word about it, too unlikely for no answer."""
    ranking: tuple[tuple[str, float], ...] = field(default=(), repr=False)

    @property
    def rasa_intent(self) -> str:
        """The intent that rules see: the topic, `choose_between`, or `out_of_scope`."""
        return {"answer": self.intent, "ask": CHOOSE}.get(self.decision, OUT_OF_SCOPE)

    def as_dict(self) -> dict[str, Any]:
        # Not `asdict(self)`: that copies the ranking, pair by pair, only to drop it.
        value = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "ranking"}
        return value | {"candidates": list(self.candidates), "parts": [asdict(part) for part in self.parts]}


def decide(
    probabilities: Mapping[str, float],
    calibration: Calibration,
    *,
    cut: Cut | None = None,
    halves: Sequence[Mapping[str, float]] = (),
    embedded: bool = False,
    emergency: bool = False,
    alarm: float = 1.0,
    aside: float = 0.0,
    calm: bool = False,
    told: bool = False,
    warned: bool = False,
) -> Verdict:
    """Judge a message.

    Args:
        probabilities: of the whole message, each intent's.
        cut: where the message may fall into two questions.
        halves: probabilities of each half of that cut.
        embedded: whether the encoder was needed, only reported.
        emergency: whether the safety rules spoke; nothing else counts then.
        alarm: what the characters alone give an emergency.
        aside: what the likeliest clause is given for one.
        calm: whether the writer says that there is no emergency; then the classifier must be nearly sure of one.
        told: whether the last answer was whom to call; who is not understood then hears it again.
        warned: whether whom to call was told, before an answer or as one; who then says that there is no emergency is
            believed, but for a rule.
    """
    if calm and (told or warned) and not emergency:
        probabilities = _without_emergency(probabilities)
    ranking = tuple(sorted(((name, float(p)) for name, p in probabilities.items()), key=lambda pair: -pair[1]))
    topics = [(name, p) for name, p in ranking if is_topic(name)]
    nearest = tuple(name for name, _ in topics[:2])
    best, confidence = ranking[0]
    likely = probabilities.get(EMERGENCY, 0.0)
    if emergency or (likely >= (SURE if calm else calibration.emergency) and alarm >= calibration.alarm):
        return Verdict("answer", EMERGENCY, 1.0, emergency=True, embedded=embedded, ranking=ranking)
    danger = likely >= LIKELY if calm else likely >= calibration.danger or aside >= calibration.aside
    parts = _two_questions(cut, halves, probabilities) if cut and len(halves) == 2 else ()
    verdict = partial(Verdict, embedded=embedded, danger=danger, ranking=ranking)
    if parts:
        first = parts[0]
        return verdict("answer", first.intent, first.confidence, parts=parts)
    if best not in (OUT_OF_SCOPE, EMERGENCY) and confidence >= calibration.answer:
        return verdict("answer", best, confidence)
    (topic, p1), (_, p2) = topics[0], topics[1]
    if p1 + p2 >= calibration.pair and p2 >= calibration.second and best != EMERGENCY:
        return verdict("ask", topic, p1, nearest)
    return verdict("fallback", topic, p1, nearest, danger=danger or (told and not calm))


def _without_emergency(probabilities: Mapping[str, float]) -> dict[str, float]:
    left = sum(p for name, p in probabilities.items() if name != EMERGENCY) or 1.0
    return {name: 0.0 if name == EMERGENCY else p / left for name, p in probabilities.items()}


def _two_questions(cut: Cut, halves: Sequence[Mapping[str, float]], whole: Mapping[str, float]) -> tuple[Part, ...]:
    first, second = (max(half, key=lambda name: half[name]) for half in halves)
    if first == second or not (is_topic(first) and is_topic(second)):
        return ()
    sure = halves[0][first], halves[1][second]
    if evidence(cut, (whole[first], whole[second]), sure) <= 0:
        return ()
    return Part(cut.first, first, sure[0]), Part(cut.second, second, sure[1])
