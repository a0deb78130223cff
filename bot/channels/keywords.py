"""Words that carriers and Twilio give a meaning of their own: nothing else may see them first.

Twilio's list: twilio.com/docs/messaging/guides/opt-out-keywords. Case, blanks and punctuation do not matter.
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
    return _MEANING.get(together) if len(words) == 1 or together in _SPACED else None


def known_to_twilio(text: str) -> bool:
    """Whether Twilio takes the text for a keyword for certain: the word alone, without so much as a full stop."""
    return text.strip().casefold() in _MEANING


def handled(opt_out_type: str) -> Keyword | None:
    """The keyword that Twilio says it has answered itself (`OptOutType` of Advanced Opt-Out)."""
    given = opt_out_type.strip().upper()
    return Keyword(given) if given in Keyword.__members__ else None
