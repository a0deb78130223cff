"""Turns messages into sentence vectors with the encoder in `encoder/` (onnxruntime, a thread each, no download)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from bot.nlu.situation import NONE, Situation, in_words

Matrix = npt.NDArray[np.float32]
FOLDER = Path(__file__).parent / "encoder"
WIDTH = 384
_BATCH = 32
_MANY = 50  # batches
SLOWER = ["SkipLayerNormFusion"]
"""What onnxruntime puts in the place of a sum and its normalization takes three times as long as the two."""


_PAUSES = re.compile(r"[.,;:!()\"/*-]+")


def spoken(text: str) -> str:
    """A normalized text without its marks of pause: what the encoder reads, and was trained on. They are a tenth of
    its pieces, which are what it takes time for, and patients set them as it comes."""
    return " ".join(_PAUSES.sub(" ", text).split())


def beside(text: str, situation: Situation) -> str | tuple[str, str]:
    """What the encoder reads: the text, after the words of its situation where it has one."""
    return (in_words(situation), spoken(text)) if situation else spoken(text)


class EncoderDamaged(RuntimeError):
    """A file of the encoder is missing or is not the one that encoder.json describes."""


class SentenceEncoder:
    """Normalized text in, vectors of length one out. Thread-safe.

    Args:
        folder: holds encoder.onnx, tokenizer.json and encoder.json with their sha256.

    Raises:
        EncoderDamaged: a file is missing or its hash differs.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        try:
            self.record: dict[str, Any] = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            network = (folder / "encoder.onnx").read_bytes()
            pieces = (folder / "tokenizer.json").read_bytes()
        except FileNotFoundError as error:
            raise EncoderDamaged(f"{error.filename} is missing: restore it from the repository") from error
        for name, content in (("encoder", network), ("tokenizer", pieces)):
            if hashlib.sha256(content).hexdigest() != self.record[f"{name}_sha256"]:
                raise EncoderDamaged(f"{folder}: the {name}'s file is not the one that encoder.json describes")
        self._tokenizer = Tokenizer.from_str(pieces.decode())
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # its arena keeps the largest batch's memory for good
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER
        )

    def encode(self, texts: Sequence[str], situations: Sequence[Situation] = ()) -> Matrix:
        """One row a text, as it is meant in its situation.

        Texts of the same length share a batch: the network has no mask for what would be padded.
        """
        vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
        said = chain(situations, repeat(NONE))  # as many as there are texts
        lines = [beside(text, situation) for text, situation in zip(texts, said, strict=False)]
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(lines)]
        by_length: dict[int, list[int]] = {}
        for index, tokens in enumerate(ids):
            by_length.setdefault(len(tokens), []).append(index)
        batches = [
            rows[start : start + _BATCH] for rows in by_length.values() for start in range(0, len(rows), _BATCH)
        ]

        def embed(rows: list[int]) -> None:
            block = np.array([ids[row] for row in rows], dtype=np.int64)
            vectors[rows] = self._session.run(["vectors"], {"input_ids": block})[0]

        if len(batches) < _MANY:
            for batch in batches:
                embed(batch)
        else:  # training: every core has a batch in hand, outside Python's lock
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(embed, batches))
        return vectors
