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

Vector = npt.NDArray[np.float32]
SHORTEST, LONGEST = 2, 5
REMEMBERED = 10_000  # words whose runs are kept: most words of a message were met before


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


def words_and_pairs(words: Sequence[str]) -> list[str]:
    """Words alone, then each with the next."""
    alone = [f"w:{word}" for word in words]
    return alone + [f"w:{first} {second}" for first, second in itertools.pairwise(words)]


class CharacterFeatures:
    """Sublinear TF-IDF, rows of length one."""

    def __init__(self, vocabulary: Sequence[str], weights: Vector) -> None:
        self.vocabulary = list(vocabulary)
        self.weights = weights
        self._rows = {part: row for row, part in enumerate(self.vocabulary)}
        self._runs = lru_cache(REMEMBERED)(self._known_runs)

    @classmethod
    def fit(cls, texts: Sequence[str], *, seen: int = 3, most: int = 50_000) -> CharacterFeatures:
        """Learn the vocabulary: parts seen in at least `seen` texts, the commonest `most` of them."""
        counts: Counter[str] = Counter()
        runs = lru_cache(REMEMBERED)(runs_of)
        for text in texts:
            words = text.split()
            counts.update({*itertools.chain.from_iterable(map(runs, words)), *words_and_pairs(words)})
        common = sorted(((part, n) for part, n in counts.items() if n >= seen), key=lambda pair: (-pair[1], pair[0]))
        kept = sorted(common[:most])
        weights = [math.log((1 + len(texts)) / (1 + count)) + 1 for _, count in kept]
        return cls([part for part, _ in kept], np.array(weights, dtype=np.float32))

    def row(self, text: str) -> tuple[npt.NDArray[np.int32], Vector]:
        """The columns of a text and their values."""
        counts: dict[int, int] = {}
        rows = self._rows
        words = text.split()
        for row in itertools.chain.from_iterable(map(self._runs, words)):
            counts[row] = counts.get(row, 0) + 1
        for part in words_and_pairs(words):
            found = rows.get(part)
            if found is not None:
                counts[found] = counts.get(found, 0) + 1
        columns = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
        values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (1 + np.log(values, where=values > 0, out=np.zeros_like(values))) * self.weights[columns]
        length = float(np.sqrt(values @ values))
        return columns, values / length if length else values

    def _known_runs(self, word: str) -> tuple[int, ...]:
        rows = map(self._rows.get, runs_of(word))
        return tuple(row for row in rows if row is not None)

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """A sparse matrix, one row a text."""
        rows = [self.row(text) for text in texts]
        starts = np.cumsum([0] + [len(columns) for columns, _ in rows])
        data = np.concatenate([values for _, values in rows]) if rows else np.zeros(0, dtype=np.float32)
        columns = np.concatenate([columns for columns, _ in rows]) if rows else np.zeros(0, dtype=np.int32)
        return csr_matrix((data, columns, starts), shape=(len(texts), len(self.vocabulary)))
