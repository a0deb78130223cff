"""A request that a person of the practice answers, its rules, and the protocol by which the bot fills one in.
Standard library only."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

NAME_LENGTH = 100
REPLY_TO_LENGTH = 254
MESSAGE_LENGTH = 2000
OTHER_REASONS = ("Appointments", "Billing", "Medical records", "Something else")
_REFERENCE_CHARACTERS = "ACDEFHJKMNPRTUVWXY34679"  # none that is read as another


class Field(StrEnum):
    """What a contact request asks for."""

    NAME = "name"
    REPLY_TO = "reply_to"
    REASON = "reason"
    MESSAGE = "message"


REQUIRED = (Field.NAME, Field.REPLY_TO, Field.MESSAGE)


class Problem(StrEnum):
    """Why a value is not taken. The words for each are the caller's."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    LINE_BREAK = "line_break"
    NOT_A_NAME = "not_a_name"
    NOT_REACHABLE = "not_reachable"
    UNKNOWN_REASON = "unknown_reason"


EXPLANATIONS = {
    (Field.NAME, Problem.EMPTY): "Please give a name.",
    (Field.NAME, Problem.TOO_LONG): f"Please shorten the name to {NAME_LENGTH} characters.",
    (Field.NAME, Problem.LINE_BREAK): "Please write the name on one line.",
    (Field.NAME, Problem.NOT_A_NAME): "That does not look like a name. Please write the name that we shall ask for.",
    (Field.REPLY_TO, Problem.EMPTY): "Please give a phone number or an email address, so that we can answer.",
    (Field.REPLY_TO, Problem.TOO_LONG): "That is too long for a phone number or an email address.",
    (Field.REPLY_TO, Problem.LINE_BREAK): "Please write the phone number or email address on one line.",
    (Field.REPLY_TO, Problem.NOT_REACHABLE): (
        "That does not look like a phone number or an email address. "
        "Write it like 845-555-0142 or name@example.com."
    ),
    (Field.REASON, Problem.UNKNOWN_REASON): "Please choose one of the reasons in the list.",
    (Field.MESSAGE, Problem.EMPTY): "Please write what we can help you with.",
    (Field.MESSAGE, Problem.TOO_LONG): f"Please shorten the message to {MESSAGE_LENGTH} characters.",
}


def explain(field: Field, problem: Problem) -> str:
    """Kind words for a value that is not taken; they never repeat the value."""
    return EXPLANATIONS.get((field, problem), "Please check this entry.")


def check(field: Field, value: str, reasons: tuple[str, ...]) -> Problem | None:
    """What is wrong with a value, as far as can be told without looking at numbers and addresses."""
    length = {Field.NAME: NAME_LENGTH, Field.REPLY_TO: REPLY_TO_LENGTH}.get(field, MESSAGE_LENGTH)
    if field is Field.REASON:
        return None if value in reasons else Problem.UNKNOWN_REASON
    if not value.strip():
        return Problem.EMPTY
    if len(value) > length:
        return Problem.TOO_LONG
    if field is Field.NAME and not any(character.isalpha() for character in value):
        return Problem.NOT_A_NAME
    allowed = "\n\r\t" if field is Field.MESSAGE else ""
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") and character not in allowed for character in value):
        return Problem.LINE_BREAK
    return None


# --- what a patient writes around an entry ------------------------------------------------------------------------

