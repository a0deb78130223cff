"""Brings what people type closer to plain English: folding, an SMS lexicon, spelling.

Nothing is thrown away that a reader would need; the point is that "wats teh cod 4" and "what is the code for" look
alike to what comes after.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from pathlib import Path

from symspellpy import SymSpell, Verbosity

from bot.privacy import CODE_MARK

LONGEST = 1000
"""Characters of a message that are read; the channels take no more."""

_HERE = Path(__file__).parent
_CODE = "singleusecode"
_TOKEN = re.compile(r"[^\W_]+(?:['/&.-][^\W_]+)*/?|[?!]|[^\w\s]")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[a-z]{2,}")
_PHONE = re.compile(r"\+?\(?\d(?:[\s().-]{0,2}\d){9,13}")
_REPEATED = re.compile(r"(.)\1{2,}")
_FOLDED = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u02bc": "'",
        "`": "'",
        "\u00b4": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": " - ",
        "\u2026": "...",
        "\u00df": "ss",
        "\u0131": "i",
    }
)
_PROTECTED = frozenset(
    {
        "nextgen",
        "pxp",
        "crystal",
        "portal",
        "landline",
        "landlines",
        "tracfone",
        "verizon",
        "tmobile",
        "gmail",
        "yahoo",
        "hotmail",
        "aol",
        "iphone",
        "android",
        "ipad",
        "authenticator",
        "whatsapp",
        "prepaid",
        "roaming",
        "wifi",
        "login",
        "logins",
        "captcha",
        "email",
        "emails",
        "texting",
        "texted",
        "chromebook",
        "facetime",
        "smartphone",
    }
)
DICTIONARY_WORDS = 12_000
"""Commonest English words that a misspelling may be mended to, beside the training words."""
REMEMBERED = 10_000
"""Words as typed whose mending is not looked for again: a message is read whole and in halves, and most patients use
the same words."""
KNOWN_WORDS = 40_000
"""Commonest English words that are left as they are."""


def fold(text: str) -> str:
    """Lower case, one form for each character (full-width, accents, typographic quotes), no runs of spaces."""
    text = unicodedata.normalize("NFKD", text[:LONGEST].translate(_FOLDED))
    kept = "".join(character for character in text if not unicodedata.combining(character))
    return " ".join(kept.lower().split())


def load_lexicon(path: Path = _HERE / "lexicon.tsv") -> dict[str, str]:
    """The SMS lexicon: as typed -> as meant.

    Raises:
        ValueError: a line is not two columns.
    """
    lexicon = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != 2 or not all(column.strip() for column in columns):
            raise ValueError(f"{path}, line {number}: expected what is typed, a tab, what is meant")
        lexicon[columns[0].strip()] = columns[1].strip()
    return lexicon


def count_words(texts: Iterable[str]) -> dict[str, int]:
    """Words of the training texts that are worth mending a misspelling to: seen twice or more."""
    counts = Counter(word for text in texts for word in re.findall(r"[a-z']{3,}", fold(text)))
    return {word: count for word, count in sorted(counts.items()) if count > 1}


def _english() -> list[tuple[str, int]]:
    """English words by falling frequency (symspellpy's dictionary, MIT)."""
    source = resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt")
    pairs = (line.split() for line in source.read_text(encoding="utf-8-sig").splitlines())
    return sorted(((word, int(count)) for word, count in pairs), key=lambda pair: -pair[1])


class Wording:
    """Normalizes messages. Thread-safe once built.

    Args:
        words: training words and their counts (`count_words`); they win over rarer English words.
        spelling: whether misspelt words are mended; off for ablations.
        lexicon: whether SMS words are spelt out; off for ablations.
    """

    def __init__(self, words: dict[str, int], *, spelling: bool = True, lexicon: bool = True) -> None:
        self._lexicon = load_lexicon() if lexicon else {}
        self._spelling = spelling
        english = _english()
        known_english = {word for word, _ in english[:KNOWN_WORDS]}
        # A misspelling that several authors made is in the training words too: it is no reason to leave it.
        own = {
            word: count for word, count in words.items() if word in known_english or word in _PROTECTED or "'" in word
        }
        self._known = known_english | set(own) | set(_PROTECTED) | set(self._lexicon)
        self._word = lru_cache(REMEMBERED)(self._mended)
        self._symspell = SymSpell(max_dictionary_edit_distance=2, prefix_length=5)
        if spelling:
            targets = dict(english[:DICTIONARY_WORDS])
            heaviest = english[0][1]
            for word in set(own) | _PROTECTED:
                targets[word] = max(targets.get(word, 1), heaviest // 50 * min(own.get(word, 5), 50))
            for word, count in targets.items():
                if len(word) > 2:
                    self._symspell.create_dictionary_entry(word, count)

    def normalize(self, text: str) -> str:
        """The message in plain lower-case words; `[code]`, numbers and addresses as one word each."""
        text = fold(text).replace(CODE_MARK, f" {_CODE} ")
        text = _EMAIL.sub(" emailaddress ", _LINK.sub(" link ", text))
        text = _PHONE.sub(" phonenumber ", text)
        return " ".join(map(self._word, _TOKEN.findall(text))).replace(_CODE, CODE_MARK)

    def _mended(self, token: str) -> str:
        if token in self._lexicon:
            return self._lexicon[token]
        token = _REPEATED.sub(r"\1\1", token)
        if token in self._lexicon:
            return self._lexicon[token]
        if not self._spelling or token in self._known or len(token) < 4 or not token.isascii() or not token.isalpha():
            return token
        if token in (_CODE, "emailaddress", "phonenumber"):
            return token
        if token.endswith("s") and token[:-1] in self._known:
            return token
        distance = 1 if len(token) < 6 else 2
        found = self._symspell.lookup(token, Verbosity.CLOSEST, max_edit_distance=distance)
        return str(found[0].term) if found else token
