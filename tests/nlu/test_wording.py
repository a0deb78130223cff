"""The normalizer: folding, lexicon, spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.nlu.examples import Example
from bot.nlu.wording import Wording, count_words, fold, load_lexicon


@pytest.fixture(scope="module")
def wording(examples: list[Example]) -> Wording:
    return Wording(count_words(example.text for example in examples))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wher do u put teh cod", "where do you put the code"),
        ("pls snd a new OTP", "please send a new code"),
        ("does my pasword chnage", "does my password change"),
        ("verifcation emial never came", "verification email never came"),
        ("i didnt get the txt", "i didn't get the text"),
        ("CAN I USE MY LANDLINE", "can i use my landline"),
        ("2fa??", "two step verification ? ?"),
        ("heyyyyy", "hey"),
    ],
)
def test_what_people_type_becomes_what_they_mean(wording: Wording, typed: str, meant: str) -> None:
    """SMS words are spelt out, misspellings mended, capitals folded."""
    assert wording.normalize(typed) == meant


@pytest.mark.parametrize("word", ["nextgen", "tracfone", "landline", "verizon", "authenticator", "wifi", "pxp"])
def test_words_of_the_field_are_left_alone(wording: Wording, word: str) -> None:
    """A word that the dictionary of English lacks is not mended away when patients use it."""
    assert wording.normalize(word) == word


def test_a_masked_code_stays_one_word(wording: Wording) -> None:
    """The mark that stands for a code survives, wherever it is glued on."""
    assert wording.normalize("my code is [code].") == "my code is [code] ."


def test_addresses_and_numbers_become_what_they_are(wording: Wording) -> None:
    """Whose address or number it is says nothing about the topic."""
    assert wording.normalize("write to pat@example.com or 845-555-0123") == "write to emailaddress or phonenumber"


def test_full_width_and_accents_are_folded() -> None:
    """One form for each character."""
    assert fold("\uff23\uff4f\uff44\uff45  CAF\u00c9 it\u2019s") == "code cafe it's"


def test_a_broken_lexicon_names_its_line(tmp_path: Path) -> None:
    """A line that is not two columns is refused with its number."""
    path = tmp_path / "lexicon.tsv"
    path.write_text("# comment\nu\tyou\nbroken\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 3"):
        load_lexicon(path)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_normalized(text: str) -> None:
    """No text makes the normalizer fail, and what it leaves is lower case without runs of spaces."""
    plain = _PLAIN.normalize(text)
    assert plain == " ".join(plain.split())


_PLAIN = Wording({}, spelling=False)
