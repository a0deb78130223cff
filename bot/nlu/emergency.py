"""Rules that know a medical emergency or a wish to die when they read one. They come before all learning.

First the figures of speech are taken out ("this is killing me", "heart attack when I saw the bill"), then what is
denied or long past, then what is left is searched for danger. The expressions are in emergency_rules.txt, one a line,
so that a nurse can read them. A learnt class is the second net (`Calibration.emergency`).
"""

from __future__ import annotations

import re
from pathlib import Path

from bot.nlu.wording import fold

RULES = Path(__file__).parent / "emergency_rules.txt"
_SECTIONS = ("figures of speech", "denied", "alone", "wish to die", "body")


def read_rules(path: Path = RULES) -> dict[str, list[str]]:
    """The expressions by section.

    Raises:
        ValueError: an unknown section, a line outside a section, or an expression that does not compile.
    """
    rules: dict[str, list[str]] = {}
    section = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.strip("[]") in _SECTIONS:
            section = line.strip("[]")
            rules[section] = []
            continue
        try:
            re.compile(line)
            rules[section].append(line)
        except (re.error, KeyError) as error:
            raise ValueError(f"{path}, line {number}: not an expression of a section: {error}") from error
    return rules


def _any(*expressions: str) -> re.Pattern[str]:
    return re.compile("|".join(expressions))


_RULES = read_rules()
_FIGURES = _any(*_RULES["figures of speech"])
_DENIED = _any(*_RULES["denied"])
_DANGERS = [*_RULES["alone"], *_RULES["wish to die"], *_RULES["body"]]
# Nearly all of them begin at the edge of a word: said once before all of them, it spares looking for each of three
# hundred at every letter, which was most of what a message's understanding took.
_EDGE = r"\b"
_AFTER_EDGE = "|".join(rule.removeprefix(_EDGE) for rule in _DANGERS if rule.startswith(_EDGE))
_AT_AN_EDGE = re.compile(rf"{_EDGE}(?:{_AFTER_EDGE})")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_NEITHER = re.compile("[^a-z0-9 ]+")
_ELSEWHERE = _any(*(rule for rule in _DANGERS if not rule.startswith(_EDGE)))


def _is_dangerous(plain: str) -> bool:
    return bool(_ELSEWHERE.search(plain) or _AT_AN_EDGE.search(plain))


def is_emergency(*texts: str) -> bool:
    """Whether a message tells of a medical emergency or of harm to oneself, the writer's or somebody's near.

    Args:
        texts: the message in one or more spellings; one is enough.
    """
    return any(map(_tells_of_danger, {_plain(text): None for text in texts}))


def _plain(text: str) -> str:
    return " ".join(_NEITHER.sub(" ", _APOSTROPHE.sub("", fold(text))).split())


def _tells_of_danger(plain: str) -> bool:
    return _is_dangerous(plain) and _is_dangerous(_DENIED.sub(" , ", _FIGURES.sub(" , ", plain)))
