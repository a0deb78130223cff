"""Words that carriers and Twilio give a meaning of their own: nothing else may see them first.

Twilio's list: twilio.com/docs/messaging/guides/opt-out-keywords. Case, blanks and punctuation do not matter.
Whoever wants no more texts may say so in any plain words (47 CFR 64.1200(a)(10)), which Twilio does not look for.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Keyword(StrEnum):
    """What a text asks for as a whole, in Twilio's own names (`OptOutType`)."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


_MEANING = {
    **dict.fromkeys(
        ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"), Keyword.STOP
    ),
    **dict.fromkeys(("start", "unstop"), Keyword.START),
    **dict.fromkeys(("help", "info"), Keyword.HELP),
}
_SPACED = {"stopall", "optout", "unsubscribe"}
_ASKING = r"(?:(?:please|pls|ok|hey|hi|hello|just|no|i said|i want (?:you )?to|(?:can|could|will|would) you|you) )*"
_TEXTS = r"(?:to (?:get|receive) )?(?:(?:me|us|any|all|more|these|those|your|the|text) )*(?:texts?|txts?|sms|messages?)"
_TO = r"(?: (?:me|us|this number|my phone))?"
_NO_MORE = re.compile(
    rf"{_ASKING}(?:stop|(?:stop|quit) (?:texting|txting|messaging|contacting|bothering|spamming){_TO}"
    rf"|(?:do not|dont|never) (?:text|txt|message|contact){_TO}|(?:stop|quit|do not|dont) (?:sending|send) {_TEXTS}"
    rf"|no more {_TEXTS}|i (?:do not|dont|no longer) want {_TEXTS}|opt(?: me)? out(?: of {_TEXTS})?"
    rf"|(?:take|remove|delete) (?:me|my (?:phone )?number|this number) (?:off|from) (?:your|the|this)(?: \w+)? list"
    rf"|unsubscribe{_TO}(?: from {_TEXTS})?)"
    r"(?: (?:please|pls|now|again|ever|anymore|any more|at all|already|from you|thanks|thank you"
    r"|to (?:me|my phone|this number)))*"
)
_APOSTROPHES = str.maketrans("", "", "'’")
_CONSENT = "yes"  # starts texts again, but only for somebody who had stopped them


def keyword(text: str, *, opted_out: bool) -> Keyword | None:
    """The keyword that the text is, None where it is a message like any other.

    Args:
        opted_out: the sender wants no texts now, so that "yes" means START.
    """
    words = re.sub(r"[\W_]+", " ", text.casefold()).split()
    together = "".join(words)
    if opted_out and together == _CONSENT:
        return Keyword.START
    if len(words) == 1 or together in _SPACED:
        return _MEANING.get(together)
    return Keyword.STOP if stops_in_a_sentence(text) else None


def stops_in_a_sentence(text: str) -> bool:
    """True for "please stop texting me" and the like: a whole text that says nothing but that."""
    words = re.sub(r"[\W_]+", " ", text.casefold().translate(_APOSTROPHES)).split()
    return len(words) > 1 and "".join(words) not in _SPACED and _NO_MORE.fullmatch(" ".join(words)) is not None


def known_to_twilio(text: str) -> bool:
    """Whether Twilio takes the text for a keyword for certain: the word alone, without so much as a full stop."""
    return text.strip().casefold() in _MEANING


def handled(opt_out_type: str) -> Keyword | None:
    """The keyword that Twilio says it has answered itself (`OptOutType` of Advanced Opt-Out)."""
    given = opt_out_type.strip().upper()
    return Keyword(given) if given in Keyword.__members__ else None
