"""The words of text messages and emails that verification sends."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.settings import Settings

SEGMENT = 160  # characters of one text message
_GSM7 = frozenset(
    "@$\n\r !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)  # those of GSM 03.38 that take one place and that nobody misreads; anything else would shorten a segment to 70


def plain(name: str) -> str:
    """A name in characters of which 160 fit into a text: accents go, what has no plain form becomes a blank."""
    bare = (character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character))
    return " ".join("".join(character if character in _GSM7 else " " for character in bare).split())


@dataclass(frozen=True, slots=True)
class Words:
    """What messages say of the practice.

    Args:
        practice: its name.
        phone: where patients call.
        host: the portal's host name; phones offer the code only on that page (the origin-bound one-time code format).
        code_life: how long a code is good, such as "10 minutes".
    """

    practice: str
    phone: str
    host: str
    code_life: str

    @classmethod
    def of(cls, settings: Settings) -> Words:
        """From the settings."""
        host = urlsplit(settings.own_url).hostname or "localhost"
        return cls(settings.practice, settings.phone, host, settings.code_life)

    def code_text(self, code: str, reference: str) -> str:
        """One segment; the last line is what phones fill in by themselves."""
        rest = f" code {reference}: {code}. Good for {self.code_life}. Never share it."
        last = f"\n\n@{self.host} #{code}"
        name = plain(self.practice)
        room = SEGMENT - len(rest) - len(last)
        if room < 0:  # a very long host name: the sentence matters more than the filling in
            return (name[: SEGMENT - len(rest)] + rest)[:SEGMENT]
        return name[:room].rstrip() + rest + last

    def code_subject(self, reference: str, *, confirms: bool = False) -> str:
        """Without the code: subjects are shown on locked screens."""
        return f"{self.practice}: your {'confirmation' if confirms else 'sign-in'} code {reference}"

    def code_email(self, code: str, reference: str, *, confirms: bool = False) -> str:
        """The email with a code.

        Args:
            confirms: that codes may come to this address, which may be a stranger's by a slip of the keyboard.
        """
        not_you = (
            "If you did not ask for sign-in codes at this address, somebody mistyped theirs: you need do nothing."
            if confirms else
            f"If you did not try to sign in, somebody may know your password: change it and call {self.phone}."
        )
        return (
            f"Your single-use code {reference} is {code}.\n\n"
            f"It is good for {self.code_life}, and only the newest code works.\n"
            f"Nobody from {self.practice} will ask for it. Never share it, and never type it into a chat.\n"
            f"{not_you}\n\n"
            f"@{self.host} #{code}\n"
        )

    def changed_subject(self) -> str:
        """For the contact point that was replaced."""
        return f"{self.practice}: your contact information was changed"

    def changed(self, what: str) -> str:
        """For the contact point that was replaced; one segment.

        Args:
            what: "mobile number" or "email address".
        """
        text = f": the {what} for your sign-in codes was changed. Not you? Call {self.phone}."
        name = plain(self.practice)
        return name[: SEGMENT - len(text)].rstrip() + text
