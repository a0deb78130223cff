"""A number or a title typed instead of pressing a button ("2", "the second one", "#1", "My code didn't come")."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = {
    "one": 1, "first": 1, "1st": 1, "two": 2, "second": 2, "2nd": 2, "three": 3, "third": 3, "3rd": 3,
    "four": 4, "fourth": 4, "4th": 4, "five": 5, "fifth": 5, "5th": 5, "former": 1, "top": 1,
}
_LAST = ("last", "latter", "bottom")
_CHOICE = re.compile(
    r"(?:(?:the|option|number|no\.?|choice|press|reply|[#(])\s*)*"
    rf"(?P<number>\d|{'|'.join((*_WORDS, *_LAST))})(?:\s+(?:one|option|please))*[.)!]*"
)


_BY_EMAIL = re.compile(r"\b(?:e-?)?mail\b")
_BY_TEXT = re.compile(r"\b(?:text|txt|sms|phone)\b")
_WAY = r"(?:(?:e-?)?mail|text|txt|sms|phone)"
_OF_NO_USE = re.compile(
    r"\b(?:no|not|never|without|(?:do not|(?:don|doesn|didn|haven)'?t) \w+)"
    rf"(?: (?:an?|any|my|the|by|to|via|in|use|got))* {_WAY}\b"
    rf"|\b{_WAY}(?: \w+)? (?:is|was|has|did|does|(?:is|did|does)n'?t|came|changed|died|dead)\b"
)
"""Words that name a way to say that it is none ("I don't have email", "the phone is dead")."""
_WAY_WORDS = 8  # a longer message says more than which way


def _way(said: str, buttons: Sequence[tuple[str, str]]) -> str | None:
    """ "by email instead", where one of the buttons would send it so."""
    if len(said.split()) > _WAY_WORDS or said.endswith("?"):
        return None
    said = _OF_NO_USE.sub(" ", said)
    for words, channel in ((_BY_EMAIL, '"email"'), (_BY_TEXT, '"sms"')):
        if words.search(said):
            return next((command for _, command in buttons if channel in command), None)
    return None


_YES = r"(?:yes|yeah|yep|yup|sure|ok(?:ay)?|please|go ahead|do (?:it|that))"
_AGREED = re.compile(rf"{_YES}(?:[,.! ]+{_YES})*[,.! ]*")
_WRITE = re.compile(
    rf"(?:{_YES}[,.!]* )*(?:(?:can|could|will|would) you )?(?:please )?(?:(?:write|message|contact|fill|send)"
    r"(?: (?:to|it|that|in|out|them|the|a|an|my|form|message|note|for|me|from|here|now|please))*"
    r" (?:to them|them|form|message|note|in|out|for me|here)|(?:do|change) (?:it|that) (?:for me|from here))[,.!? ]*"
    r"(?:please)?[.!? ]*"
)
_WRITE_FROM_HERE = "/file_contact"


def _writes(said: str, buttons: Sequence[tuple[str, str]]) -> str | None:
    """ "yes, write to them", where that was offered; a bare yes where nothing else was."""
    commands = [command for _, command in buttons]
    if _WRITE_FROM_HERE not in commands:
        return None
    agreed = _AGREED.fullmatch(said) and len(commands) == 1
    return _WRITE_FROM_HERE if agreed or _WRITE.fullmatch(said) else None


_ASIDE = r"(?:(?:yes|yeah|yep|no|nope|oh|hm+|um+|ok|well|but|actually|sorry|i think)[,.! ]+)*"
_IN = (
    r"(?: (?:sign|log|get) ?-?in)?(?: (?:right now|now|already|yet|there|fine|to (?:it|my account|the portal)))*[.! ]*"
)
_UNSURE = r"(?:(?:idk|i don'?t know|not sure|maybe)[,.! ]+)?(?:(?:i )?(?:think|guess|suppose) (?:so|i can)|probably)"
_WHO = r"(?:i|he|she|we|they|it|my (?:mom|mum|mother|dad|father|wife|husband|son|daughter))"
_NO_FURTHER = (
    rf"(?:{_WHO} )?(?:only |just )?(?:gets?|got|comes?|makes? it) (?:only |just |stuck )?(?:to|as far as|up to|at) the "
    r"(?:code|second step)(?: (?:page|screen|part|step|thing))?"
)
_IF = r"(?:i )?can,? but (?:only|just|then) .*"
_ABLE = re.compile(rf"{_ASIDE}(?:(?:i )?(?:can|could|am able to|am signed in|am logged in){_IN}|{_UNSURE}[.! ]*)")
_UNABLE = re.compile(
    rf"{_ASIDE}(?:(?:{_WHO} )?(?:can'?t|cannot|can not|couldn'?t|(?:am|is|are) (?:not able|unable) to){_IN}"
    r"(?:[,.! ]*(?:and |so |because )?that'?s .*)?"
    rf"|(?:{_NO_FURTHER}|{_IF})[.! ]*)"
)


def _able(said: str, buttons: Sequence[tuple[str, str]]) -> str | None:
    """ "no i cant", where it was asked whether the patient can sign in."""
    for words, yes_or_no in ((_ABLE, "/affirm"), (_UNABLE, "/deny")):
        if words.fullmatch(said):
            return next((c for _, c in buttons if c.startswith(yes_or_no) and '"can_sign_in"' in c), None)
    return None


_THERE = re.compile(
    r"(?:(?:yes|yeah|no|oh|well|i mean|i meant|please|just|send(?: it)?|to|on|the|that|same|one|number|phone)[,.! ]+)*"
    r"(?:ending|that ends|with) (?:in |with )?\W*\d{1,4}[.! ]*"
    r"|(?:(?:yes|yeah|please|send(?: it)?|to)[,.! ]+)*(?:the |that )?same (?:one|number|phone|address)[.! ]*"
)


def _there(said: str, buttons: Sequence[tuple[str, str]]) -> str | None:
    """ "the one ending in 42", where a code to such a number was offered: the patient is told no other."""
    if _THERE.fullmatch(said) is None:
        return None
    return next((command for _, command in buttons if command.startswith("/affirm") and '"resend"' in command), None)


_LETTERS = {"y": "/affirm", "n": "/deny"}


def _letter(said: str, buttons: Sequence[tuple[str, str]]) -> str | None:
    """ "y" or "n" where a yes or no was asked for: elsewhere a lone y may be a why."""
    wanted = _LETTERS.get(said.rstrip(".! "))
    return next((command for _, command in buttons if wanted and command.startswith(wanted)), None)


_TYPED = str.maketrans({"’": "'", "\ufe0f": None, "\u20e3": None})  # the last two make a keycap of a digit


def plain(text: str) -> str:
    """A message in lower case, with typewriter's apostrophes and single spaces."""
    return " ".join(text.translate(_TYPED).casefold().split())


def _title(text: str) -> str:
    """A title as it is typed: without apostrophes, commas and the like."""
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold()).split())


def chosen(text: str, buttons: Sequence[tuple[str, str]]) -> str | None:
    """The command of the button that the text names, or None.

    Args:
        text: what the patient typed.
        buttons: (title, command) of the choices just offered, in their order.
    """
    said = plain(text)
    for title, command in buttons:
        if _title(said) == _title(title):
            return command
    match = _CHOICE.fullmatch(said)
    if match is None:
        ways = (_way, _writes, _able, _there, _letter)
        return next((found for way in ways if (found := way(said, buttons)) is not None), None)
    number = int(match["number"]) if match["number"].isdecimal() else _WORDS.get(match["number"], len(buttons))
    return buttons[number - 1][1] if 1 <= number <= len(buttons) else None
