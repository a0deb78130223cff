"""Reads the NLU examples of data/ without Rasa: for the encoder's training, for measuring and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bot.nlu.situation import NONE, Situation


class Example(NamedTuple):
    """One line of a patient's, what it is about, which author wrote it (a letter; independent people's styles), and
    what it followed on."""

    text: str
    intent: str
    author: str
    situation: Situation = NONE


def after(metadata: Mapping[str, Any]) -> Situation:
    """The situation that a block of lines is of: `after: report_missing_code resend` in its metadata."""
    return tuple(str(metadata.get("after", "")).split())


def read_examples(folder: Path) -> list[Example]:
    """All examples of a data folder, file by file in alphabetical order.

    Raises:
        ValueError: the folder or a block has no examples, or a line of a block does not start with `- `.
    """
    examples = []
    for path in sorted(folder.rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for block in content.get("nlu") or []:
            metadata = block.get("metadata") or {}
            author, situation = str(metadata.get("author", "")), after(metadata)
            lines = str(block.get("examples") or "").splitlines()
            if not lines:
                raise ValueError(f"{path}: a block of {block['intent']} has no examples")
            for line in lines:
                if not line.startswith("- "):
                    raise ValueError(f"{path}: an example starts with a dash and a space, not so: {line[:60]}")
                examples.append(Example(line[2:].strip(), block["intent"], author, situation))
    if not examples:
        raise ValueError(f"{folder} holds no NLU examples")
    return examples
