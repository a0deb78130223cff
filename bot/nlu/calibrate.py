"""Chooses weights and thresholds on authors whose lines neither encoder nor classifiers have seen. Developers only.

    python -m bot.nlu.calibrate --fold DIR:e [--fold DIR:b ...] [--write]

Each fold is a folder with an encoder that was fine-tuned without the authors named (train.py --leave-out). What is
chosen is written beside the shipped encoder, with the figures it was chosen
for; `twostep train` records it with the model.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.nlu.characters import CharacterFeatures
from bot.nlu.decision import CALIBRATION, Calibration
from bot.nlu.examples import Example, read_examples
from bot.nlu.intents import EMERGENCY, OUT_OF_SCOPE, is_topic
from bot.nlu.sentences import SentenceEncoder
from bot.nlu.topics import ALARMING, CHARACTERS_C, IMPOSSIBLE, NEVER_ALONE, Linear, TopicModel, log_softmax, softmax
from bot.nlu.understanding import Understanding
from bot.nlu.wording import Wording, count_words

Vector = npt.NDArray[np.float32]
REFUSE = 0.965
"""Share of out-of-scope lines that must be refused, at the least: more than the 95 in 100 that are promised, and no
more than that, since one author's lines move it by half a point each."""
CHOICE_WORTH = 0.5
"""What asking between two topics, one of them right, is worth against answering right..."""
WRONG_COST = 0.2
"""...and what a wrong answer costs."""
LEANS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
"""Leans towards out_of_scope that are tried. Without one, lines of authors that came later were refused less."""
WRONG_ALONE = 0.0075
"""Share of all lines that the characters may decide alone and wrongly, for topics and for out_of_scope each. They are
judged on every author, left out in turn: one author's lines would move the bound by a tenth."""
CROSSED = 5
"""Parts that the authors are divided into for it."""


class Unseen(NamedTuple):
    """Log-probabilities of left-out lines by both classifiers, and what they are about."""

    deep: Vector
    cheap: Vector
    labels: npt.NDArray[np.int64]


def unseen(model: Understanding, lines: Sequence[Example]) -> Unseen:
    said = [(model.wording.normalize(line.text), line.situation) for line in lines]
    topics: TopicModel = model.topics
    return Unseen(
        np.concatenate([topics.deep_log([text], situation) for text, situation in said]),
        np.concatenate([topics.cheap_log([text], situation) for text, situation in said]),
        np.array([topics.intents.index(line.intent) for line in lines]),
    )


def loss(scores: Vector, labels: npt.NDArray[np.int64]) -> float:
    return float(-log_softmax(scores)[np.arange(len(labels)), labels].mean())


def outcomes(
    probabilities: Vector, labels: npt.NDArray[np.int64], intents: Sequence[str], c: Calibration
) -> dict[str, float]:
    """Shares: topic lines answered right, wrong, asked fairly, and out-of-scope lines refused."""
    topical = np.array([is_topic(name) for name in intents])
    outside = intents.index(OUT_OF_SCOPE)
    best, confidence = probabilities.argmax(1), probabilities.max(1)
    among = np.where(topical, probabilities, -1.0)
    order = np.argsort(-among, 1)[:, :2]
    p1, p2 = (np.take_along_axis(among, order[:, i : i + 1], 1)[:, 0] for i in (0, 1))
    answered = (best != outside) & (confidence >= c.answer)
    asked = ~answered & (p1 + p2 >= c.pair) & (p2 >= c.second)
    asks = topical[labels]
    fair = asked & (order == labels[:, None]).any(1)
    return {
        "right": float((answered & (best == labels))[asks].mean()),
        "wrong": float((answered & (best != labels))[asks].mean()),
        "fair": float(fair[asks].mean()),
        "asked": float(asked[asks].mean()),
        "refused": float((~answered & ~asked)[labels == outside].mean()),
    }


def crossed(examples: Sequence[Example], intents: Sequence[str]) -> Unseen:
    """What the characters make of every author's lines that they were not trained on, but for replies; `deep` is
    empty."""
    authors = sorted({line.author for line in examples if line.author})
    found = []
    for part in range(CROSSED):
        left_out = authors[part::CROSSED]
        inside = [e for e in examples if e.author not in left_out]
        outside = [e for e in examples if e.author in left_out and not e.situation]
        wording = Wording(count_words(line.text for line in inside))
        texts, asked = ([wording.normalize(line.text) for line in lines] for lines in (inside, outside))
        labels, answers = (np.array([intents.index(e.intent) for e in lines]) for lines in (inside, outside))
        before = [e.situation for e in inside]
        characters = CharacterFeatures.fit(texts, before)
        cheap = Linear.fit_sparse(characters.transform(texts, before), labels, CHARACTERS_C)
        scores = np.full((len(asked), len(intents)), IMPOSSIBLE, dtype=np.float32)
        scores[:, np.unique(labels)] = characters.transform(asked) @ cheap.weights + cheap.bias
        scores = log_softmax(scores)
        found.append(Unseen(scores[:, :0], scores, answers))
    return Unseen(*(np.concatenate(column) for column in zip(*found, strict=True)))


class _Alone(NamedTuple):
    """The characters' judgement: the best intent, how sure they are of a topic and of out_of_scope, probabilities."""

    best: npt.NDArray[np.int64]
    topic: Vector
    outside: Vector
    probabilities: Vector


