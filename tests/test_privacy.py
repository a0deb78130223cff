"""Masks, redaction of codes, pseudonyms and field encryption."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.privacy import Keys, load_keys, mask_email, mask_phone, redact_codes, redact_contacts

ONE, TWO = b"a" * 32, b"b" * 32


@pytest.mark.parametrize(
    "text",
    [
        "123456", "my code is 123456.", "123-456", "1 2 3 4 5 6", "1, 2, 3, 4, 5, 6", "12 34 56", "１２３４５６",
        "١٢٣٤٥٦", "one two three four five six", "One-Two-Three-Four-Five-Six", "1 2 three 4 five 6", "1\u200b23456",
        "1…2…3…4…5…6", "A123456", "1\n2\n3\n4\n5\n6", "code:123456", "123456, 123456", "one two three four double five",
    ],
)
def test_a_code_is_masked_in_every_disguise(text):
    """Six digits are masked whatever the script, the words or the separators."""
    redacted = redact_codes(text)
    assert "[code]" in redacted.text
    assert len(redacted.codes[0]) == 6
    assert not any(character.isdecimal() for character in redacted.text)


@pytest.mark.parametrize(
    "text",
    ["845-703-6999", "+1 845 703 6999", "(845) 703-6999", "8457036999", "10940", "4", "1234567", "10/24/1956",
     "10940-1234", "in 10 minutes I tried 3 times", "for one more", "I called 911", "at 10:30"],
)
def test_phone_numbers_and_single_digits_survive(text):
    """What is not exactly six digits in a row is left as it is."""
    assert redact_codes(text) == (text, ())


def test_the_code_is_given_for_reporting():
    """The digits that were masked are handed over, in order, as plain digits."""
    assert redact_codes("first １２３４５６ then six five four three two one").codes == ("123456", "654321")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80), st.from_regex(r"\A[0-9]{6}\Z"))
def test_no_text_around_it_saves_a_code(around, code):
    """A code between words and blanks is always masked."""
    letters = "".join(character for character in around if character.isalpha() and character.isascii())
    assert code not in redact_codes(f"{letters} {code} {letters}").text


def test_contacts_are_masked():
    """Numbers keep their last four digits, addresses their first letter and domain."""
    assert redact_contacts("call 845-555-0142 or jo@example.com.") == "call •••-•••-0142 or j•••@example.com."
    assert mask_phone("+18455550142") == "•••-•••-0142"
    assert mask_email("alex@example.com") == "a•••@example.com"


def test_a_sealed_field_opens_only_for_its_purpose():
    """A value moved to another column, or changed, does not open."""
    keys = Keys(ONE)
    sealed = keys.seal("phone", "+18455550142")
    assert keys.open("phone", sealed) == "+18455550142"
    with pytest.raises(ValueError, match="email"):
        keys.open("email", sealed)
    with pytest.raises(ValueError, match="phone"):
        keys.open("phone", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_rotation_keeps_old_fields_and_pseudonyms():
    """After a new master secret old fields open, new ones use it, and pseudonyms stay what they were."""
    before, after = Keys(ONE), Keys(TWO, ONE)
    sealed = before.seal("phone", "x")
    assert after.open("phone", sealed) == "x"
    assert after.pseudonym("phone", "x") == before.pseudonym("phone", "x")
    with pytest.raises(ValueError, match="key that is not here"):
        before.open("phone", after.seal("phone", "x"))


def test_keys_are_made_once_and_for_their_owner_only(tmp_path):
    """The key file is made at the first start, readable by its owner alone, and used from then on."""
    first = load_keys("", tmp_path)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert load_keys("", tmp_path).pseudonym("a", "b") == first.pseudonym("a", "b")
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"]


def test_a_short_secret_is_refused():
    """A master secret below 32 bytes is an error, not a weak key."""
    with pytest.raises(ValueError, match="32"):
        load_keys("short", None)
