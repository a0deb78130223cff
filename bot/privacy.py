"""What keeps personal data out of places where it does not belong: masks, redaction, pseudonyms, encryption.

Nothing else in the project masks a number or looks for a code.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CODE_MARK = "[code]"
CODE_DIGITS = 6

# --- masks -----------------------------------------------------------------------------------------------------


def mask_phone(number: str) -> str:
    """`+18455550142` -> `•••-•••-0142`: enough to recognise one's own number, useless to others."""
    return f"•••-•••-{number[-4:]}"


def mask_email(address: str) -> str:
    """`alex@example.com` -> `a•••@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


# --- codes in what a patient types ------------------------------------------------------------------------------

_DIGIT_WORDS = {
    "zero": "0", "oh": "0", "null": "0", "one": "1", "two": "2", "three": "3", "four": "4", "for": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}
_SURE_WORDS = [word for word in _DIGIT_WORDS if word not in ("for", "oh", "null")]
_MULTIPLES = {"double": 2, "triple": 3}
_WORD = rf"(?:(?:{'|'.join(_MULTIPLES)})[\s-]+)?(?:{'|'.join(_DIGIT_WORDS)})"
_UNIT = rf"(?:\d|\b(?:{_WORD})\b)"
# One separator between two digits, or a comma, dot or dash with spaces around it; none between written digits.
_SEPARATOR = r"(?:\s?[,;./_*|:\u2010-\u2015\u2026-]\s?|\s+|\s?\.\.\.\s?)"
_RUN = re.compile(rf"{_UNIT}(?:{_SEPARATOR}?{_UNIT})*", re.IGNORECASE)
_PLAIN = re.compile(r"(?<![\d])(?<!\d[-.,/:])(?<!\+)\d{6}(?![\d])(?![-.,/:]\d)")
_TOKEN = re.compile(rf"\d|{_WORD}", re.IGNORECASE)


class Redacted(NamedTuple):
    """Text with every code replaced by `[code]`, and the codes that were in it (for `exposed`, then forgotten)."""

    text: str
    codes: tuple[str, ...]


def redact_codes(text: str) -> Redacted:
    """Replace what looks like a one-time code.

    A code is exactly six digits, of any script or as English words, with at most one separator between two of them,
    and not part of a longer run: phone numbers, dates of eight digits and one-digit choices survive.
    """
    pieces: list[str] = []
    codes: list[str] = []
    plain, position = _ascii_digits(text), 0
    for match in _PLAIN.finditer(plain):  # six digits that stand alone are a code, whatever stands beside them
        _redact_runs(plain[position : match.start()], pieces, codes)
        pieces.append(CODE_MARK)
        codes.append(match.group())
        position = match.end()
    _redact_runs(plain[position:], pieces, codes)
    return Redacted("".join(pieces), tuple(codes))


def _redact_runs(text: str, pieces: list[str], codes: list[str]) -> None:
    position = 0
    for match in _RUN.finditer(text):
        digits = _digits_of(match.group())
        if len(digits) == CODE_DIGITS:
            pieces += [text[position : match.start()], CODE_MARK]
            codes.append(digits)
            position = match.end()
    pieces.append(text[position:])


def _ascii_digits(text: str) -> str:
    """Digits of any script as 0 to 9, invisible characters dropped, so that no disguise hides a code."""
    characters = []
    for character in text:
        if unicodedata.category(character) == "Cf" and character != "\u200d":  # keeps joined emoji whole
            continue
        value = unicodedata.digit(character, None)
        characters.append(character if value is None else str(value))
    return "".join(characters)


def _digits_of(run: str) -> str:
    digits = []
    words = 0
    for token in _TOKEN.findall(run):
        if token.isdecimal():
            digits.append(token)
            continue
        *multiple, word = re.split(r"[\s-]+", token.lower())
        digits.append(_DIGIT_WORDS[word] * (_MULTIPLES[multiple[0]] if multiple else 1))
        words += word in _SURE_WORDS
    # "for", "oh" and "null" count only beside words that are surely digits ("four oh nine for two one").
    return "" if digits and not words and not any(t.isdecimal() for t in _TOKEN.findall(run)) else "".join(digits)


_PHONE = re.compile(r"(?<!\d)(?:\+?\d[\s().-]{0,2}){6,14}\d(?!\d)")
_EMAIL = re.compile(r"[^\s@<>()\[\],;]+@[^\s@<>()\[\],;]+\.[^\s@<>()\[\],;.]+")


def redact_contacts(text: str) -> str:
    """Mask phone numbers and email addresses, for every place that keeps a patient's words."""
    text = _EMAIL.sub(lambda match: mask_email(match.group()), text)
    return _PHONE.sub(lambda match: mask_phone(re.sub(r"\D", "", match.group())), text)


