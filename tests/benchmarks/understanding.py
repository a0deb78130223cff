"""What each piece of the understanding brings, on authors whose lines neither encoder nor classifiers have seen.

    python -m tests.benchmarks.understanding --leave-out z
    python -m tests.benchmarks.understanding --fold DIR:abc --fold DIR:def ...

Prints the learning curve of the classifiers and an ablation as a Markdown table: the share of lines whose best intent
of all is the right one, by the characters alone, by the encoder alone and by both, and what the cascade makes of it.
`--leave-out` names the authors that encoder.json says were left out of the encoder.

With `--fold` a cross-validation: a folder with an encoder that was fine-tuned without the authors named after it
(`bot.nlu.encoder.train --leave-out`), whose lines are judged by it and by classifiers that have not seen them either.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bot.nlu.calibrate import Unseen, cascade
from bot.nlu.characters import CharacterFeatures
from bot.nlu.decision import Calibration, Verdict
from bot.nlu.evaluation import measure
from bot.nlu.examples import Example, read_examples
from bot.nlu.intents import EMERGENCY, OUT_OF_SCOPE
from bot.nlu.sentences import SentenceEncoder
from bot.nlu.topics import CHARACTERS_C, SENTENCES_C, Linear, Vector, evenly, log_softmax
from bot.nlu.understanding import Understanding
from bot.nlu.wording import Wording, count_words

ROOT = Path(__file__).parents[2]
SIZES = (25, 50, 100)
SHARE_OUTSIDE = 4
"""Times as many out-of-scope lines as of a topic: about as in data/."""


def some(lines: Sequence[Example], size: int) -> list[int]:
    """So many lines a topic, evenly taken from all authors; out of scope more."""
    places = defaultdict(list)
    for place, line in enumerate(lines):
        places[line.intent].append(place)
    kept = []
    for intent, found in places.items():
        count = min(len(found), size * (SHARE_OUTSIDE if intent == OUT_OF_SCOPE else 1))
        kept += [found[int(number * len(found) / count)] for number in range(count)]
    return sorted(kept)


def judged(
    texts: Sequence[str], vectors: Vector, labels: Vector, asked: Sequence[str], asked_vectors: Vector, answers: Vector,
    embedded: Sequence[int],
) -> Unseen:
    """The log-probabilities that both classifiers give the lines asked.

    Args:
        embedded: places of the lines that the encoder's classifier is fitted on.
    """
    characters = CharacterFeatures.fit(texts)
    cheap = Linear.fit_sparse(characters.transform(texts), labels, CHARACTERS_C)
    deep = Linear.fit(vectors[embedded], labels[embedded], SENTENCES_C)
    rows = characters.transform(asked)
    return Unseen(
        log_softmax(asked_vectors @ deep.weights + deep.bias), log_softmax(rows @ cheap.weights + cheap.bias), answers
    )


def row(name: str, lines: int, data: Unseen, intents: Sequence[str], calibration: Calibration) -> str:
    """One line of the table."""
    both = calibration.deep_weight * data.deep + calibration.cheap_weight * data.cheap
    right = [100 * float((scores.argmax(1) == data.labels).mean()) for scores in (data.cheap, data.deep, both)]
    mixed, share = cascade(data, intents, calibration)
    shares = " | ".join(f"{value:.1f}" for value in (*right, 100 * float((mixed.argmax(1) == data.labels).mean())))
    return f"| {name} | {lines:,} | {shares} | {share:.0%} |"


def curve_and_ablation(lines: Sequence[Example], left_out: str) -> None:
    """Print the first table."""
    trained = [line for line in lines if line.author not in left_out]
    unseen = [line for line in lines if line.author in left_out]
    intents = sorted({line.intent for line in lines})
    labels, answers = (np.array([intents.index(line.intent) for line in part]) for part in (trained, unseen))
    encoder, calibration = SentenceEncoder(), Calibration.read()
    print(f"{len(unseen)} unseen lines\n")
    print("| | lines | characters | encoder | both | cascade | embedded |\n|---|---|---|---|---|---|---|")
    counts = count_words(line.text for line in trained)
    for name, wording in (
        ("", Wording(counts)),
        ("all, without misspellings mended", Wording(counts, spelling=False)),
        ("all, without any normalizer", Wording({}, spelling=False, lexicon=False)),
    ):
        texts, asked = ([wording.normalize(line.text) for line in part] for part in (trained, unseen))
        vectors, asked_vectors = encoder.encode(texts), encoder.encode(asked)
        for size in SIZES if not name else ():
            kept = some(trained, size)
            data = judged(
                [texts[i] for i in kept], vectors[kept], labels[kept], asked, asked_vectors, answers, range(len(kept))
            )
            print(row(f"{size} lines a topic for the classifiers", len(kept), data, intents, calibration), flush=True)
        few, every = evenly([(line.intent, False) for line in trained]), range(len(texts))
        for which, embedded in (("all", few), *((("all, each line embedded", every),) if not name else ())):
            data = judged(texts, vectors, labels, asked, asked_vectors, answers, embedded)
            print(row(name or which, len(texts), data, intents, calibration), flush=True)


def cross_validation(lines: Sequence[Example], folds: Iterable[str]) -> None:
    """Print what is made of every author's lines by those who have not seen them.

    Args:
        folds: a folder of an encoder, a colon, letters of its left-out authors.
    """
    print("| left out | lines | right topic | with choices | refused | emergencies missed | and not told | false |")
    print("|---|---|---|---|---|---|---|---|")
    every: list[tuple[str, str, Verdict]] = []
    calibration = Calibration.read()
    for fold in folds:
        folder, _, letters = fold.rpartition(":")
        inside = [line for line in lines if line.author not in letters]
        model = Understanding.fit(inside, SentenceEncoder(Path(folder)), calibration)
        judged = [(line.text, line.intent, model.understand(line.text)) for line in lines if line.author in letters]
        print(cross_validated(", ".join(letters), judged), flush=True)
        every += judged
    print(cross_validated("all", every))


def cross_validated(name: str, judged: Sequence[tuple[str, str, Verdict]]) -> str:
    """One line of the table."""
    found = measure(judged)
    danger = [verdict for _, intent, verdict in judged if intent == EMERGENCY]
    untold = sum(not verdict.emergency and not verdict.danger for verdict in danger)
    shares = (found.topic_accuracy, found.topic_accuracy_with_choices, found.out_of_scope_recall)
    cells = [name, f"{len(judged):,}", *(f"{100 * share:.1f}" for share in shares)]
    cells += [f"{found.emergencies_missed} of {len(danger)}", str(untold)]
    return f"| {' | '.join(cells)} | {found.false_emergencies} of {len(judged) - len(danger):,} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--leave-out", help="letters of the authors to measure on")
    what.add_argument("--fold", action="append", help="folder of an encoder, a colon, letters of its left-out authors")
    arguments = parser.parse_args()
    lines = [line for line in read_examples(ROOT / "data") if not line.situation]
    if arguments.fold:
        cross_validation(lines, arguments.fold)
    else:
        curve_and_ablation(lines, arguments.leave_out)


if __name__ == "__main__":
    main()
