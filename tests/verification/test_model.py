"""The rules of a sign-in as pure functions."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.verification.messages import Words, plain
from bot.verification.model import (
    Limits,
    Refusal,
    SendHistory,
    Verdict,
    code_digest,
    guess_wait,
    is_code,
    may_send,
    new_code,
    new_reference,
    new_token,
    seconds_up,
)

LIMITS = Limits()


def test_waits_after_wrong_codes_grow_to_an_hour() -> None:
    """None below five, then 30 s doubling to one hour and no further."""
    waits = [guess_wait(failures, LIMITS) for failures in range(21)]
    assert waits[:5] == [0] * 5
    assert waits[5:13] == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert set(waits[13:]) == {3600}


def test_codes_are_six_digits_with_leading_zeros() -> None:
    """Of many codes each has six ASCII digits, and some begin with 0."""
    codes = {new_code() for _ in range(2000)}
    assert all(is_code(code) for code in codes)
    assert any(code.startswith("0") for code in codes)
    assert len(codes) > 1900


def test_codes_and_tokens_come_from_the_systems_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code is `secrets`' number below a million with its leading zeros; a token holds 256 bits of `secrets`."""
    asked: list[int] = []
    monkeypatch.setattr(secrets, "randbelow", lambda below: asked.append(below) or 7)
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: asked.append(size) or "token")
    assert (new_code(), new_token(), asked) == ("000007", "token", [1_000_000, 32])


def test_only_six_ascii_digits_are_a_code() -> None:
    """Fullwidth and Arabic digits, signs, blanks and other lengths are none."""
    for text in ("１２３４５６", "١٢٣٤٥٦", "+12345", " 12345", "12345", "1234567", "", "12345\n", "²³¹²³¹"):
        assert not is_code(text)


def test_a_digest_is_bound_to_everything() -> None:
    """Another challenge, account, channel, purpose, code or pepper gives another digest."""
    base = {"challenge": "c", "account": "a", "channel": "sms", "purpose": "sign_in", "code": "123456"}
    digests = {code_digest(b"p", **base), code_digest(b"q", **base)}
    digests |= {code_digest(b"p", **{**base, name: "other"}) for name in base}
    assert len(digests) == 7


def test_a_reference_differs_from_the_one_before() -> None:
    """Two messages in a row never have the same reference."""
    before = None
    for _ in range(500):
        reference = new_reference(before)
        assert reference != before and len(reference) == 2 and reference[0].isalpha() and reference[1].isdigit()
        before = reference


def test_the_limits_are_judged_with_their_waits() -> None:
    """The hour's and the day's limit say when their oldest send is so old; a destination's count like an account's."""
    now = 100_000_000
    hour = [now - 3_000_000] * 3 + [now - 600_000 * number for number in (5, 4, 3, 2, 1)]
    day = [now - 80_000_000 + 4_000_000 * number for number in range(15)]
    for sends, refused in (
        (hour, Verdict(Refusal.HOUR_LIMIT, 600)), (day, Verdict(Refusal.DAY_LIMIT, 6400)),
    ):
        newest_first = sorted(sends, reverse=True)
        assert may_send(SendHistory(0, None, newest_first, []), now, LIMITS) == refused
        assert may_send(SendHistory(0, None, [], newest_first), now, LIMITS) == refused
        assert may_send(SendHistory(0, None, newest_first[1:], newest_first[1:]), now, LIMITS).allowed


@given(st.integers(0, 10_000_000))
def test_who_waits_the_seconds_is_never_too_early(milliseconds: int) -> None:
    """Whole seconds, rounded up."""
    assert 0 <= seconds_up(milliseconds) * 1000 - milliseconds < 1000


@given(
    practice=st.text(min_size=1, max_size=200), host=st.from_regex(r"[a-z]{1,40}(\.[a-z]{2,20}){1,3}", fullmatch=True),
    code=st.from_regex(r"[0-9]{6}", fullmatch=True),
)
def test_texts_fit_one_segment_whatever_the_practice_is_called(practice: str, host: str, code: str) -> None:
    """At most 160 plain characters; the code stands in the sentence and, where there is room, in the last line."""
    words = Words(practice, "845-703-6999", host, "10 minutes")
    text = words.code_text(code, "K7")
    assert len(text) <= 160 and text.isascii() and f"K7: {code}." in text
    assert text.splitlines()[-1] == f"@{host} #{code}"
    assert len(words.changed("email address")) <= 160


def test_names_lose_accents_not_letters() -> None:
    """A practice called Clínica is Clinica in a text."""
    assert plain("Clínica São José — Norte") == "Clinica Sao Jose Norte"
