"""Rules that know a medical emergency or a wish to die when they read one. They come before all learning.

First the figures of speech are taken out ("this is killing me", "heart attack when I saw the bill"), then what is
denied or long past, then what is left is searched for danger. The expressions are in emergency_rules.txt, one a line,
so that a nurse can read them. A learnt class is the second net (`Calibration.emergency`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

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
_EDGE = r"\b"
_FIGURES = re.compile(f"{_EDGE}(?:{_any(*_RULES['figures of speech']).pattern})")  # "band" is none in "husband"
_DENIED = _any(*_RULES["denied"])
_DANGERS = [*_RULES["alone"], *_RULES["wish to die"], *_RULES["body"]]
# Nearly all of them begin at the edge of a word, with a letter that can be told: each word is held against those alone
# that can begin so. Looking for each of four hundred everywhere was most of what a message's understanding took.
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_NEITHER = re.compile("[^a-z0-9 ]+")
_sre: Any = import_module("re._parser")  # Python's own reader of expressions; what it finds is tested against `re`


def _beginnings(parsed: Any) -> tuple[set[str], bool] | None:
    """The characters that what an expression matches can begin with, and whether it can be nothing; None: any."""
    found: set[str] = set()
    for operation, argument in parsed:
        match str(operation):
            case "AT":
                continue
            case "LITERAL":
                part: tuple[set[str], bool] | None = ({chr(argument)}, False)
            case "SUBPATTERN":
                part = _beginnings(argument[3])
            case "BRANCH":
                ways = [_beginnings(way) for way in argument[1]]
                known = [way for way in ways if way is not None]
                if len(known) < len(ways):
                    return None
                part = (set().union(*(letters for letters, _ in known)), any(nothing for _, nothing in known))
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, _, repeated = argument
                inner = _beginnings(repeated)
                part = inner and (inner[0], inner[1] or least == 0)
            case _:
                return None
        if part is None:
            return None
        found |= part[0]
        if not part[1]:
            return found, False
    return found, True


def _by_letter(rules: Iterable[str]) -> tuple[dict[str, re.Pattern[str]], re.Pattern[str]]:
    """Those that begin at the edge of a word with a known letter, by letter; and one expression of all others."""
    letters: dict[str, list[str]] = {}
    others = []
    for rule in rules:
        begins = _beginnings(_sre.parse(rule)) if rule.startswith(_EDGE) else None
        if begins is None or begins[1]:
            others.append(rule)
            continue
        for letter in begins[0]:
            letters.setdefault(letter, []).append(rule)
    return {letter: _any(*found) for letter, found in letters.items()}, _any(*others)


_AT_A_WORD, _ELSEWHERE = _by_letter(_DANGERS)


def _is_dangerous(plain: str) -> bool:
    if _ELSEWHERE.search(plain):
        return True
    place = 0
    for word in plain.split(" "):
        rules = _AT_A_WORD.get(word[:1])
        if rules is not None and rules.match(plain, place):
            return True
        place += len(word) + 1
    return False


def is_emergency(*texts: str) -> bool:
    """Whether a message tells of a medical emergency or of harm to oneself, the writer's or somebody's near.

    Args:
        texts: the message in one or more spellings; one is enough.
    """
    return any(map(_tells_of_danger, {_plain(text): None for text in texts}))


_NONE = re.compile(
    r"\b(?:(?:its|it is|thats|that is|this is|is|was|are) (?:really )?(?:not|no) (?:an? )?(?:real |medical )?emergency"
    r"|not an? (?:real |medical )?emergency|no (?:real |medical )?emergency"
    r"|(?:nobody|no one|noone|none of us)(?: is|s| here is| was| got)? (?:hurt|in danger|dying|injured|bleeding)"
    r"|false alarm"
    r"|(?:im|i am|were|we are|hes|he is|shes|she is|theyre) not (?:hurt|in danger|dying|suicidal|injured))\b"
)


def is_denied(*texts: str) -> bool:
    """Whether a message says that there is no emergency ("the cough is no emergency", "nobody is hurt")."""
    return any(_NONE.search(_plain(text)) for text in texts)


def _plain(text: str) -> str:
    return " ".join(_NEITHER.sub(" ", _APOSTROPHE.sub("", fold(text))).split())


def _tells_of_danger(plain: str) -> bool:
    return _is_dangerous(plain) and _is_dangerous(_DENIED.sub(" , ", _FIGURES.sub(" , ", plain)))
