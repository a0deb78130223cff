"""Cuts a message into what may be separate questions: at sentence ends and where a conjunction opens a question."""

from __future__ import annotations

import re

MOST_PARTS = 6
_OPENER = (
    r"(?:how|what|whats|what's|when|where|wheres|which|who|why|can|could|do|does|did|is|are|am|will|would|should|shall|"
    r"may|must|have to|need to|i need|i want|i would like|i'd like|please|pls|plz|send|resend|tell me|let me|give me)"
)
_CUT = re.compile(
    r"(?<=[.!?;\n])\s+|\s*[;\n]\s*"
    rf"|,?\s+(?:and|also|plus|but|oh and|and also|n|&)\s+(?=(?:also\s+|then\s+)?{_OPENER}\b)"
    rf"|,\s+(?=(?:also\s+)?(?:how|what|when|where|which|why|can|do|does|will|is)\b)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    rf"^(?:(?:and|so|but|or|ok|okay|also|then|oh|well|hi|hello|hey|pls|please|no)[,\s]+)*{_OPENER}\b", re.IGNORECASE
)


def split(text: str) -> list[str]:
    """The parts in order, or the whole message alone where nothing separates."""
    parts = [part.strip(" ,") for part in _CUT.split(text)]
    parts = [part for part in parts if len(part) > 1]
    return parts[:MOST_PARTS] if len(parts) > 1 else [text]


def asks(part: str) -> bool:
    """Whether a part asks or wants something, rather than tells the story around it."""
    return part.rstrip().endswith("?") or bool(_QUESTION.match(part.strip()))