def _alone(cheap: Vector, intents: Sequence[str], c: Calibration) -> _Alone:
    """As `TopicModel` judges; where an emergency is not all but ruled out they are never sure."""
    outside = intents.index(OUT_OF_SCOPE)
    plain = softmax(c.cheap_alone_weight * cheap)
    leaning = softmax(c.cheap_alone_weight * cheap + _lean(intents, c))
    best = leaning.argmax(1)
    danger = intents.index(EMERGENCY)
    safe = (plain[:, danger] < NEVER_ALONE) & (np.exp(cheap[:, danger]) < ALARMING)
    return _Alone(
        best,
        np.where(safe & (best != outside), leaning.max(1), 0),
        np.where(safe & (best == outside), plain[:, outside], 0),
        leaning,
    )


def _lean(intents: Sequence[str], c: Calibration) -> Vector:
    return np.array([c.outside * (name == OUT_OF_SCOPE) for name in intents], dtype=np.float32)


def bounded(data: Unseen, intents: Sequence[str], c: Calibration) -> Calibration:
    """The calibration with the two bounds of the cascade, from what the characters get wrong alone."""
    alone = _alone(data.cheap, intents, c)
    wrong = alone.best != data.labels

    def lowest(sure: Vector) -> float:
        for bound in np.arange(0.5, 0.999, 0.01):
            if (wrong & (sure >= bound)).mean() <= WRONG_ALONE:
                return float(round(bound, 2))
        return 1.01

    return replace(c, cheap_bound=lowest(alone.topic), cheap_bound_outside=lowest(alone.outside))


def cascade(data: Unseen, intents: Sequence[str], c: Calibration) -> tuple[Vector, float]:
    """The probabilities that a calibration's cascade gives, and the share of lines that it embeds."""
    alone = _alone(data.cheap, intents, c)
    both = softmax(c.deep_weight * data.deep + c.cheap_weight * data.cheap + _lean(intents, c))
    sure = (alone.topic >= c.cheap_bound) | (alone.outside >= c.cheap_bound_outside)
    return np.where(sure[:, None], alone.probabilities, both), float(1 - sure.mean())


def choose(data: Unseen, alone: Unseen, intents: Sequence[str]) -> tuple[Calibration, dict[str, float]]:
    """The calibration, and the figures on the lines that it was chosen on.

    Args:
        data: lines that neither encoder nor classifiers have seen.
        alone: the characters' judgement of every author (`crossed`).
    """
    grid = [round(0.1 * step, 1) for step in range(1, 16)]
    deep_weight, cheap_weight = min(
        itertools.product(grid, [0.0, *grid]),
        key=lambda pair: loss(pair[0] * data.deep + pair[1] * data.cheap, data.labels),
    )
    alone_weight = min(grid, key=lambda weight: loss(weight * data.cheap, data.labels))
    weights = Calibration(deep_weight, cheap_weight, alone_weight)
    best, best_worth, best_figures = Calibration(), -np.inf, {}
    for lean in LEANS:
        c = bounded(alone, intents, replace(weights, outside=lean))
        mixed, share = cascade(data, intents, c)
        for answer, pair, second in itertools.product(
            np.arange(0.5, 0.71, 0.05), np.arange(0.3, 0.96, 0.05), (0.06, 0.12, 0.2)
        ):
            c = replace(c, answer=round(float(answer), 3), pair=round(float(pair), 3), second=second)
            figures = outcomes(mixed, data.labels, intents, c)
            worth = figures["right"] - WRONG_COST * figures["wrong"] + CHOICE_WORTH * figures["fair"]
            if figures["refused"] >= REFUSE and worth > best_worth:
                best, best_worth, best_figures = c, worth, figures | {"embedded": share}
    both = deep_weight * data.deep + cheap_weight * data.cheap
    figures = best_figures | {
        "lines": float(len(data.labels)),
        "argmax_both": float((both.argmax(1) == data.labels).mean()),
        "argmax_cheap": float((data.cheap.argmax(1) == data.labels).mean()),
        "argmax_deep": float((data.deep.argmax(1) == data.labels).mean()),
    }
    return best, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument(
        "--fold", action="append", required=True, help="folder of an encoder, a colon, letters of its left-out authors"
    )
    parser.add_argument("--write", action="store_true", help=f"write {CALIBRATION.name}")
    arguments = parser.parse_args()
    examples = read_examples(arguments.data)
    gathered, intents = [], []
    for fold in arguments.fold:
        folder, _, letters = fold.rpartition(":")
        inside = [line for line in examples if not line.author or line.author not in letters]
        outside = [line for line in examples if line.author and line.author in letters]
        model = Understanding.fit(inside, SentenceEncoder(Path(folder)), Calibration())
        intents = model.topics.intents
        gathered.append(unseen(model, outside))
    data = Unseen(*(np.concatenate([fold[i] for fold in gathered]) for i in range(3)))
    calibration, figures = choose(data, crossed(examples, intents), intents)
    chosen_on: dict[str, object] = {"left_out": [fold.rpartition(":")[2] for fold in arguments.fold]}
    chosen_on |= {name: round(value, 4) for name, value in figures.items()}
    report = calibration.as_dict() | {"chosen_on": chosen_on}
    print(json.dumps(report, indent=2))
    if arguments.write:
        CALIBRATION.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