MASK = "•••"
"""What is left of a number or an address in a text that somebody may see."""
_ASIDE = r"(?:(?:oh|no|hi|hello|wait|sorry|actually|but|hm+|well|yes|ok(?:ay)?|sure|please)[,.! ]+)*"
_NAME_LEAD = re.compile(
    rf"{_ASIDE}(?:i(?:'ve| have)? (?:already |just )?(?:told you|said)[,:. ]+(?:it'?s |it is |my name is )?"
    r"|(?:(?:my|the) (?:full |right |real )?name(?: is|'s| should be)?|i am|i'm|this is|it'?s|it is)[: ]+)",
    re.IGNORECASE,
)
_NAME_TAIL = re.compile(
    r"[\s,;:(.-]+(?:(?:and|my|the|mobile|cell|phone|telephone|number|e-?mail|address|is|at|on|or|call|me) )*$",
    re.IGNORECASE,
)
_NAME_CORRECTED = re.compile(
    rf"{_ASIDE}(?:(?:please )?(?:change|correct|fix) (?:my |the )?name to|(?:my |the )name (?:is|should be)|my name's)"
    r"[: ]+(?:just |only |simply )?"
    r"(?!(?:wrong|incorrect|not|mis-?spel\w*|spell?ed|spelt|typed|fine|right|ok|correct|still)\b)(?P<name>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_NAME_ASIDE = re.compile(
    r"[,;.( ]+(?:that'?s|that is|this is|he'?s|she'?s|he is|she is|it'?s|it is|which is|for|i'?m|i am|not)"
    r" (?:my|his|her|our|the|me|mine|in|a)\b.*",
    re.IGNORECASE,
)
_NAME_WRONG = re.compile(
    rf"{_ASIDE}(?:the |my )?name(?:'s| is)? (?:wrong|incorrect|not right|misspelled|misspelt)[,.;: ]+"
    r"(?:(?:it'?s|it is|it should be|should be|make it|i'?m|i am) )?(?P<name>\S.*)", re.IGNORECASE
)
_SHORT = 8  # words; a longer text says more than a number or an address


def name_in(text: str) -> str:
    """The name in an answer to "What is your name?": "my name is Ann Poe", "Ann Poe, that's my mother" -> "Ann Poe"."""
    text = " ".join(text.split())
    found = _NAME_LEAD.match(text)
    rest = text[found.end() :] if found else text
    rest = _NAME_ASIDE.sub("", rest) or rest
    return _NAME_TAIL.sub("", f"{rest} ").rstrip(" ,;:(-") or text


def corrected_name(text: str) -> str | None:
    """The new name, where a text says nothing but that ("wait, my name is Ann Poe"); None for anything else."""
    found = _NAME_CORRECTED.fullmatch(text.strip()) or _NAME_WRONG.fullmatch(text.strip())
    name = found["name"].rstrip(" .!") if found else ""
    return name if name and len(name.split()) <= _SHORT and not name.endswith("?") else None


def corrects_reply_to(masked: str) -> bool:
    """True where a text says little more than a number or an address: "no wait, it is a•••@example.com".

    Args:
        masked: the text, its numbers and addresses masked.
    """
    return MASK in masked and "?" not in masked and len(masked.split()) <= _SHORT


def new_reference() -> str:
    """A short reference to quote on the phone, such as `H4K-9MP`."""
    letters = "".join(secrets.choice(_REFERENCE_CHARACTERS) for _ in range(6))
    return f"{letters[:3]}-{letters[3:]}"


@dataclass(frozen=True, slots=True)
class DraftView:
    """What the chat may show of a draft: initials, a masked number or address, the message without either."""

    name: str | None = None
    reply_to: str | None = None
    reason: str | None = None
    message: str | None = None

    @property
    def missing(self) -> tuple[Field, ...]:
        """The fields still to be asked for."""
        return tuple(field for field in REQUIRED if getattr(self, field.value) is None)


class DraftIncomplete(Exception):
    """A request was filed before all was there; `missing` names the fields."""

    def __init__(self, missing: tuple[Field, ...]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


class ContactClient(Protocol):
    """How the bot fills in a contact request, one draft a conversation. Every method may raise
    `bot.verification.model.ClientUnavailable`."""

    async def save_draft(self, conversation: str, field: str, value: str) -> Problem | None:
        """Keep a value in the draft, encrypted. A Problem: it was not taken; `explain` has words for it."""
        ...

    async def draft(self, conversation: str) -> DraftView:
        """The draft, masked; empty when there is none."""
        ...

    async def discard(self, conversation: str) -> None:
        """Forget the draft."""
        ...

    async def file(self, conversation: str, *, include_transcript: bool = False) -> str:
        """Hand the draft to the practice; gives the reference to quote.

        Raises:
            DraftIncomplete: a field is missing; the draft is kept.
        """
        ...
