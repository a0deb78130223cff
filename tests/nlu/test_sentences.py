"""The encoder's files are what their card says, or nothing starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bot.nlu.sentences import FOLDER, EncoderDamaged, SentenceEncoder


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    """A network whose hash differs from the record is not loaded."""
    folder = tmp_path / "encoder"
    shutil.copytree(FOLDER, folder)
    with (folder / "encoder.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EncoderDamaged, match="not the one"):
        SentenceEncoder(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which file and what to do."""
    with pytest.raises(EncoderDamaged, match=r"encoder\.json"):
        SentenceEncoder(tmp_path)


def test_vectors_do_not_depend_on_the_company(encoder: SentenceEncoder) -> None:
    """Length one, and a text alone or among others gives the same direction."""
    texts = ["where is my code ?", "can i use my landline", "a much longer line about nothing in particular at all"]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    assert ((together * alone).sum(1) > 0.99).all()


def test_no_text_is_too_long_or_too_short(encoder: SentenceEncoder) -> None:
    """Nothing, and a thousand characters of anything, are encoded."""
    vectors = encoder.encode(["", "x" * 1000, "word " * 200, "\u4f60\u597d \U0001f600"])
    assert np.isfinite(vectors).all()
