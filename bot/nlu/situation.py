"""What stands before a message in its conversation, as both classifiers read it: "how do I change it" has no topic of
its own.

The engine passes what the conversation knows as message metadata. A situation is made of it, up to three marks: the
topic answered last, what was asked, and that the assistant had not understood.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from bot.nlu.intents import OUT_OF_SCOPE

Situation = tuple[str, ...]
NONE: Situation = ()

QUESTIONS = frozenset({"resend", "arrived", "can_sign_in"})
"""What the assistant asks that patients answer in words of many kinds."""
OFFERS = frozenset({None, "contact"})
"""Nothing was asked, or no more than whether a person is wanted. After any other question (a name, which of two) a
message is read by itself."""


def situation_of(metadata: Mapping[str, Any] | None) -> Situation:
    """The marks of what the engine passes with a message: `topic`, `prompt`, `refused`; each may be missing."""
    if not metadata:
        return NONE
    topic, prompt = metadata.get("topic"), metadata.get("prompt")
    if prompt not in QUESTIONS | OFFERS:
        return NONE
    marks = [topic] if isinstance(topic, str) and topic != OUT_OF_SCOPE else []
    if prompt in QUESTIONS:
        marks.append(str(prompt))
    return (*marks, OUT_OF_SCOPE) if metadata.get("refused") or topic == OUT_OF_SCOPE else tuple(marks)


def metadata_of(situation: Situation) -> dict[str, Any]:
    """What the engine would pass with a message in that situation: `situation_of` the other way round."""
    if not situation:
        return {}
    marks = [mark for mark in situation if mark not in QUESTIONS and mark != OUT_OF_SCOPE]
    asked = [mark for mark in situation if mark in QUESTIONS]
    return {"topic": marks[0] if marks else None, "prompt": asked[0] if asked else None,
            "refused": OUT_OF_SCOPE in situation}


def in_words(situation: Situation) -> str:
    """For the encoder: "missing code resend"."""
    return " ".join(mark.removeprefix("ask_").removeprefix("report_").replace("_", " ") for mark in situation)


def anywhere(situations: Sequence[Situation], seed: int) -> list[Situation]:
    """The same with half of the lines that have none put into one of the others, at random: what is clear by itself
    means the same after any answer."""
    known = sorted(set(situations) - {NONE})
    chance = random.Random(seed)
    return [
        situation or (chance.choice(known) if known and chance.random() < 0.5 else NONE) for situation in situations
    ]
