"""Where a message falls into separate questions, and where it does not."""

from __future__ import annotations

import pytest

from bot.nlu.splitting import MOST_PARTS, asks, split
from bot.nlu.understanding import Understanding


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("how do I change my email and is the text free?", ["how do I change my email", "is the text free?"]),
        ("Where do I put it? Also how long is it good for?", ["Where do I put it?", "Also how long is it good for?"]),
        ("can i use my landline", ["can i use my landline"]),
        ("text and email", ["text and email"]),
    ],
)
def test_conjunctions_cut_only_before_a_question(text: str, parts: list[str]) -> None:
    """ "and" between two things is no cut, "and" before a question is."""
    assert split(text) == parts


def test_a_story_is_not_a_question() -> None:
    """A sentence that tells is told from one that asks."""
    assert not asks("My husband set this up before he passed.")
    assert asks("how do I get in")
    assert asks("It costs nothing?")


def test_there_is_a_limit_of_parts() -> None:
    """A wall of questions costs no more than a few."""
    assert len(split("why? " * 100)) == MOST_PARTS


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("how do I change my email and is it free to get the text?", ["update_email", "ask_text_charges"]),
        ("Can I use my landline? And how long is the code good for?", ["ask_landline", "ask_code_expiry"]),
        (
            "do i still need my password and will i have to do this every time i log in",
            ["ask_password_needed", "ask_how_often"],
        ),
    ],
)
def test_two_questions_get_two_topics_in_order(understanding: Understanding, text: str, intents: list[str]) -> None:
    """Both questions are found, the first one first."""
    assert [part.intent for part in understanding.understand(text).parts] == intents


@pytest.mark.parametrize(
    "text",
    [
        "I moved to Ohio. My daughter set up a new cell for me. How do I get the new number on my account?",
        "My son says the bank does this too. I only have a house phone with a cord. Can it be used for the code?",
        "Hi there! Thanks for being here. Does it cost anything to get the text?",
    ],
)
def test_a_story_around_one_question_is_one_question(understanding: Understanding, text: str) -> None:
    """Background is not a second question."""
    verdict = understanding.understand(text)
    assert verdict.decision == "answer"
    assert verdict.parts == ()
