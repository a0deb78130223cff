"""Which texts are keywords."""

from __future__ import annotations

import pytest

from bot.channels.keywords import Keyword, handled, keyword


@pytest.mark.parametrize(
    "text", ["stop", "STOP!", " opt out ", "opt-out", "Opt_Out", "STOP ALL", "quit", "cancel.", "end"]
)
def test_stop(text):
    """Case, blanks and punctuation do not hide a STOP."""
    assert keyword(text, opted_out=False) is Keyword.STOP


@pytest.mark.parametrize(
    "text", ["stop it now", "please cancel my visit", "the end", "st op", "unstoppable", "", "1", "ok"]
)
def test_no_keyword(text):
    """A message with such a word in it is a message."""
    assert keyword(text, opted_out=False) is None


@pytest.mark.parametrize("text", [
    "please stop texting me", "Don't text me any more!", "don’t send me texts", "no more texts please", "stop please",
    "take me off your list", "unsubscribe me", "I don't want any more messages", "can you stop texting this number?",
])
def test_stop_in_a_sentence(text):
    """Who says nothing but that, in words that anybody understands, has stopped the texts."""
    assert keyword(text, opted_out=False) is Keyword.STOP


@pytest.mark.parametrize("text", [
    "stop sending me codes I did not ask for", "no more texts came", "I never text", "how do I stop the texts",
    "please stop texting my ex", "I don't want to sign in", "will you stop texting me if I sign in",
])
def test_a_sentence_that_says_more_is_a_message(text):
    """A question or a trouble with such words in it is answered."""
    assert keyword(text, opted_out=False) is None


@pytest.mark.parametrize("text", ["START", "start!", " Unstop ", "un-stop"])
def test_start(text):
    """START and UNSTOP bring texts back, stopped or not; a word that Twilio does not take for START is none, since
    Twilio would go on blocking."""
    assert keyword(text, opted_out=True) is (None if "-" in text else Keyword.START)
    assert keyword("opt in", opted_out=True) is None


def test_yes_starts_only_what_was_stopped():
    """Yes is consent after a STOP and an answer otherwise."""
    assert keyword("Yes", opted_out=True) is Keyword.START
    assert keyword("Yes", opted_out=False) is None


@pytest.mark.parametrize(
    ("given", "expected"), [("STOP", Keyword.STOP), ("start", Keyword.START), ("", None), ("x", None)]
)
def test_twilios_word(given, expected):
    """`OptOutType` is one of three words, or says nothing."""
    assert handled(given) is expected
