"""Finds where a message may fall into two questions, and how much speaks for there being two."""

from __future__ import annotations

import itertools
import math
import re
from typing import NamedTuple

MOST_CUTS = 6
_OPENER = (
    r"(?:how|what|whats|what's|when|where|wheres|which|who|whose|why|can|could|do|does|did|is|are|am|will|would|should|"
    r"shall|may|must|have to|need to|i need|i want|i would like|i'd like|please|pls|plz|send|resend|tell me|let me|"
    r"give me|gimme|get me|change|update|explain)"
)
_ANEW = r"(?:i|i'm|im|ive|i've|my|mine|it|its|it's|the|this|that|we|they|you|your|somebody|someone|nobody|nothing|no)"
_ADDED = (
    r"(?:also|plus|oh and|oh also|on top of that|another (?:thing|question)|second(?:ly)?|one more (?:thing|question))"
)
_CUT = re.compile(
    r"(?<=[.!?;\n])\s+|\s*[;\n]\s*|\s+(?=[2-5][).]\s)"
    rf"|,?\s+(?:and|but|n|&)?\s*(?={_ADDED}\b)"
    rf"|,?\s+(?:and|but|n|&)\s+(?={_OPENER}\b|{_ANEW}\b|if (?:so|not|yes|no)\b)"
    rf"|,\s+(?={_OPENER}\b)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(?:[1-5][).]\s*)?(?:(?:and|so|but|or|ok|okay|also|then|oh|well|hi|hello|hey|please|no|plus|"
    rf"if (?:so|not|yes|no)|{_ADDED})[,:\s]+)*{_OPENER}\b",
    re.IGNORECASE,
)
_MORE = re.compile(
    rf"^(?:(?:and|but|ok|so)[,\s]+)*(?:{_ADDED}\b|[2-5][).])|\b(?:also|too|as well)[.?!]*$", re.IGNORECASE
)
_CLAUSE_END = re.compile(
    r"[.!?;,:()]+|\b(?:and|but|also|anyway|because|so|while|since|when|though)\b"
)
_OWN_WORDS = re.compile(
    r"\b(?:codes?|texts?|texted|texting|password|phones?|cell|mobile|landline|e-?mails?|numbers?|sign|log|login|pin|"
    r"digits|otp|portal|two|verification|step|resend|another|charge|cost|fee|free|bill|expire|minutes|time|long|"
    r"person|human|someone|office|robot|help|address|account|username|box|type|page|safer?|form|every|each|again|"
    r"remember|mandatory|opt|app)\b",
    re.IGNORECASE,
)


class Cut(NamedTuple):
    """What stands before and after a place where a message may be cut."""

    first: str
    second: str


def cuts(text: str) -> list[Cut]:
    """Where the message may be cut in two, the likeliest places first."""
    found = []
    for place in _CUT.finditer(text):
        cut = Cut(text[: place.start()].strip(" ,"), text[place.end() :].strip(" ,"))
        if min(map(len, cut)) > 5:
            found.append(cut)
    found.sort(key=lambda cut: (not adds(cut.second), not asks(cut.second)))
    return found[:MOST_CUTS]


def clauses(text: str) -> list[str]:
    """The clauses of a normalized message, and each with the next one; none where it is but one."""
    found = [clause for part in _CLAUSE_END.split(text) if len((clause := part.strip()).split()) > 1]
    if len(found) < 3:  # two with each other are the message
        return found if len(found) > 1 else []
    return found + [f"{first} {second}" for first, second in itertools.pairwise(found)]


def asks(part: str) -> bool:
    """Whether a part asks or wants something, rather than tells the story around it."""
    return part.rstrip().endswith("?") or bool(_QUESTION.match(part.strip()))


def adds(part: str) -> bool:
    """Whether a part says of itself that it is one more thing ("also", "plus", "2)")."""
    return bool(_MORE.search(part.strip()))


def evidence(cut: Cut, whole: tuple[float, float], halves: tuple[float, float] = (1.0, 1.0)) -> float:
    """How much speaks for two questions; they are two above 0.

    A logistic regression on 60 messages with two questions and 1,590 with one; the bias is set so that of an author's
    lines with one question, unknown to encoder and weights, six in 1,000 are taken for two. A long story before the
    only question, and a second half that means nothing by itself ("what should I do?"), speak against.

    Args:
        whole: probabilities of the first half's topic and of the second's in the whole message.
        halves: probability of each half's topic in that half.
    """
    own_words = len({word.lower() for word in _OWN_WORDS.findall(cut.second)})
    return (
        0.5 * sum(math.log(p + 0.001) for p in whole)
        + 6.8 * halves[0]
        + 3.4 * halves[1]
        + 1.7 * asks(cut.first)
        + 3.1 * asks(cut.second)
        + 2.8 * adds(cut.second)
        + 2.1 * min(own_words, 2)
        - 0.24 * min(len(cut.first.split()), 20)
        - 11.5
    )
