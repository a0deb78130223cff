"""What the assistant says, made for a text message: plain, in the GSM alphabet where possible, in few segments.

A text message travels in segments: 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038), or 70 of UCS-2 as soon
as one character is outside of it; 153 or 67 each where there are several. Every segment is paid for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from bot.channels.model import Message

MOST_SEGMENTS = 3  # of one message

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # these take two places each
_LIKE = str.maketrans({
    **dict.fromkeys("‘’‚‛′`´", "'"), **dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\t", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    "…": "...", "⁄": "/", "•": "*", "·": "*", "→": "->", "×": "x", "™": "(TM)", "©": "(c)", "®": "(R)",
})
_LINK = re.compile(r"\[(?P<label>[^\[\]]*)\]\((?P<target>[^()\s]*)\)")
_CUTS = (  # where a text may be cut, best first, and what joins what was not cut after all
    (re.compile(r"\n"), "\n"), (re.compile(r"(?<=[.!?])\s+"), " "), (re.compile(r"\s+"), " "),
    (re.compile(r"(?<=.)(?=.)", re.DOTALL), ""),
)


def plain(text: str) -> str:
    """The text without link syntax: an address is written out, a number to call is just the number."""
    return _LINK.sub(_written_out, text)


def gsm(text: str) -> str:
    """The text in the GSM alphabet where its characters have a place or a likeness there."""
    found = []
    for character in text.translate(_LIKE):
        if character not in _BASIC and character not in _EXTENDED:
            parts = [p for p in unicodedata.normalize("NFKD", character) if not unicodedata.combining(p)]
            character = "".join(parts) if parts and _BASIC.issuperset(parts) else character
        found.append(character)
    return "".join(found)


def segments(text: str) -> int:
    """How many segments the text takes."""
    if all(character in _BASIC or character in _EXTENDED for character in text):
        return _parts((2 if character in _EXTENDED else 1 for character in text), single=160, several=153)
    return _parts((2 if ord(character) > 0xFFFF else 1 for character in text), single=70, several=67)


def bodies(messages: Sequence[Message], *, before: str = "") -> list[str]:
    """One turn's messages as texts: one where all fits in three segments, else as few as hold it.

    Choices are numbered over the whole turn, as the engine counts them. Where only choices beside an answer would need
    another text, they are left out: they can be asked for in words.

    Args:
        before: said first, such as the introduction.
    """
    said = [gsm(plain(message.text)) for message in messages]
    titles = [choice.title for message in messages for choice in message.choices]
    pieces = [piece for part in (gsm(plain(before)), *said) for piece in _pieces(part)]
    packed = _pack(pieces)
    if titles:
        offered = gsm(choices(titles))
        with_choices = _pack([*pieces, *_pieces(offered)])
        needed = any(message.kind in ("prompt", "fallback") for message in messages if message.choices)
        if needed or len(with_choices) == len(packed):
            return with_choices
    return packed


def choices(titles: Sequence[str]) -> str:
    """`Reply 1 for a new code`, and a line for each further choice; a title in the patient's own words, which begins
    like a sentence, is quoted."""
    lines = [
        f'{number} for "{title}"' if title[:1].isupper() else f"{number} for {title}"
        for number, title in enumerate(titles, 1)
    ]
    return "Reply " + "\n".join(lines)


def _written_out(link: re.Match[str]) -> str:
    label, target = link["label"].strip(), link["target"]
    scheme, _, rest = target.partition(":")
    match scheme:
        case "tel":
            return label or rest
        case "mailto":
            return rest if label in ("", rest) else f"{label} ({rest})"
        case "https" | "http":
            return target if label in ("", target, rest.removeprefix("//")) else f"{label}: {target}"
    return label


def _parts(places: Iterator[int], *, single: int, several: int) -> int:
    total, count, used = 0, 1, 0
    for width in places:
        total += width
        if used + width > several:  # a character of two places is not cut in two
            count, used = count + 1, 0
        used += width
    return 1 if total <= single else count


def _pieces(text: str) -> list[str]:
    """The text, cut at lines, sentences, words or anywhere, in this order, where it is longer than it may be."""
    if not text or segments(text) <= MOST_SEGMENTS:
        return [text] if text else []
    for cut, joint in _CUTS:
        parts = [part for part in cut.split(text) if part]
        if len(parts) > 1:
            return _pack([piece for part in parts for piece in _pieces(part)], joint)
    return [text.strip()]


def _pack(pieces: Sequence[str], joint: str = "\n") -> list[str]:
    packed: list[str] = []
    for piece in pieces:
        if packed and segments(packed[-1] + joint + piece) <= MOST_SEGMENTS:
            packed[-1] += joint + piece
        else:
            packed.append(piece)
    return packed
