"""Features that need no network: TF-IDF of character runs within words, and of words and their pairs."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from bot.nlu.situation import NONE, Situation

Vector = npt.NDArray[np.float32]
Columns = npt.NDArray[np.int32]
SHORTEST, LONGEST = 2, 5
REMEMBERED = 10_000  # words, and pairs of words, whose columns are kept: most of a message's were met before
MOST_COUNTED = 999  # times that a part counts in a text

IN_SITUATION, SEEN_IN_SITUATION = 15_000, 2
"""Words, and pairs of words, that are features of their own in a situation; seen in at least two of its lines."""

_SUBLINEAR = np.concatenate([[0], 1 + np.log(np.arange(1, MOST_COUNTED + 1))]).astype(np.float32)
_NONE = np.zeros(0, dtype=np.int32)


def runs_of(word: str) -> list[str]:
    """Character runs of two to five of a word with its edges."""
    edged = f" {word} "
    found: list[str] = []
    for length in range(SHORTEST, LONGEST + 1):
        if length >= len(edged):
            found.append(edged)
            break
        found += [edged[start : start + length] for start in range(len(edged) - length + 1)]
    return found


def parts_of_word(word: str) -> list[str]:
    """Its character runs, and the word itself."""
    return [*runs_of(word), f"w:{word}"]


def pair_of_words(first: str, second: str) -> str:
    """A word with the next one."""
    return f"w:{first} {second}"


def parts_in_situation(words: Sequence[str], situation: Situation) -> list[str]:
    """Each mark of the situation, by itself and with each word and each two."""
    said = ["", *words, *itertools.starmap("{} {}".format, itertools.pairwise(words))]
    return [f"s:{mark} {part}" for mark in situation for part in said]


def _commonest(counts: Counter[str], seen: int, most: int) -> list[tuple[str, int]]:
    common = ((part, n) for part, n in counts.items() if n >= seen)
    return sorted(common, key=lambda pair: (-pair[1], pair[0]))[:most]


class CharacterFeatures:
    """Sublinear TF-IDF, rows of length one."""

    def __init__(self, vocabulary: Sequence[str], weights: Vector) -> None:
        self.vocabulary = list(vocabulary)
        self.weights = weights
        self._columns = {part: column for column, part in enumerate(self.vocabulary)}
        self._of_word = lru_cache(REMEMBERED)(self._known_of_word)
        self._of_pair = lru_cache(REMEMBERED)(self._known_of_pair)

    @classmethod
    def fit(
        cls, texts: Sequence[str], situations: Sequence[Situation] = (), *, seen: int = 3, most: int = 50_000
    ) -> CharacterFeatures:
        """Learn the vocabulary: parts seen in at least `seen` texts, the commonest `most` of them; and, of those texts
        that have one, what is said in which situation."""
        counts: Counter[str] = Counter()
        parts_of = lru_cache(REMEMBERED)(parts_of_word)
        for text in texts:
            words = text.split()
            counts.update({
                *itertools.chain.from_iterable(map(parts_of, words)),
                *itertools.starmap(pair_of_words, itertools.pairwise(words)),
            })
        told = [
            set(parts_in_situation(text.split(), situation))
            for text, situation in zip(texts, situations, strict=False) if situation
        ]
        beside = Counter(itertools.chain.from_iterable(told))
        kept = sorted(_commonest(counts, seen, most) + _commonest(beside, SEEN_IN_SITUATION, IN_SITUATION))
        weights = [math.log((1 + len(texts)) / (1 + count)) + 1 for _, count in kept]
        return cls([part for part, _ in kept], np.array(weights, dtype=np.float32))

    def rows(self, texts: Sequence[str], situation: Situation = NONE) -> tuple[Columns, Vector]:
        """The columns that occur in any of the texts, and a row of values a text; the first is said in the situation.

        Texts with many parts in common, as a message and its halves, cost little more than one of them.
        """
        found = [self._occurring(text, NONE if place else situation) for place, text in enumerate(texts)]
        columns, places = np.unique(np.concatenate(found), return_inverse=True)
        if not len(columns):
            return columns, np.zeros((len(texts), 0), dtype=np.float32)
        starts = np.repeat(np.arange(len(texts)) * len(columns), [len(parts) for parts in found])
        counts = np.bincount(starts + places, minlength=len(texts) * len(columns)).reshape(len(texts), -1)
        values = _SUBLINEAR[np.minimum(counts, MOST_COUNTED)] * self.weights[columns]
        lengths = np.sqrt(np.einsum("ij,ij->i", values, values))
        return columns, values / np.where(lengths, lengths, 1)[:, None]

    def _occurring(self, text: str, situation: Situation) -> Columns:
        words = text.split()
        parts = [self._of_word(word) for word in words]
        parts += itertools.starmap(self._of_pair, itertools.pairwise(words))
        if situation:
            parts.append(self._known(parts_in_situation(words, situation)))
        return np.concatenate(parts) if parts else _NONE

    def _known_of_word(self, word: str) -> Columns:
        return self._known(parts_of_word(word))

    def _known_of_pair(self, first: str, second: str) -> Columns:
        return self._known([pair_of_words(first, second)])

    def _known(self, parts: Sequence[str]) -> Columns:
        return np.array([self._columns[part] for part in parts if part in self._columns], dtype=np.int32)

    def transform(self, texts: Sequence[str], situations: Sequence[Situation] = ()) -> csr_matrix:
        """A sparse matrix, one row a text."""
        said = itertools.chain(situations, itertools.repeat(NONE))  # as many as there are texts
        rows = [self.rows([text], situation) for text, situation in zip(texts, said, strict=False)]
        starts = np.cumsum([0] + [len(columns) for columns, _ in rows])
        data = np.concatenate([values[0] for _, values in rows]) if rows else np.zeros(0, dtype=np.float32)
        columns = np.concatenate([columns for columns, _ in rows]) if rows else _NONE
        return csr_matrix((data, columns, starts), shape=(len(texts), len(self.vocabulary)))