def find_contact(text: str) -> str | None:
    """The first email address or phone number in a text, as written; None where there is none."""
    match = _EMAIL.search(text) or _PHONE.search(text)
    return match.group().strip().rstrip(".") if match else None


# --- keys, pseudonyms, encryption -------------------------------------------------------------------------------


class Keys:
    """Keys derived from one master secret, a different one for each purpose.

    Args:
        masters: the current master secret first, then earlier ones that old rows may still be sealed with.
    """

    def __init__(self, *masters: bytes) -> None:
        if not masters or any(len(master) < 32 for master in masters):
            raise ValueError("a master secret needs at least 32 bytes")
        self._masters = masters

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, always of the oldest master, so that pseudonyms and look-ups outlive rotations."""
        return _derive(self._masters[-1], purpose)

    def pseudonym(self, kind: str, value: str) -> str:
        """A keyed stand-in for a value: equal values give equal ones, and nobody without the key can tell which."""
        return hmac.new(self.derive(f"pseudonym:{kind}"), value.encode(), hashlib.sha256).hexdigest()[:32]

    def seal(self, purpose: str, value: str) -> bytes:
        """Encrypt a field (AES-256-GCM); `purpose` is bound to it, so a value cannot be moved to another column."""
        nonce = os.urandom(12)
        key = AESGCM(_derive(self._masters[0], f"seal:{purpose}"))
        return nonce + key.encrypt(nonce, value.encode(), purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> str:
        """Decrypt a field.

        Raises:
            ValueError: none of the keys fits, or the value was changed.
        """
        for master in self._masters:
            try:
                key = AESGCM(_derive(master, f"seal:{purpose}"))
                return key.decrypt(sealed[:12], sealed[12:], purpose.encode()).decode()
            except InvalidTag:
                continue
        raise ValueError(f"a {purpose} field was sealed with a key that is not here")


class KeysUnusable(ValueError):
    """The file of keys cannot be used; the message names it, the cause and the mend, in one line."""


def load_keys(secret: str, data_dir: Path) -> Keys:
    """The keys of this installation.

    Args:
        secret: TWOSTEP_SECRET_KEY: one or more master secrets, current first, separated by commas. When empty, they
            are the lines of `DATA_DIR/keys`, which is made (readable by its owner only) where it does not exist.

    Raises:
        KeysUnusable
        ValueError: `secret` is too short; the settings see to that before.
    """
    if secret:
        return Keys(*(part.strip().encode() for part in secret.split(",")))
    path = data_dir / "keys"
    try:
        return Keys(*(line.strip().encode() for line in _kept_secrets(path).splitlines() if line.strip()))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise KeysUnusable(f"{path}: {why}; mend or move away that file, or set TWOSTEP_SECRET_KEY") from error


def _kept_secrets(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"keys.{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_hex(32) + "\n")
        try:
            os.link(made, path)  # fails where another process was faster: then its file counts
        except FileExistsError:
            pass
        made.unlink()
    return path.read_text()


def _derive(master: bytes, purpose: str) -> bytes:
    return hmac.new(master, f"twostep:{purpose}".encode(), hashlib.sha256).digest()
