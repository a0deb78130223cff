"""Where a message falls into separate questions, and where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.nlu.splitting import MOST_CUTS, Cut, adds, asks, clauses, cuts, evidence
from bot.nlu.understanding import Understanding


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("how do I change my email and is the text free?", Cut("how do I change my email", "is the text free?")),
        (
            "Where do I put it? Also how long is it good for?",
            Cut("Where do I put it?", "Also how long is it good for?"),
        ),
        ("1) how do i update my mobile 2) is text better", Cut("1) how do i update my mobile", "2) is text better")),
        ("no text yet, oh and do you charge", Cut("no text yet", "oh and do you charge")),
    ],
)
def test_a_message_may_be_cut_where_a_question_begins(text: str, cut: Cut) -> None:
    """At sentence ends, numbered points and conjunctions."""
    assert cuts(text)[0] == cut


@pytest.mark.parametrize("text", ["can i use my landline", "text and email", "", "and?"])
def test_conjunctions_between_words_are_no_cut(text: str) -> None:
    """ "and" between two things joins them."""
    assert cuts(text) == []


def test_a_story_is_not_a_question() -> None:
    """A sentence that tells is told from one that asks, and one that adds from one that goes on."""
    assert not asks("My husband set this up before he passed.")
    assert asks("how do I get in")
    assert asks("It costs nothing?")
    assert adds("Also I moved") and adds("my number is old too") and not adds("I moved")


def test_there_is_a_limit_of_cuts() -> None:
    """A wall of questions costs no more than a few."""
    assert len(cuts("why should I do this? " * 100)) == MOST_CUTS


def test_a_second_half_without_words_of_its_own_is_hardly_a_question() -> None:
    """ "What should I do?" leans on what was said before."""
    own = Cut("I have a landline only.", "How long is the code good for?")
    leaning = Cut("I have a landline only.", "What should I do?")
    assert evidence(own, (0.5, 0.2), (0.9, 0.9)) > 0 > evidence(leaning, (0.5, 0.2), (0.9, 0.9))


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


def test_two_questions_are_told_from_a_story_around_one(understanding: Understanding) -> None:
    """On lines that nothing was tuned on: nearly all pairs are found in order, and no story is cut in two."""
    path = Path(__file__).parent / "two_questions.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = []
    for line in lines:
        verdict = understanding.understand(line["text"])
        found.append([part.intent for part in verdict.parts] or [verdict.intent])
    pairs = [(got, line["intents"]) for got, line in zip(found, lines, strict=True) if len(line["intents"]) == 2]
    stories = [got for got, line in zip(found, lines, strict=True) if len(line["intents"]) == 1]
    assert sum(got == expected for got, expected in pairs) >= 0.85 * len(pairs)
    assert sum(len(got) > 1 for got in stories) <= 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("how long does it last ?", []),
        ("where does it go , my arm is numb", ["where does it go", "my arm is numb"]),
        (
            "no code came . i am old and it hurts",
            ["no code came", "i am old", "it hurts", "no code came i am old", "i am old it hurts"],
        ),
        ("", []),
    ],
)
def test_clauses(text: str, found: list[str]) -> None:
    """Each by itself and with the next one; a single word is none, and a message of one clause has none to look at."""
    assert clauses(text) == found
