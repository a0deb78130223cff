"""Features that need no network: TF-IDF of character runs within words, and of words and their pairs."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Vector = npt.NDArray[np.float32]
SHORTEST, LONGEST = 2, 5


def parts_of(text: str) -> list[str]:
    """Character runs of two to five within each word (with its edges), and words alone and in pairs."""
    words = text.split()
    found: list[str] = []
    for word in words:
        edged = f" {word} "
        for length in range(SHORTEST, LONGEST + 1):
            if length >= len(edged):
                found.append(edged)
                break
            found += [edged[start : start + length] for start in range(len(edged) - length + 1)]
    found += [f"w:{word}" for word in words]
    found += [f"w:{first} {second}" for first, second in itertools.pairwise(words)]
    return found


class CharacterFeatures:
    """Sublinear TF-IDF, rows of length one."""

    def __init__(self, vocabulary: Sequence[str], weights: Vector) -> None:
        self.vocabulary = list(vocabulary)
        self.weights = weights
        self._rows = {part: row for row, part in enumerate(self.vocabulary)}

    @classmethod
    def fit(cls, texts: Sequence[str], *, seen: int = 3, most: int = 50_000) -> CharacterFeatures:
        """Learn the vocabulary: parts seen in at least `seen` texts, the commonest `most` of them."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(parts_of(text)))
        common = sorted(((part, n) for part, n in counts.items() if n >= seen), key=lambda pair: (-pair[1], pair[0]))
        kept = sorted(common[:most])
        weights = [math.log((1 + len(texts)) / (1 + count)) + 1 for _, count in kept]
        return cls([part for part, _ in kept], np.array(weights, dtype=np.float32))

    def row(self, text: str) -> tuple[npt.NDArray[np.int32], Vector]:
        """The columns of a text and their values."""
        counts: dict[int, int] = {}
        rows = self._rows
        for part in parts_of(text):
            row = rows.get(part)
            if row is not None:
                counts[row] = counts.get(row, 0) + 1
        columns = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
        values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (1 + np.log(values, where=values > 0, out=np.zeros_like(values))) * self.weights[columns]
        length = float(np.sqrt(values @ values))
        return columns, values / length if length else values

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """A sparse matrix, one row a text."""
        rows = [self.row(text) for text in texts]
        starts = np.cumsum([0] + [len(columns) for columns, _ in rows])
        data = np.concatenate([values for _, values in rows]) if rows else np.zeros(0, dtype=np.float32)
        columns = np.concatenate([columns for columns, _ in rows]) if rows else np.zeros(0, dtype=np.int32)
        return csr_matrix((data, columns, starts), shape=(len(texts), len(self.vocabulary)))
