"""Reads the NLU examples of data/ without Rasa: for the encoder's training, for measuring and for tests."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml


class Example(NamedTuple):
    """One line of a patient's, what it is about, and which author wrote it (a letter; independent people's styles)."""

    text: str
    intent: str
    author: str


def read_examples(folder: Path) -> list[Example]:
    """All examples of a data folder, file by file in alphabetical order.

    Raises:
        ValueError: the folder or a block has no examples, or a line of a block does not start with `- `.
    """
    examples = []
    for path in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for block in content.get("nlu") or []:
            author = str((block.get("metadata") or {}).get("author", ""))
            lines = str(block.get("examples") or "").splitlines()
            if not lines:
                raise ValueError(f"{path}: a block of {block['intent']} has no examples")
            for line in lines:
                if not line.startswith("- "):
                    raise ValueError(f"{path}: an example starts with a dash and a space, not so: {line[:60]}")
                examples.append(Example(line[2:].strip(), block["intent"], author))
    if not examples:
        raise ValueError(f"{folder} holds no NLU examples")
    return examples
